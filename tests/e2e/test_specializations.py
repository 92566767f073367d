"""Several input shapes in one artifact: each is answered with the bits of an artifact for that shape alone, weights are
stored once, other shapes are refused with a list, C programs choose by shape, and any -j gives the same bytes."""

import itertools
import json
import os
import subprocess
import sys

import command
import tensors
import tiny_model

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "c-api"))
import page  # noqa: E402
from test_determinism import contents  # noqa: E402

MODELS = os.path.join(command.ROOT, "test_models")
CNN, DECODER = (os.path.join(MODELS, name, "model.onnx") for name in ("digits_cnn", "digits_decoder"))
UNFIT, USAGE = 1, 2

expectations = command.Expectations()
problems, check, expect = expectations.problems, expectations.check, expectations.expect


def compile_model(model, folder, dims, *more):
    words = [word for name, sizes in dims.items() for word in ("--dim", f"{name}={','.join(map(str, sizes))}")]
    expect(0, "compile", model, "-o", folder, "--name", "digits", *words, *more)
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        return json.load(file)


def combinations(dims):
    """Every combination of the sizes, in the order of the specializations."""
    return [dict(zip(dims, sizes)) for sizes in itertools.product(*dims.values())]


def data_for(manifest, shape, path):
    """Writes samples for the only input of a model; returns its name."""
    entry = manifest["inputs"][0]
    count = 1
    for extent in shape:
        count *= extent
    if entry["dtype"] == "i64":
        tensor = tensors.from_values("<i8", (2, *shape), [i * 7 % 26 for i in range(2 * count)])
    else:
        tensor = tensors.from_values("<f4", (2, *shape), [(i * 37 % 101) / 50 - 1 for i in range(2 * count)])
    tensors.write_npz(path, {entry["name"]: tensor})


def check_values(model, dims, scratch):
    """Each specialization against an artifact of its own. Returns the folder and the largest weights of those."""
    several = os.path.join(scratch, "several")
    manifest = compile_model(model, several, dims)
    shapes = [entry["inputs"][manifest["inputs"][0]["name"]] for entry in manifest["specializations"]]
    check(len(shapes) == len(combinations(dims)), f"{model}: {len(shapes)} specializations")
    most_weights = most_arena = 0
    for combination, shape in zip(combinations(dims), shapes):
        single = os.path.join(scratch, "single")
        alone = compile_model(model, single, {name: [size] for name, size in combination.items()})
        check(alone["inputs"][0]["shape"] == shape, f"{combination}: the specialization takes {shape}")
        most_weights, most_arena = max(most_weights, alone["weights_bytes"]), max(most_arena, alone["arena_bytes"])
        data, outputs = os.path.join(scratch, "data.npz"), [os.path.join(scratch, f"{name}.npz") for name in "ab"]
        data_for(manifest, shape, data)
        choice = [word for name, size in combination.items() for word in ("--dim", f"{name}={size}")]
        for artifact, output, more in ((several, outputs[0], choice), (single, outputs[1], [])):
            expect(0, "run", artifact, "--data", data, "-o", output, *more)
        a, b = (tensors.read_npz(path) for path in outputs)
        check(all(a[name].shape == b[name].shape and a[name].data == b[name].data for name in b) and a.keys() == b.keys(),
              f"{combination}: other bits than those of an artifact for this shape alone")
    check(manifest["arena_bytes"] <= most_arena + 64, f"arena of {manifest['arena_bytes']} bytes, singles need {most_arena}")
    check(manifest["weights_bytes"] <= 1.1 * most_weights,
          f"{model}: weights of {manifest['weights_bytes']} bytes, singles have at most {most_weights}")
    return several, shapes


def check_verbs(artifact, model, shapes, scratch):
    facts = command.fettle_json("inspect", artifact)
    listed = [entry["inputs"]["input_ids"] for entry in facts["specializations"]]
    check(listed == shapes, f"inspect lists {listed}")
    check(len({entry["macs"] for entry in facts["specializations"]}) == len(shapes), "inspect: macs of each")
    facts = command.fettle_json("compare", artifact, model)
    check(facts["within"] and len(facts["shapes"]) == len(shapes), f"compare: {facts}")
    facts = command.fettle_json("compare", artifact, model, "--dim", "seq=64")
    check(facts["within"] and len(facts["shapes"]) == len(shapes) / 2, f"compare --dim: {facts['shapes']}")
    facts = command.fettle_json("evaluate", artifact, os.path.join(MODELS, "data", "tokens_evaluation.npz"), "--teacher", model)
    check(facts["agreement"] == 100, f"evaluate: {facts}")
    done = expect(0, "bench", artifact, "--dim", "batch=3", "--dim", "seq=64", "--seconds", "0.01", "--kernels")
    check("3x64" in done.stdout, f"bench --dim: {done.stdout}")
    done = expect(0, "explain", artifact)
    check(all("x".join(map(str, shape)) in done.stdout for shape in shapes), "explain does not tell the shapes apart")

    data, out = os.path.join(scratch, "other.npz"), os.path.join(scratch, "out.npz")
    tensors.write_npz(data, {"input_ids": tensors.from_values("<i8", (1, 48), range(48))})
    expect(UNFIT, "run", artifact, "--data", data, "-o", out, says=["none of the sizes", "[1, 16]", "[3, 64]"])
    single = os.path.join(scratch, "other.npy")
    with open(single, "wb") as file:
        file.write(tensors.write_npy(tensors.from_values("<i8", (1, 48), range(48))))
    expect(UNFIT, "run", artifact, "--input", f"input_ids={single}", "-o", out, says=["1x48", "there are: input_ids 1x16; "])
    expect(USAGE, "bench", artifact, "--dim", "seq=48", says=["not compiled for these sizes", "input_ids 3x64"])
    expect(USAGE, "bench", artifact, "--dim", "sequence=64", says=["without --dim sequence", "seq"])
    expect(USAGE, "bench", artifact, "--shape", "input_ids=1x48", says=["not compiled for these sizes"])
    expect(0, "bench", artifact, "--shape", "input_ids=3x16", "--seconds", "0.01")


def check_c_program(artifact, scratch):
    """choose.c of docs/c-api.md, on the golden vectors of every specialization."""
    with open(os.path.join(artifact, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    source, program = os.path.join(scratch, "choose.c"), os.path.join(scratch, "choose")
    with open(source, "w", encoding="utf-8") as file:
        file.write(page.examples("digits")["choose.c"].replace("DIGITS_INPUT_IMAGE", "DIGITS_INPUT_INPUT_IDS"))
    subprocess.run(["cc", "-std=gnu11", "-Wall", "-Wextra", "-Werror", "-Wno-sign-compare", "-I", artifact, source,
                    os.path.join(artifact, "digits.o"), "-o", program], check=True)
    weights = os.path.join(artifact, "digits.weights")
    golden_in, golden_out, result = (os.path.join(scratch, name) for name in ("in.bin", "out.bin", "result.bin"))
    for index, entry in enumerate(manifest["specializations"]):
        golden = entry.get("golden", manifest["golden"])
        for path, file in ((golden_in, golden["inputs"][0]), (golden_out, golden["outputs"][0])):
            with open(os.path.join(artifact, file), "rb") as npy, open(path, "wb") as raw:
                raw.write(tensors.read_npy(npy).data)
        shape = [str(extent) for extent in entry["inputs"]["input_ids"]]
        ran = subprocess.run([program, weights, golden_in, result, *shape], capture_output=True, text=True)
        same = ran.returncode == 0 and open(result, "rb").read() == open(golden_out, "rb").read()
        check(same, f"choose.c: specialization {index}: exit status {ran.returncode} {ran.stderr}")
    ran = subprocess.run([program, weights, golden_in, result, "2", "64"], capture_output=True, text=True)
    check(ran.returncode == 1 and "not compiled for this shape" in ran.stderr, f"choose.c on another shape: {ran}")


def check_determinism(scratch):
    dims = {"batch": [1, 2], "seq": [8, 16]}
    artifacts = [os.path.join(scratch, name) for name in ("jobs1", "jobs2")]
    for artifact, jobs in zip(artifacts, "12"):
        compile_model(DECODER, artifact, dims, "-j", jobs)
    one, two = (contents(artifact) for artifact in artifacts)
    problems.extend(f"{path} differs with -j 2" for path in sorted(one.keys() | two.keys()) if one.get(path) != two.get(path))


def check_options(scratch):
    model, out = os.path.join(scratch, "tiny.onnx"), os.path.join(scratch, "tiny")
    tiny_model.write(model, scale=2.0)
    expect(USAGE, "compile", model, "-o", out, "--dim", "N=1,1", says=["gives 1 twice"])
    expect(USAGE, "compile", model, "-o", out, "--dim", "N=1,", says=["'' is not a size"])
    expect(USAGE, "compile", model, "-o", out, "--dim", "N=" + ",".join(map(str, range(1, 66))), says=["more than 64"])
    expect(USAGE, "compile", model, "-o", out, "--dim", "N=1,2", "--shape", "x=3x4", says=["the same shapes", "N=1", "N=2"])
    expect(USAGE, "inspect", model, "--dim", "N=1,2", says=["one size at a time"])
    expect(1, "compile", model, "-o", out, "--dim", "N=1,2", "--dim", "M=1", says=["M"])
    expect(0, "compile", model, "-o", out, "--shape", "x=2x4,5x4")
    facts = command.fettle_json("inspect", out)
    check([entry["inputs"]["x"] for entry in facts["specializations"]] == [[2, 4], [5, 4]], f"--shape: {facts}")
    rows = os.path.join(scratch, "rows.npy")
    with open(rows, "wb") as file:
        file.write(tensors.write_npy(tensors.from_values("<f4", (5, 4), range(20))))
    result = os.path.join(scratch, "rows.npz")
    # A model is compiled for all of its sizes, and the data choose.
    for subject in ([out], [model, "--dim", "N=2,5"]):
        expect(0, "run", *subject, "--input", f"x={rows}", "-o", result)
        values = tensors.read_npz(result)["y"].values()
        check(list(values) == [2.0 * i for i in range(20)], f"{subject}: {list(values)}")
    done = expect(0, "compile", model, "--dim", "N=1,2", "--until", "kernels")
    check(done.stdout.count("// -----") == 1 and "// N=2" in done.stdout, "--until does not tell the modules apart")


def main():
    with command.scratch() as scratch:
        check_options(scratch)
        check_values(CNN, {"batch": [1, 4, 16]}, scratch)
        artifact, shapes = check_values(DECODER, {"batch": [1, 3], "seq": [16, 64]}, scratch)
        check_verbs(artifact, DECODER, shapes, scratch)
        check_c_program(artifact, scratch)
        check_determinism(scratch)
    command.finish(problems)


if __name__ == "__main__":
    main()
