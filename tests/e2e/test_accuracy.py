"""`fettle evaluate` gives the accuracy that ONNX Runtime gives, on the real networks of ../shared.
Arguments: only these networks."""

import os
import sys

import command
import datasets
import tensors


def main():
    shared, problems = command.shared(), []
    with command.scratch() as scratch:
        for model, (make, expected) in datasets.SETS.items():
            if sys.argv[1:] and model not in sys.argv[1:]:
                continue
            data = os.path.join(scratch, model + ".npz")
            samples = make(os.path.join(shared, "datasets"), model)
            tensors.write_npz(data, samples)
            artifact = os.path.join(scratch, model)
            shape = "x".join(map(str, (1, *samples["input"].shape[1:])))
            done = command.fettle("compile", os.path.join(shared, "models", model, "model.onnx"), "-o", artifact,
                                  "--shape", f"input={shape}")
            if done.returncode != 0:
                problems.append(f"{model}: compile: exit status {done.returncode}\n{done.stderr}")
                continue
            top1 = command.fettle_json("evaluate", artifact, data)["top1"]
            print(f"{model}: top-1 {top1:.2f} % of {samples['labels'].shape[0]}, expected {expected} %", flush=True)
            if abs(top1 - expected) > 0.1:
                problems.append(f"{model}: top-1 {top1:.2f} %, expected {expected} % within 0.1")
    command.finish(problems)


if __name__ == "__main__":
    main()
