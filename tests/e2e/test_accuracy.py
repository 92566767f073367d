"""`fettle evaluate` gives the accuracy that ONNX Runtime gives, on the real networks of ../shared.
Arguments: only these networks."""

import os
import sys

import command
import datasets


def problems_of(networks):
    """Networks whose accuracy is another one."""
    shared, problems = command.shared(), []
    with command.scratch() as scratch:
        for model, network in networks.items():
            data, artifact = os.path.join(scratch, model + ".npz"), os.path.join(scratch, model)
            datasets.write_set(shared, model, data)
            done = command.fettle("compile", *datasets.network_arguments(shared, model), "-o", artifact)
            if done.returncode != 0:
                problems.append(f"{model}: compile: exit status {done.returncode}\n{done.stderr}")
                continue
            facts = command.fettle_json("evaluate", artifact, data)
            os.remove(data)
            top1 = facts["top1"]
            print(f"{model}: top-1 {top1:.2f} % of {facts['samples']}, expected {network.top1} %", flush=True)
            if abs(top1 - network.top1) > 0.1:
                problems.append(f"{model}: top-1 {top1:.2f} %, expected {network.top1} % within 0.1")
    return problems


if __name__ == "__main__":
    command.finish(problems_of({model: network for model, network in datasets.NETWORKS.items()
                                if model in sys.argv[1:] or not sys.argv[1:]}))
