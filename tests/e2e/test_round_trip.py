"""A network that fettle quantized, written as ONNX: in ONNX Runtime, and in OpenVINO where it is installed, the top class is the artifact's on at least
99.5 % of the evaluation set, and on all of it but one in a thousand where no value is a float between integers: no sum lies on a tie there. Read by
fettle again it gives the artifact's answers, bit for bit. On real networks of ../shared.
Skipped without numpy and onnxruntime. Arguments: only these networks."""

import glob
import importlib.util
import os

import command
import datasets
from test_onnxruntime import answers_of_fettle, answers_of_onnxruntime, numpy

LEAST, LEAST_WITHOUT_TIES = 99.5, 99.9
WITHOUT_TIES = ("resnet8-cifar10", "dscnn-kws", "tinymobilenet-cifar10", "mobilenetv2-1.0-224")


def answers_of_openvino(model, samples):
    """As answers_of_onnxruntime; None without OpenVINO."""
    if not importlib.util.find_spec("openvino"):
        return None
    import openvino
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    request = compiled.create_infer_request()
    return numpy.stack([numpy.array(request.infer({compiled.inputs[0]: sample[None]})[compiled.outputs[0]]).ravel() for sample in samples])


def problems_of(model, scratch):
    path = lambda name: os.path.join(scratch, name)
    network = datasets.network_arguments(command.shared(), model)
    datasets.write_set(command.shared(), model, path("calibration.npz"), datasets.calibration_part)
    datasets.write_set(command.shared(), model, path("evaluation.npz"))
    quantized = ("--recipe", "int8", "--profile", path("profile.json"))
    for arguments in (["calibrate", network[0], path("calibration.npz"), *network[1:], "-o", path("profile.json")],
                      ["compile", *network, *quantized, "-o", path("artifact")],
                      ["compile", *network, *quantized, "--target", "onnx:opset=13", "-o", path("onnx")]):
        done = command.fettle(*arguments)
        if done.returncode != 0:
            return [f"{model}: {arguments[0]}: exit status {done.returncode}\n{done.stderr}"]
    exported, = glob.glob(path("onnx/*.onnx"))
    ours, again = (answers_of_fettle(path(folder), path("evaluation.npz"), path(folder + ".npz")) for folder in ("artifact", "onnx"))
    with numpy.load(path("evaluation.npz")) as file:
        samples = file["input"]
    problems = [] if numpy.array_equal(ours, again) else [f"{model}: imported again it answers {numpy.abs(ours - again).max()} beside the artifact"]
    for name, answers in (("ONNX Runtime", answers_of_onnxruntime(exported, samples)), ("OpenVINO", answers_of_openvino(exported, samples))):
        if answers is None:
            continue
        agreement = 100 * float((answers.argmax(1) == ours.argmax(1)).mean())
        print(f"{model}: top class in {name} the same on {agreement:.2f} % of {len(samples)} samples", flush=True)
        least = LEAST_WITHOUT_TIES if model in WITHOUT_TIES else LEAST
        if agreement < least:
            problems.append(f"{model}: top class in {name} the same on {agreement:.2f} % of the samples, at least {least} wanted")
    return problems


if __name__ == "__main__":
    command.run_networks(datasets.NETWORKS, problems_of)
