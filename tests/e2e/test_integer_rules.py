"""The two rules by which sums become 8 bits again: quantized networks decide alike under `ieee_f32` and under `tosa`, and
what has no second rule says so."""

import json
import os

import command
import datasets
import tensors

RULES = ("ieee_f32", "tosa")
USAGE = 2
LEAST_AGREEMENT = 99.0  # per cent of the samples
MODEL, SAMPLES = "resnet8-cifar10", 128
problems = []


def check(condition, text):
    if not condition:
        problems.append(text)


def compile_model(arguments, samples, rule, folder, *more):
    done = command.fettle("compile", *arguments, "--recipe", "int8", "--calibration", samples, "--set", f"integers.rule={rule}",
                          "-o", folder, *more)
    if done.returncode != 0:
        raise RuntimeError(f"{arguments[0]}, {rule}: exit status {done.returncode}\n{done.stderr}")


def decisions(artifact, data, scratch):
    """The index of the largest value of the first output, for each sample."""
    path = os.path.join(scratch, "outputs.npz")
    done = command.fettle("run", artifact, "--data", data, "--output", path)
    if done.returncode != 0:
        raise RuntimeError(f"run {artifact}: exit status {done.returncode}\n{done.stderr}")
    first = next(iter(tensors.read_npz(path).values()))
    rows = [row.values() for row in first.rows()]
    return [max(range(len(row)), key=row.__getitem__) for row in rows]


def check_agreement(name, arguments, samples, evaluation, scratch):
    """Both rules, and that the second is the one that runs."""
    chosen = []
    for rule in RULES:
        artifact = os.path.join(scratch, f"{name}-{rule}")
        compile_model(arguments, samples, rule, artifact)
        chosen.append(decisions(artifact, evaluation, scratch))
        with open(os.path.join(artifact, "manifest.json"), encoding="utf-8") as file:
            counts = json.load(file)["requantizations"]
        print(f"{name} {rule}: {counts}")
        # What is left to the other rule is the network's input.
        check(counts["ieee_f32"] == 1 and counts["tosa"] > 0 if rule == "tosa" else counts["tosa"] == 0, f"{name}, {rule}: {counts}")
    same = sum(a == b for a, b in zip(*chosen))
    agreement = 100 * same / len(chosen[0])
    print(f"{name}: {agreement:.2f} % of {len(chosen[0])} decided alike", flush=True)
    check(agreement >= LEAST_AGREEMENT, f"{name}: the rules agree on {agreement:.2f} %, at least {LEAST_AGREEMENT} % wanted")


def check_refusals(arguments, samples, scratch):
    out = os.path.join(scratch, "refused")
    for words, text in ((["--set", "integers.rule=float"], "ieee_f32 or tosa"),
                        (["--set", "integers.rule=tosa", "--target", "onnx"], "an ONNX model has ONNX's rule")):
        done = command.fettle("compile", *arguments, "--recipe", "int8", "--calibration", samples, "-o", out, *words)
        check(done.returncode == USAGE and text in done.stderr, f"{words}: exit status {done.returncode}\n{done.stderr}")
        check(not os.path.exists(out), f"{words} leaves something behind")


def main():
    folder = os.path.join(command.ROOT, "test_models")
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        entry = next(entry for entry in json.load(file)["models"] if entry["name"] == "digits_cnn")
    samples, evaluation = (os.path.join(folder, entry[key]) for key in ("calibration", "evaluation"))
    arguments = [os.path.join(folder, entry["model"]), "--dim", "batch=1"]
    with command.scratch() as scratch:
        check_refusals(arguments, samples, scratch)
        check_agreement("digits_cnn", arguments, samples, evaluation, scratch)
        if os.path.isdir(os.path.join(os.environ.get("FETTLE_SHARED", ""), "models", MODEL)):
            shared = command.shared()
            data, few = os.path.join(scratch, "data.npz"), os.path.join(scratch, "few.npz")
            datasets.write_set(shared, MODEL, data)
            images = tensors.read_npz(data)["input"]
            step = len(images.data) // images.shape[0]
            tensors.write_npz(few, {"input": tensors.Tensor(images.kind, (SAMPLES, *images.shape[1:]), images.data[:SAMPLES * step])})
            check_agreement(MODEL, datasets.network_arguments(shared, MODEL), few, data, scratch)
    command.finish(problems)


if __name__ == "__main__":
    main()
