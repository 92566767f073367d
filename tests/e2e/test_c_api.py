"""The programs of docs/c-api.md, word for word, call a compiled model: C (object and shared library), Python's ctypes,
and Rust where there is a compiler. The library has no undefined symbols."""

import json
import os
import subprocess
import sys

import command


def main():
    folder = os.path.join(command.ROOT, "test_models")
    with open(os.path.join(folder, "manifest.json"), encoding="utf-8") as file:
        entry = json.load(file)["models"][0]
    dims = [word for dim, size in entry["dims"].items() for word in ("--dim", f"{dim}={size}")]
    with command.scratch() as scratch:
        artifact = os.path.join(scratch, "digits")
        done = command.fettle("compile", os.path.join(folder, entry["model"]), "-o", artifact, "--name", "digits", *dims)
        if done.returncode != 0:
            command.finish([f"compile: exit status {done.returncode}\n{done.stderr}"])
        problems = []
        undefined = subprocess.run(["nm", "-D", "--undefined-only", os.path.join(artifact, "digits.so")],
                                   capture_output=True, text=True, check=True).stdout
        if undefined:
            problems.append(f"undefined symbols: {undefined}")
        page = os.path.join(command.ROOT, "tests", "e2e", "c-api", "page.py")
        ran = subprocess.run([sys.executable, "-B", page, artifact], capture_output=True, text=True)
        print(ran.stdout, end="")
        if ran.returncode != 0:
            problems.append(f"docs/c-api.md: {ran.stderr}")
        command.finish(problems)


if __name__ == "__main__":
    main()
