"""Models compiled for AArch64 run under qemu-user, in a program that holds nothing but the artifact's object, and
give the answers of the same model compiled for this machine (the golden vectors)."""

import glob
import json
import os
import shutil
import subprocess

import command

COMPILER, EMULATOR = "aarch64-linux-gnu-gcc", "qemu-aarch64"
# Sums in another order than on this machine.
RTOL, ATOL = "1e-3", "1e-3"
# A value between two bf16 falls to the other side by the order of sums, in any layer.
BF16_TOLERANCES = ("1e-2", "1e-2")
RULES = ("ieee_f32", "tosa")


def models():
    """(name, file, options, tolerances) of the shipped models, of resnet8 where the shared ones are, and of a
    network of integers whose results are scaled sums, equal to the last bit."""
    folder = os.path.join(command.ROOT, "test_models")
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        for entry in json.load(file)["models"]:
            dims = [word for dim, size in entry["dims"].items() for word in ("--dim", f"{dim}={size}")]
            model = os.path.join(folder, entry["model"])
            yield entry["name"], model, dims, (RTOL, ATOL)
            if entry["name"] == "digits_cnn":
                recipe = ["--recipe", "int8", "--calibration", os.path.join(folder, entry["calibration"])]
                for rule in RULES:
                    yield f"digits_cnn_{rule}", model, [*dims, *recipe, "--set", f"integers.rule={rule}"], ("0", "0")
    shared = os.path.join(os.environ.get("FETTLE_SHARED", ""), "models", "resnet8-cifar10")
    for path in sorted(glob.glob(os.path.join(shared, "model.onnx"))):
        yield "resnet8", path, ["--dim", "N=1"], (RTOL, ATOL)


def check(name, model, options, tolerances, target, scratch):
    """Problems of one model on one target, as sentences."""
    artifact = os.path.join(scratch, f"{name}-{target.replace(':', '-')}")
    done = command.fettle("compile", model, "-o", artifact, "--name", name, "--target", target, *options)
    if done.returncode != 0:
        return [f"{name} {target}: compile: exit status {done.returncode}\n{done.stderr}"]
    with open(os.path.join(artifact, "manifest.json"), encoding="utf-8") as file:
        identifier = json.load(file)["identifier"]
    runner = os.path.join(artifact, "runner")
    subprocess.run([COMPILER, "-static", "-O1", f"-DMODEL={identifier}_model", "-I", artifact,
                    os.path.join(command.ROOT, "tests", "e2e", "aarch64", "runner.c"),
                    os.path.join(artifact, f"{identifier}.o"), "-o", runner, "-lm"], check=True)
    ran = subprocess.run([EMULATOR, "-cpu", "max", runner, os.path.join(artifact, f"{identifier}.weights"),
                          os.path.join(artifact, "golden"), *tolerances], capture_output=True, text=True)
    print(f"{target}: {ran.stdout}", end="")
    return [] if ran.returncode == 0 else [f"{name} {target}: exit status {ran.returncode}\n{ran.stdout}{ran.stderr}"]


def main():
    for tool in (COMPILER, EMULATOR):
        if not shutil.which(tool):
            command.skip(f"no {tool}")
    with command.scratch() as scratch:
        problems = []
        for name, model, options, tolerances in models():
            for target in ("cpu:aarch64", "cpu:aarch64+dotprod+i8mm"):
                problems += check(name, model, options, tolerances, target, scratch)
            if "--recipe" not in options:
                problems += check(name, model, [*options, "--recipe", "bf16"], BF16_TOLERANCES, "cpu:aarch64+bf16", scratch)
        command.finish(problems)


if __name__ == "__main__":
    main()
