"""`--recipe int8` on the shipped models: close to the float model, the same bytes from samples and from a profile,
at any number of jobs; and one message for each kind of bad samples, from every verb that takes some."""

import filecmp
import json
import os

import command
import tensors

FOLDER = os.path.join(command.ROOT, "test_models")
# model -> least agreement with the float model (per cent), least signal to noise of the outputs (dB)
NETWORKS = {"digits_cnn": (99.5, 38.5), "digits_vit": (99.5, 36.5), "digits_decoder": (98.5, 29)}
REJECTED, USAGE, FILE = 1, 2, 4

problems = []


def check(condition, text):
    if not condition:
        problems.append(text)


def fettle(*arguments):
    done = command.fettle(*arguments)
    if done.returncode != 0:
        raise RuntimeError(f"fettle {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}")


def check_accuracy(entry, scratch):
    name = entry["name"]
    model, artifact = os.path.join(FOLDER, entry["model"]), os.path.join(scratch, name)
    dims = [word for dim, size in entry["dims"].items() for word in ("--dim", f"{dim}={size}")]
    fettle("compile", model, *dims, "--recipe", "int8", "--calibration", os.path.join(FOLDER, entry["calibration"]),
           "-o", artifact)
    facts = command.fettle_json("evaluate", artifact, os.path.join(FOLDER, entry["evaluation"]), "--teacher", model)
    agreement, sqnr = NETWORKS[name]
    print(f"{name}: agreement {facts['agreement']:.2f} %, {facts['sqnr_db']:.2f} dB")
    check(facts["agreement"] >= agreement, f"{name}: agreement {facts['agreement']:.2f} %, at least {agreement} wanted")
    check(facts["sqnr_db"] >= sqnr, f"{name}: {facts['sqnr_db']:.2f} dB, at least {sqnr} wanted")


def same_artifact(a, b, name):
    for suffix in (".so", ".o", ".weights", ".h"):
        check(filecmp.cmp(os.path.join(a, name + suffix), os.path.join(b, name + suffix), shallow=False),
              f"{a} and {b} differ in {name}{suffix}")


def check_repeatable(entry, scratch):
    name = entry["name"]
    model, samples = os.path.join(FOLDER, entry["model"]), os.path.join(FOLDER, entry["calibration"])
    folder = {key: os.path.join(scratch, key) for key in ("one", "two", "reused")}
    profiles = [os.path.join(scratch, f"{i}.json") for i in range(2)]
    bound = ["--dim", "batch=1", "--name", name]
    fettle("compile", model, *bound, "--recipe", "int8", "--calibration", samples, "-o", folder["one"], "-j", "1")
    fettle("compile", model, *bound, "--recipe", "int8", "--calibration", samples, "-o", folder["two"], "-j", "2")
    same_artifact(folder["one"], folder["two"], name)
    for profile in profiles:
        fettle("calibrate", model, samples, "--dim", "batch=1", "-o", profile)
    check(filecmp.cmp(*profiles, shallow=False), "two profiles of one model differ")
    fettle("compile", model, *bound, "--recipe", "int8", "--profile", profiles[0], "-o", folder["reused"])
    same_artifact(folder["one"], folder["reused"], name)


def check_bad_samples(entry, scratch):
    model = os.path.join(FOLDER, entry["model"])
    good = tensors.read_npz(os.path.join(FOLDER, entry["calibration"]))
    (name, images), = [(key, value) for key, value in good.items() if key != "labels"]
    nan = tensors.from_values("<f4", (1, *images.shape[1:]), [float("nan")] + [0.0] * (len(images.rows()[0].data) // 4 - 1))
    cases = {
        "name": ({"nothing": images}, REJECTED, f"no array '{name}'"),
        "shape": ({name: tensors.Tensor("<f4", (4, 4), bytes(64))}, REJECTED, f"array '{name}'"),
        "dtype": ({name: tensors.Tensor("<i4", images.shape, bytes(len(images.data)))}, REJECTED, f"array '{name}'"),
        "nan": ({name: nan}, REJECTED, "NaN or infinity in sample 0"),
        "none": ({name: tensors.Tensor("<f4", (0, *images.shape[1:]), b"")}, REJECTED, "no samples"),
    }
    paths = {}
    for case, (arrays, code, text) in cases.items():
        path = os.path.join(scratch, case + ".npz")
        tensors.write_npz(path, arrays)
        paths[path] = (code, text)
    whole = open(os.path.join(FOLDER, entry["calibration"]), "rb").read()
    truncated = os.path.join(scratch, "truncated.npz")
    with open(truncated, "wb") as file:
        file.write(whole[:len(whole) // 2])
    paths[truncated] = (FILE, "truncated.npz")
    paths[os.path.join(scratch, "absent.npz")] = (FILE, "absent.npz")
    out, artifact, bound = os.path.join(scratch, "bad"), os.path.join(scratch, "float"), ["--dim", "batch=1"]
    fettle("compile", model, *bound, "-o", artifact)
    for path, (code, text) in paths.items():
        verbs = [["compile", model, *bound, "--recipe", "int8", "--calibration", path, "-o", out],
                 ["compile", model, *bound, "--evaluation", path, "-o", out],
                 ["calibrate", model, path, *bound, "-o", out],
                 ["evaluate", artifact, path]]
        if not path.endswith("nan.npz"):  # a model may be run on what nothing can be measured on
            verbs += [["run", artifact, "--data", path, "-o", out], ["bench", artifact, "--data", path], ["compare", artifact, model, "--data", path]]
        for verb in verbs:
            done = command.fettle(*verb)
            errors = done.stderr.count("error:")
            check(done.returncode == code and text in done.stderr and errors == 1,
                  f"{' '.join(verb)}: exit status {done.returncode} and {errors} errors, expected {code} and {text!r}:\n{done.stderr}")
            check(not os.path.exists(out), f"{' '.join(verb)} leaves something behind")
    labels = os.path.join(scratch, "labels.npz")
    for kind, count, text in (("<i8", 7, "7 labels for 4 samples"), ("<f4", 4, "labels are integers")):
        tensors.write_npz(labels, {name: tensors.Tensor("<f4", (4, *images.shape[1:]), bytes(images.rows()[0].data) * 4),
                                   "labels": tensors.Tensor(kind, (count,), bytes(count * int(kind[2])))})
        done = command.fettle("evaluate", artifact, labels)
        check(done.returncode == REJECTED and text in done.stderr, f"{count} labels of {kind}: {done.returncode}\n{done.stderr}")
    single = os.path.join(scratch, "single.npz")
    tensors.write_npz(single, {name: tensors.Tensor("<f4", (4, 4), bytes(64))})
    done = command.fettle("run", artifact, "--input", f"{name}={single}", "-o", out)
    check(done.returncode == REJECTED and f"input '{name}'" in done.stderr, f"run --input: {done.returncode}\n{done.stderr}")
    profile = os.path.join(scratch, "other.json")
    with open(profile, "w") as file:
        json.dump({"schema_version": 1, "samples": 1, "channels": {}, "tensors": {}, "rows": {}}, file)
    done = command.fettle("compile", model, "--dim", "batch=1", "--recipe", "int8", "--profile", profile, "-o", out)
    check(done.returncode == REJECTED and "another model" in done.stderr, f"foreign profile: {done.returncode}\n{done.stderr}")
    done = command.fettle("compile", model, "--dim", "batch=1", "--recipe", "int8", "-o", out)
    check(done.returncode == USAGE and "--calibration" in done.stderr, f"no samples: {done.returncode}\n{done.stderr}")


def main():
    with open(os.path.join(FOLDER, "manifest.json"), encoding="utf-8") as file:
        entries = {entry["name"]: entry for entry in json.load(file)["models"]}
    with command.scratch() as scratch:
        for entry in entries.values():
            check_accuracy(entry, scratch)
        check_repeatable(entries["digits_cnn"], scratch)
        check_bad_samples(entries["digits_cnn"], scratch)
    command.finish(problems)


if __name__ == "__main__":
    main()
