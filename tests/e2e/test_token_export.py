"""A network with fewer tokens, exported for ONNX Runtime, answers there as the artifact for the CPU does, on real images. Where it
does not, two partners or two merges must cost the same up to rounding (ORT expands |a - b|^2, the artifact does not), seen in
the costs that the exported graph itself computes. Skipped without numpy, onnx and onnxruntime."""

import os

import command
import datasets

try:
    import numpy
    import onnx
    import onnxruntime
except ImportError as missing:
    command.skip(f"needs onnx and onnxruntime: {missing}")

MODEL = "vit-cifar10"
RECIPE = ["--recipe", "tokens", "--set", "tokens.remove=7,15,15,7,7"]  # half of the multiply-adds
SAMPLES = 500
EQUAL = 1e-4  # difference of logits as a share of the largest; rounding alone is 2e-6
ROUNDING = 1e-5  # difference of two costs as a share of the mean cost
LEAST_SHARE = 0.999


def spread(count, calibration):
    """SAMPLES of those for evaluation."""
    indices = datasets.evaluation_part(count, calibration)
    return indices[::len(indices) // SAMPLES][:SAMPLES]


def observed(path):
    """A session whose results are the logits and, for each matching, the costs [sources, targets]; how many sources each merges."""
    model = onnx.load(path)
    constants = {weight.name: onnx.numpy_helper.to_array(weight) for weight in model.graph.initializer}
    costs = [node.input[0] for node in model.graph.node if node.op_type == "ArgMin"]
    counts = [int(constants[node.input[1]].item()) for node in model.graph.node if node.op_type == "TopK"]
    model.graph.output.extend(onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, None) for name in costs)
    options = onnxruntime.SessionOptions()
    options.log_severity_level, options.intra_op_num_threads = 3, 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"]), counts


def smallest_gap(costs, count):
    """By how much the next best choice costs more, of the partners of the `count` cheapest sources and of those sources."""
    costs = costs.reshape(costs.shape[-2:]).astype(numpy.float64)
    nearest = numpy.sort(costs, axis=1)
    cheapest = numpy.argsort(nearest[:, 0], kind="stable")
    gaps = list(nearest[cheapest[:count], 1] - nearest[cheapest[:count], 0]) if costs.shape[1] > 1 else []
    if count < len(costs):
        gaps.append(nearest[cheapest[count], 0] - nearest[cheapest[count - 1], 0])
    return min(gaps) / costs.mean()


def problems_of(opset, folder, images, wanted, network):
    out = os.path.join(folder, f"exported-{opset}")
    done = command.fettle("compile", *network, *RECIPE, "--target", f"onnx:opset={opset}", "--name", "exported", "-o", out)
    if done.returncode != 0:
        return [f"opset {opset}: compile: exit status {done.returncode}\n{done.stderr}"]
    session, counts = observed(os.path.join(out, "exported.onnx"))
    name = session.get_inputs()[0].name
    different, ties, problems = 0, 0, []
    for i, image in enumerate(images):
        logits, *costs = session.run(None, {name: image[None]})
        gap = min(map(smallest_gap, costs, counts))
        ties += gap <= ROUNDING
        error = numpy.abs(logits - wanted[i]).max() / numpy.abs(wanted[i]).max()
        if not error <= EQUAL:
            different += 1
            if not gap <= ROUNDING:
                problems.append(f"opset {opset}: sample {i} is {error:.1e} off, and no two costs are nearer than {gap:.1e}")
    share = 1 - different / len(images)
    print(f"opset {opset}: {len(counts)} matchings, {different} of {len(images)} samples differ, {ties} have ties", flush=True)
    if share < LEAST_SHARE:
        problems.append(f"opset {opset}: {100 * share:.2f} % of the samples agree, at least {100 * LEAST_SHARE:.1f} % wanted")
    if not counts or ties > 0.05 * len(images):  # then the excuse of a tie would excuse anything
        problems.append(f"opset {opset}: {ties} of {len(images)} samples have ties in {len(counts)} matchings")
    return problems


def main():
    shared, problems = command.shared(), []
    network = datasets.network_arguments(shared, MODEL)
    with command.scratch() as folder:
        data, artifact, answers = (os.path.join(folder, name) for name in ("data.npz", "artifact", "answers.npz"))
        datasets.write_set(shared, MODEL, data, spread)
        for arguments in (["compile", *network, *RECIPE, "-o", artifact], ["run", artifact, "--data", data, "--output", answers]):
            done = command.fettle(*arguments)
            if done.returncode != 0:
                command.finish([f"fettle {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}"])
        with numpy.load(data) as images, numpy.load(answers) as answered:
            wanted = answered[answered.files[0]].reshape(len(images["input"]), 1, -1)
            for opset in (13, 17):
                problems += problems_of(opset, folder, images["input"], wanted, network)
    command.finish(problems)


if __name__ == "__main__":
    main()
