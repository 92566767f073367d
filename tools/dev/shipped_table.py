"""Compiles the models of test_models and prints a table of size, latency and accuracy.

    shipped_table.py FETTLE OUT      FETTLE: the tool; OUT: folder for the artifacts
"""

import json
import os
import subprocess
import sys

MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "test_models")


def run(*arguments):
    """Echoes the command, runs it, and gives its JSON result if it was asked for one."""
    shown = [os.path.relpath(word) if os.path.isabs(word) else word for word in arguments]
    print("  $ fettle " + " ".join(shown[1:]), flush=True)
    done = subprocess.run(arguments, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"exit status {done.returncode}")
    return json.loads(done.stdout) if arguments[-2:] == ("--json", "-") else None


def artifact_bytes(folder):
    """Code and weights: what is deployed."""
    return sum(os.path.getsize(os.path.join(folder, name)) for name in os.listdir(folder)
               if name.endswith((".so", ".weights")) or name.startswith("weights"))


def main():
    tool, out = os.path.abspath(sys.argv[1]), os.path.abspath(sys.argv[2])
    os.makedirs(out, exist_ok=True)
    with open(os.path.join(MODELS, "manifest.json"), encoding="utf-8") as file:
        manifest = json.load(file)["models"]
    rows = []
    for entry in manifest:
        model, artifact = os.path.join(MODELS, entry["model"]), os.path.join(out, entry["name"])
        evaluation = os.path.join(MODELS, entry["evaluation"])
        dims = [word for dim, size in entry["dims"].items() for word in ("--dim", f"{dim}={size}")]
        run(tool, "compile", model, "-o", artifact, *dims)
        latency = run(tool, "bench", artifact, "--threads", "1", "--seconds", "1", "--json", "-")["latency_us"]["median"]
        accuracy = run(tool, "evaluate", artifact, evaluation, "--json", "-")["top1"]
        rows.append((entry["name"], f"{os.path.getsize(model) / 1024:.0f} KiB", f"{artifact_bytes(artifact) / 1024:.0f} KiB",
                     f"{latency:.1f} us", f"{accuracy:.1f} %", f"{entry['top1']:.1f} %"))
    header = ("model", "ONNX file", "code and weights", "latency, 1 thread", "top-1", "top-1 of the ONNX file")
    print()
    print("| " + " | ".join(header) + " |")
    print("|---|" + "--:|" * (len(header) - 1))
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
