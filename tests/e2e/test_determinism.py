"""The same model gives byte-identical artifacts with one job and with two, in another folder, and again.
Arguments: [rounds [networks of ../shared...]]: so many compilations with two jobs each, to find what happens seldom."""

import json
import os
import shutil
import sys

import command
import datasets


def contents(folder):
    """Path -> bytes of an artifact; report.* holds timings and is outside the promise."""
    files = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            if not name.startswith("report."):
                path = os.path.join(parent, name)
                with open(path, "rb") as file:
                    files[os.path.relpath(path, folder)] = file.read()
    return files


def shipped_models():
    """Name -> model file and options."""
    with open(os.path.join(command.ROOT, "test_models", "manifest.json"), encoding="utf-8") as file:
        return {entry["name"]: [os.path.join(command.ROOT, "test_models", entry["model"]),
                                *(word for dim, size in entry["dims"].items() for word in ("--dim", f"{dim}={size}"))]
                for entry in json.load(file)["models"]}


def differences(name, arguments, rounds, scratch):
    """What is not as in the first artifact."""
    problems, first = [], None
    for variant, jobs in [("one/a", "1"), ("two/longer-name/b", "2"), *[("two/c", "2")] * rounds]:
        artifact = os.path.join(scratch, name, variant)
        done = command.fettle("compile", *arguments, "-o", artifact, "-j", jobs, "--name", name)
        if done.returncode != 0:
            return [*problems, f"{name}: exit status {done.returncode} with -j {jobs}\n{done.stderr}"]
        now = contents(artifact)
        first = first or now
        problems += [f"{name}: {path} differs with -j {jobs} in {variant}"
                     for path in sorted(first.keys() | now.keys()) if first.get(path) != now.get(path)]
    shutil.rmtree(os.path.join(scratch, name))
    return problems


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    models = shipped_models()
    for name in sys.argv[2:]:
        models[name] = datasets.network_arguments(command.shared(), name)
    problems = []
    with command.scratch() as scratch:
        for name, arguments in models.items():
            found = differences(name, arguments, rounds, scratch)
            print(f"{name}: {rounds + 2} compilations, {len(found)} problems", flush=True)
            problems += found
    command.finish(problems)


if __name__ == "__main__":
    main()
