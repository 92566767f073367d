"""Products of bf16: refused where a target has none, told of where they are, close to the float model where they run; a
network of bf16 as well as one of single precision."""

import json
import os

import command
import tiny_model

FOLDER = os.path.join(command.ROOT, "test_models")
DONE, USAGE, FAILED = 0, 2, 3
# model -> least signal to noise of the outputs (dB) beside the float model
NETWORKS = {"digits_cnn": 44, "digits_vit": 46, "digits_decoder": 42}

expectations = command.Expectations()
check, expect = expectations.check, expectations.expect


def entries():
    with open(os.path.join(FOLDER, "manifest.json"), encoding="utf-8") as file:
        for entry in json.load(file)["models"]:
            dims = [word for dim, size in entry["dims"].items() for word in ("--dim", f"{dim}={size}")]
            yield entry["name"], os.path.join(FOLDER, entry["model"]), dims, os.path.join(FOLDER, entry["evaluation"])


def host_has_bf16():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        return "avx512_bf16" in file.read()


def refusals(folder):
    """One message that says what to type; nothing falls back to another arithmetic."""
    name, model, dims, _ = next(entries())
    out = os.path.join(folder, "out")
    for target, other in (("cpu:x86-64-v3", "--target cpu:x86-64-v4+bf16"), ("cpu:x86-64-v4+vnni", "--target cpu:x86-64-v4+vnni+bf16"),
                          ("cpu:aarch64+dotprod", "--target cpu:aarch64+dotprod+bf16"), ("onnx", "--set products=f32")):
        for ask in (["--recipe", "bf16"], ["--set", "products=bf16"]):
            expect(USAGE, "compile", model, *dims, "--target", target, *ask, "-o", out, says=["products=bf16", other])
    check(not os.path.exists(out), "a refused compilation left a folder")
    expect(USAGE, "compile", model, *dims, "--set", "products=f16", "-o", out, says=["products cannot be 'f16'", "f32 or bf16"])
    expect(USAGE, "compile", model, *dims, "--target", "cpu:x86-64-v3+bf16", "-o", out, says=["cpu:x86-64-v4+bf16"])


def nothing_to_do(folder):
    """A network without products says that nothing was done."""
    model, out = os.path.join(folder, "tiny.onnx"), os.path.join(folder, "out")
    tiny_model.write(model, 2.0)
    done = expect(DONE, "compile", model, "--dim", "N=1", "--target", "cpu:x86-64-v4+bf16", "--recipe", "bf16", "-o", out)
    check("nothing in bf16" in done.stdout, f"a network without products: {done.stdout}")


def is_told(folder):
    """The order of extensions does not matter; the artifact says what is multiplied in bf16, and asks for the instruction."""
    name, model, dims, _ = next(entries())
    for target in ("cpu:x86-64-v4+vnni+bf16", "cpu:x86-64-v4+bf16+vnni", "cpu:aarch64+bf16"):
        out = os.path.join(folder, "out")
        done = expect(DONE, "compile", model, *dims, "--target", target, "--recipe", "bf16", "-o", out)
        check("multiply-adds in bf16" in done.stdout, f"{target}: {done.stdout}")
        facts = command.fettle_json("inspect", out)
        check(facts["macs_by_precision"].get("bf16", 0) > facts["macs"] / 2, f"{target}: {facts['macs_by_precision']}")
        check(command.report_of(out)["macs_by_precision"] == facts["macs_by_precision"], f"{target}: the report differs")
        with open(os.path.join(out, "manifest.json"), encoding="utf-8") as file:
            manifest = file.read()
        check(("bf16" if "aarch64" in target else "avx512bf16") in manifest, f"{target}: the manifest does not ask for the instruction")


def accuracy(folder):
    """As close to the float model as eight bits of mantissa are, and half the weights."""
    if not host_has_bf16():
        print("this machine has no products of bf16: accuracy is not measured")
        return
    for name, model, dims, samples in entries():
        out, plain = os.path.join(folder, name), os.path.join(folder, name + "-f32")
        expect(DONE, "compile", model, *dims, "-o", plain)
        expect(DONE, "compile", model, *dims, "--recipe", "bf16", "--evaluation", samples, "--max-drop", "1%", "-o", out)
        facts = command.fettle_json("evaluate", out, samples, "--teacher", model)
        print(f"{name}: {facts['sqnr_db']:.1f} dB, agreement {facts['agreement']:.2f} %")
        check(NETWORKS[name] <= facts["sqnr_db"] < 80, f"{name}: {facts}")
        expect(DONE, "compare", out, model)
        sizes = [command.fettle_json("inspect", artifact)["weights_bytes"] for artifact in (out, plain)]
        check(sizes[0] < 0.8 * sizes[1], f"{name}: weights of {sizes}")


command.run_parts(expectations, refusals, nothing_to_do, is_told, accuracy)
