"""Exported models in ONNX Runtime: the golden vectors of the folder, and the answers of the model that was exported, on
the shipped models and those of ../shared. Skipped without numpy and onnxruntime. Arguments: only these models."""

import json
import os
import sys

import command

try:
    import numpy
    import onnxruntime
except ImportError as missing:
    command.skip(f"needs onnxruntime: {missing}")

# Bindings of free dims; the shipped models state theirs.
SHARED = {
    "resnet8-cifar10/model.onnx": ["N=1"],
    "resnet8-cifar10/model_int8_qdq.onnx": ["N=1"],
    "dscnn-kws/model.onnx": ["N=1"],
    "dscnn-kws/model_int8_qdq.onnx": ["N=1"],
    "tinymobilenet-cifar10/model.onnx": [],
    "tinymobilenet-cifar10/model_int8_qoperator.onnx": [],
    "vit-cifar10/model.onnx": ["N=1"],
    "vit-mnist/model.onnx": ["N=1"],
    "vit-vnncomp-ibp-3-3-8/model.onnx": ["batch_size=1"],
    "squeezenet1.0-fp16/model.onnx": [],
    "nnsplit-en/model.onnx": ["batch=1", "length=40"],
    "nanogpt-untrained-import-only/model_int8_dynamic.onnx": ["batch_size=1"],
    "stories260k/model_kv.onnx": ["batch=1", "seq=1", "past=8"],
}
QUANTIZED = ("int8", "fp16")


def session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    # What the file says, not what a runtime makes of it: fused integer products round differently.
    if any(word in path for word in QUANTIZED):
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def distance(actual, wanted):
    """Largest difference as a share of the largest value."""
    if actual.shape != wanted.shape or actual.dtype != wanted.dtype:
        return float("inf")
    if not wanted.size:
        return 0.0
    actual, wanted = actual.astype(numpy.float64), wanted.astype(numpy.float64)
    return float(numpy.abs(actual - wanted).max() / max(numpy.abs(wanted).max(), 1e-6))


def check(model, dims, opset, scratch):
    """Problems, as sentences."""
    label = f"{'/'.join(model.split('/')[-2:])} in opset {opset}"
    folder = os.path.join(scratch, "exported")
    bindings = [word for dim in dims for word in ("--dim", dim)]
    done = command.fettle("compile", model, "-o", folder, "--name", "exported-" + os.path.basename(model), "--target",
                          f"onnx:opset={opset}", *bindings)
    if done.returncode != 0:
        return [f"{label}: compile: exit status {done.returncode}\n{done.stderr}"]
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)
    golden = {role: [numpy.load(os.path.join(folder, path)) for path in manifest["golden"][role + "s"]]
              for role in ("input", "output")}
    exported = session(os.path.join(folder, manifest["identifier"] + ".onnx"))
    inputs = {entry["name"]: value for entry, value in zip(manifest["inputs"], golden["input"])}
    names = [entry["name"] for entry in manifest["outputs"]]
    answers = exported.run(names, inputs)
    try:
        originals = session(model).run(names, inputs)
    except Exception:  # some models of ../shared are read by fettle alone
        originals = answers
    worst = max(map(distance, answers, golden["output"]), default=0), max(map(distance, answers, originals), default=0)
    print(f"{label}: {worst[0]:.1e} from the golden vectors, {worst[1]:.1e} from the original", flush=True)
    # A step of 8 bits, or of half precision, may fall the other way.
    allowed = 0.05 if any(word in model for word in QUANTIZED) else 1e-3
    return [f"{label}: {error:.1e} from {what}" for error, what in zip(worst, ("the golden vectors", "the original"))
            if not error <= allowed]


def main():
    problems, chosen = [], sys.argv[1:]
    shipped = os.path.join(command.ROOT, "test_models")
    with open(os.path.join(shipped, "manifest.json"), encoding="utf-8") as file:
        cases = [(os.path.join(shipped, entry["model"]), [f"{dim}={size}" for dim, size in entry["dims"].items()])
                 for entry in json.load(file)["models"]]
    shared = os.environ.get("FETTLE_SHARED", "")
    cases += [(os.path.join(shared, "models", model), dims) for model, dims in SHARED.items()
              if os.path.exists(os.path.join(shared, "models", model))]
    with command.scratch() as scratch:
        for model, dims in cases:
            if not chosen or any(word in model for word in chosen):
                for opset in (13, 17, 21):
                    problems += check(model, dims, opset, scratch)
    command.finish(problems)


if __name__ == "__main__":
    main()
