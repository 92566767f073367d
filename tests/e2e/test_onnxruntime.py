"""What `fettle run --data` answers has ONNX Runtime's top class on all but one sample in a thousand, on the real networks
of ../shared. Skipped without numpy and onnxruntime, for photographs without Pillow. Arguments: only these networks."""

import os

import command
import datasets

try:
    import numpy
    import onnxruntime
except ImportError as missing:
    command.skip(f"needs onnxruntime: {missing}")


def answers_of_onnxruntime(model, samples):
    """The first output for each sample, one call each as in the artifact: [samples, classes]."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return numpy.stack([session.run(None, {name: sample[None]})[0].ravel() for sample in samples])


def answers_of_fettle(artifact, data, output):
    """The same from `fettle run`."""
    done = command.fettle("run", artifact, "--data", data, "--output", output, timeout=1200)
    if done.returncode != 0:
        raise RuntimeError(f"run: exit status {done.returncode}\n{done.stderr}")
    with numpy.load(output) as file:
        first = file[file.files[0]]
    return first.reshape(len(first), -1)


def problems_of(model, scratch):
    shared = command.shared()
    data, artifact = os.path.join(scratch, "data.npz"), os.path.join(scratch, model)
    datasets.write_set(shared, model, data)
    done = command.fettle("compile", *datasets.network_arguments(shared, model), "-o", artifact)
    if done.returncode != 0:
        return [f"{model}: compile: exit status {done.returncode}\n{done.stderr}"]
    ours = answers_of_fettle(artifact, data, os.path.join(scratch, "answers.npz"))
    with numpy.load(data) as file:
        theirs = answers_of_onnxruntime(os.path.join(shared, "models", model, "model.onnx"), file["input"])
    others = int((ours.argmax(1) != theirs.argmax(1)).sum())
    error = float(numpy.abs(ours - theirs).max() / numpy.abs(theirs).max())
    print(f"{model}: another top class on {others} of {len(theirs)} samples; largest difference {error:.1e} of the "
          "largest output", flush=True)
    return [f"{model}: another top class on {others} of {len(theirs)} samples"] if others * 1000 > len(theirs) else []


if __name__ == "__main__":
    command.run_networks(datasets.ALL_NETWORKS, problems_of)
