#!/usr/bin/env python3
"""What fewer tokens bring in time: artifacts with and without them, measured in turns within one run.

    tests/bench/token_speed.py [--only NAME]... [--threads 1] [--rounds 7] [--seconds 0.3] [--work DIR]
                               [--fettle BIN] [--shared DIR] [--json FILE]

    vit-cifar10   half of its multiply-adds, the schedule searched on its calibration set; needs nothing more
    deit-small    13 tokens fewer behind each attention but the last, behind which one is read
    bert-base     128 tokens, 8 fewer behind each attention; a mean over tokens and two classes are added to its graph

The last two have random weights, made by make_architectures.py of ../shared, which needs numpy and onnx. What is missing is
left out, and why is told. Time: the fastest call of all rounds. Steps: the ratio of the sums over steps of the fastest of each, as
`bench --kernels` measures them; where the machine is not left alone, no call of 100 ms is undisturbed, but its steps now and then are.
Matching: the share of match_tokens in those. Exit status 1: the ratio of times, or the matching's share, is above its line.
"""

import argparse
import importlib.util
import json
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

import datasets  # noqa: E402

MOST_MATCHING = 0.05


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", action="append", metavar="NAME", choices=NETWORKS)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=0.3, help="per artifact and round")
    parser.add_argument("--work", default=os.path.join(ROOT, "build", "token-speed"), help="for models and artifacts; models are kept")
    parser.add_argument("--fettle", default=os.path.join(ROOT, "build", "release", "bin", "fettle"))
    parser.add_argument("--shared", default=os.path.join(ROOT, "..", "shared"))
    parser.add_argument("--json", help="the results, to this file")
    return parser.parse_args()


def fettle(options, *words):
    done = subprocess.run([options.fettle, *words], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"fettle {' '.join(words)}: exit status {done.returncode}")
    return done.stdout


def make_architecture(options, name):
    path = os.path.join(options.work, f"{name}.onnx")
    if not os.path.exists(path):
        maker = os.path.join(options.shared, "tools", "make_architectures.py")
        subprocess.run([sys.executable, maker, options.work, name], check=True)
    return path


def add_mean_head(source, path):
    """Two classes from the mean over the tokens of an encoder with an output [batch, tokens, width]."""
    import numpy
    import onnx
    graph = (model := onnx.load(source)).graph
    hidden = graph.output.pop()
    width = hidden.type.tensor_type.shape.dim[2].dim_value
    weights = numpy.random.default_rng(0).standard_normal((width, 2), dtype=numpy.float32) * numpy.float32(width ** -0.5)
    graph.initializer.append(onnx.numpy_helper.from_array(weights, "classes"))
    graph.node.append(onnx.helper.make_node("ReduceMean", [hidden.name], ["pooled"], name="pooled", axes=[1], keepdims=0))
    graph.node.append(onnx.helper.make_node("MatMul", ["pooled", "classes"], ["logits"], name="logits"))
    graph.output.append(onnx.helper.make_tensor_value_info("logits", onnx.TensorProto.FLOAT, ["N", 2]))
    onnx.save(model, path)


def vit_cifar10(options):
    calibration = os.path.join(options.work, "vit-cifar10.npz")
    datasets.write_set(options.shared, "vit-cifar10", calibration, datasets.calibration_part)
    return datasets.network_arguments(options.shared, "vit-cifar10"), ["--set", "tokens.macs=0.5", "--calibration", calibration]


def deit_small(options):
    return [make_architecture(options, "deit-small"), "--dim", "N=1"], ["--set", "tokens.remove=13"]


def bert_base(options):
    path = os.path.join(options.work, "bert-base-mean.onnx")
    if not os.path.exists(path):
        add_mean_head(make_architecture(options, "bert-base"), path)
    return [path, "--dim", "N=1", "--dim", "S=128"], ["--set", "tokens.remove=8"]


class Network:
    """prepare: what to compile, and what is added to remove tokens. line: largest share of the time. packages: that it is made with."""

    def __init__(self, prepare, line, packages=()):
        self.prepare, self.line, self.packages = prepare, line, packages


NETWORKS = {
    "vit-cifar10": Network(vit_cifar10, 0.60),
    "deit-small": Network(deit_small, 0.66, ("numpy", "onnx")),
    "bert-base": Network(bert_base, 0.75, ("numpy", "onnx")),
}


def why_not(options, network):
    """The reason why a network cannot be measured here; empty if it can."""
    missing = [package for package in network.packages if not importlib.util.find_spec(package)]
    if missing:
        return f"its model is made with {' and '.join(missing)}, which this Python does not have"
    return "" if os.path.isdir(os.path.join(options.shared, "models")) else f"the models are not there ({options.shared})"


def measure(options, name, network):
    model, removing = network.prepare(options)
    folders = {part: os.path.join(options.work, f"{name}-{part}") for part in ("all", "few")}
    fettle(options, "compile", *model, "-o", folders["all"])
    fettle(options, "compile", *model, "--recipe", "tokens", *removing, "-o", folders["few"])
    bench = ["--kernels", "--threads", str(options.threads), "--seconds", str(options.seconds), "--json", "-"]
    ms, fastest = dict.fromkeys(folders, float("inf")), {}
    for _ in range(options.rounds):
        for part, folder in folders.items():
            facts = json.loads(fettle(options, "bench", folder, *bench))
            ms[part] = min(ms[part], facts["latency_us"]["min"] / 1000)
            kernels, before = facts["kernels"], fastest.get(part)
            fastest[part] = [min(kernel["us"], old) for kernel, old in zip(kernels, before or [float("inf")] * len(kernels))]
    matching = sum(us for kernel, us in zip(kernels, fastest["few"]) if kernel["kind"] == "match_tokens")
    with open(os.path.join(folders["few"], "manifest.json"), encoding="utf-8") as file:
        tokens = json.load(file)["tokens"]
    return {"network": name, "tokens": [tokens["sites"][0]["tokens_in"], tokens["sites"][-1]["tokens_out"]],
            "macs_share": tokens["macs_after"] / tokens["macs_before"], "all_ms": ms["all"], "few_ms": ms["few"],
            "ratio": ms["few"] / ms["all"], "line": network.line, "steps_ratio": sum(fastest["few"]) / sum(fastest["all"]),
            "matching": matching / sum(fastest["few"])}


def main():
    options = parse_options()
    os.makedirs(options.work, exist_ok=True)
    rows, left_out = [], []
    for name in options.only or NETWORKS:
        if reason := why_not(options, NETWORKS[name]):
            left_out.append(f"{name}: left out: {reason}")
            continue
        rows.append(measure(options, name, NETWORKS[name]))
    print(f"{'network':12} {'tokens':>10} {'MACs':>7} {'all, ms':>9} {'few, ms':>9} {'ratio':>6} {'line':>6} {'steps':>6} {'matching':>9}")
    for row in rows:
        print(f"{row['network']:12} {'{} -> {}'.format(*row['tokens']):>10} {100 * row['macs_share']:5.1f} % {row['all_ms']:9.3f} {row['few_ms']:9.3f} "
              f"{row['ratio']:6.3f} {row['line']:6.2f} {row['steps_ratio']:6.3f} {100 * row['matching']:7.1f} %")
    print(*left_out, sep="\n", end="\n" if left_out else "")
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"threads": options.threads, "networks": rows}, file, indent=1)
    sys.exit(any(row["ratio"] > row["line"] or row["matching"] > MOST_MATCHING for row in rows))


if __name__ == "__main__":
    main()
