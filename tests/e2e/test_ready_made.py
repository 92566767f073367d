"""Networks that came quantized answer as ONNX Runtime does: top-1 within half a point of its, the same top class on at least 99 % of the
evaluation set, and every product that the file quantizes runs in integers. On the real networks of ../shared. Skipped
without numpy and onnxruntime, for photographs without Pillow. Arguments: only these networks."""

import os

import command
import datasets
from test_onnxruntime import answers_of_fettle, answers_of_onnxruntime, numpy

NETWORKS = {"resnet8-cifar10": "model_int8_qdq.onnx", "dscnn-kws": "model_int8_qdq.onnx",
            "tinymobilenet-cifar10": "model_int8_qoperator.onnx", "mobilenetv2-1.0-224": "model_int8_qdq.onnx"}


def problems_of(model, scratch):
    shared = command.shared()
    data, artifact = os.path.join(scratch, "data.npz"), os.path.join(scratch, model)
    datasets.write_set(shared, model, data)
    quantized = os.path.join(shared, "models", model, NETWORKS[model])
    done = command.fettle("compile", quantized, *datasets.network_arguments(shared, model)[1:], "-o", artifact)
    if done.returncode != 0:
        return [f"{model}: compile: exit status {done.returncode}\n{done.stderr}"]
    problems, macs = [], command.fettle_json("inspect", artifact)["macs_by_precision"]
    ours = answers_of_fettle(artifact, data, os.path.join(scratch, "answers.npz")).argmax(1)
    with numpy.load(data) as samples:
        theirs, labels = answers_of_onnxruntime(quantized, samples["input"]).argmax(1), samples["labels"]
    top1, reference, agreement = (100 * float((classes == wanted).mean()) for classes, wanted in ((ours, labels), (theirs, labels), (ours, theirs)))
    print(f"{model}: top-1 {top1:.2f} %, of ONNX Runtime {reference:.2f} %; same top class on {agreement:.2f} % of {len(labels)} samples; "
          f"multiply-adds {macs}", flush=True)
    if abs(top1 - reference) > 0.5:
        problems.append(f"{model}: top-1 {top1:.2f} %, of ONNX Runtime {reference:.2f} %")
    if agreement < 99:
        problems.append(f"{model}: same top class on {agreement:.2f} % of the samples")
    if set(macs) != {"int8"}:
        problems.append(f"{model}: multiply-adds {macs}")
    return problems


if __name__ == "__main__":
    command.run_networks(NETWORKS, problems_of)
