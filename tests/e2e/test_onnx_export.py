"""`--target onnx`: the folder it writes, what it says of itself, that it runs as the model it was made of, that equal
options give equal bytes, and what is refused. The models are those of test_models and a small one written here."""

import glob
import json
import os

import command
import tensors
import tiny_model

MODELS = os.path.join(command.ROOT, "test_models")
problems = []


def check(condition, text):
    if not condition:
        problems.append(text)


def compile_onnx(model, folder, *options):
    done = command.fettle("compile", model, "-o", folder, *options)
    check(done.returncode == 0, f"{model} {options}: exit status {done.returncode}\n{done.stderr}")
    return done.returncode == 0


def refused(code, says, *arguments):
    done = command.fettle(*arguments)
    line = " ".join(arguments)
    check(done.returncode == code, f"{line}: exit status {done.returncode}, expected {code}\n{done.stderr}")
    for text in says:
        check(text in done.stderr, f"{line}: does not say {text!r}, but\n{done.stderr}")


def bytes_below(folder):
    """The content of all files but the reports, by name."""
    names = [name for name in glob.glob(os.path.join(folder, "**"), recursive=True) if os.path.isfile(name)]
    return {os.path.relpath(name, folder): open(name, "rb").read() for name in names if "report." not in name}


def check_folder(entry, opset, scratch):
    name, out = entry["name"], os.path.join(scratch, f"{entry['name']}-{opset}")
    model = os.path.join(MODELS, entry["model"])
    dims = [word for dim, size in entry["dims"].items() for word in ("--dim", f"{dim}={size}")]
    if not compile_onnx(model, out, "--target", f"onnx:opset={opset}", *dims):
        return
    with open(os.path.join(out, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    check(manifest["target"] == {"name": f"onnx:opset={opset}", "opset": opset}, f"{name}: target {manifest['target']}")
    check(sorted(file["path"] for file in manifest["files"]) == sorted(set(bytes_below(out)) - {"manifest.json"}),
          f"{name}: files {[file['path'] for file in manifest['files']]}")
    exported = os.path.join(out, manifest["identifier"] + ".onnx")
    check(tensors.model_inputs_outputs(exported) == tensors.model_inputs_outputs(model), f"{name}: other inputs or outputs")
    # The folder runs like any other, and is what it was made of.
    facts = command.fettle_json("compare", out, model, "--random", "2", "--rtol", "1e-3", "--atol", "1e-4")
    check(facts["within"], f"{name} of opset {opset}: {facts['outputs']}")
    check(command.fettle_json("inspect", exported)["opsets"] == {"ai.onnx": opset}, f"{name}: opset of the file")
    again = os.path.join(scratch, "again")
    compile_onnx(model, again, "--target", f"onnx:opset={opset}", "-j", "1", *dims)
    check(bytes_below(out) == bytes_below(again), f"{name}: equal options give other bytes")



def write_bitwise(path):
    """y = (x & x) | x in int32, in opset 18: there is no such operator before."""
    def value(name):
        dims = tiny_model.field(1, tiny_model.field(1, 4))
        return tiny_model.field(1, name) + tiny_model.field(2, tiny_model.field(1, tiny_model.field(1, 6) + tiny_model.field(2, dims)))

    graph = (tiny_model.field(1, tiny_model.node("both", "BitwiseAnd", ["x", "x"], ["t"]))
             + tiny_model.field(1, tiny_model.node("either", "BitwiseOr", ["t", "x"], ["y"]))
             + tiny_model.field(2, "bits") + tiny_model.field(11, value("x")) + tiny_model.field(12, value("y")))
    with open(path, "wb") as file:
        file.write(tiny_model.field(1, 8) + tiny_model.field(7, graph) + tiny_model.field(8, tiny_model.field(2, 18)))


def check_refusals(scratch):
    model, out = os.path.join(scratch, "tiny.onnx"), os.path.join(scratch, "refused")
    tiny_model.write(model, 2.0)
    refused(2, ["opset from 13 to 21"], "compile", model, "-o", out, "--dim", "N=1", "--target", "onnx:opset=12")
    refused(2, ["did you mean 'onnx'?"], "compile", model, "-o", out, "--dim", "N=1", "--target", "onxn")
    refused(2, ["'layout' is about code", "--until quantize"], "compile", model, "--dim", "N=1", "--target", "onnx", "--until", "layout")
    refused(2, ["as-is, int8 or uint8"], "compile", model, "-o", out, "--dim", "N=1", "--target", "onnx", "--set", "onnx.activations=8")
    bits = os.path.join(scratch, "bits.onnx")
    write_bitwise(bits)
    # Both nodes, at once, each with the opset that has it.
    refused(1, ["node 'both' (BitwiseAnd)", "node 'either' (BitwiseOr)", "onnx:opset=18"], "compile", bits, "-o", out, "--target", "onnx")
    check(not os.path.exists(out), "a refused export leaves a folder")
    compile_onnx(bits, out, "--target", "onnx:opset=18")


def main():
    with open(os.path.join(MODELS, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    with command.scratch() as scratch:
        for entry in manifest["models"]:
            for opset in (13, 21):
                check_folder(entry, opset, scratch)
        check_refusals(scratch)
    command.finish(problems)


if __name__ == "__main__":
    main()
