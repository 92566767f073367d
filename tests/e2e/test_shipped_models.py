"""The models of test_models: each compiles, gives the expected outputs, and has the accuracy its manifest states."""

import json
import os

import command
import tensors

FOLDER = os.path.join(command.ROOT, "test_models")


def check(entry, scratch):
    """Problems of one model, as sentences."""
    name = entry["name"]
    artifact = os.path.join(scratch, name)
    dims = [word for dim, size in entry["dims"].items() for word in ("--dim", f"{dim}={size}")]
    done = command.fettle("compile", os.path.join(FOLDER, entry["model"]), "-o", artifact, *dims)
    if done.returncode != 0:
        return [f"{name}: compile: exit status {done.returncode}\n{done.stderr}"]

    expected_file = os.path.join(FOLDER, entry["expected"])
    expected = tensors.read_npz(expected_file)
    outputs = os.path.join(scratch, name + ".npz")
    data = os.path.join(scratch, name + "-inputs.npz")
    tensors.write_npz(data, {key: value for key, value in expected.items() if key != "logits"})
    done = command.fettle("run", artifact, "--data", data, "--output", outputs)
    if done.returncode != 0:
        return [f"{name}: run: exit status {done.returncode}\n{done.stderr}"]
    actual = tensors.read_npz(outputs)["logits"]
    wanted = expected["logits"]
    actual.shape = wanted.shape if len(actual.data) == len(wanted.data) else actual.shape
    problems = []
    difference = tensors.differences(actual, wanted, rtol=1e-3, atol=1e-3)
    if difference:
        problems.append(f"{name}: logits: {difference}")

    result = command.fettle_json("evaluate", artifact, os.path.join(FOLDER, entry["evaluation"]))
    if result["top1"] is None or abs(result["top1"] - entry["top1"]) > 0.05:
        problems.append(f"{name}: top-1 {result['top1']} %, expected {entry['top1']} %")
    print(f"{name}: top-1 {result['top1']} %")
    return problems


def main():
    with open(os.path.join(FOLDER, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    with command.scratch() as scratch:
        command.finish([problem for entry in manifest["models"] for problem in check(entry, scratch)])


if __name__ == "__main__":
    main()
