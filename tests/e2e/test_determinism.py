"""The same model gives byte-identical artifacts with one job and with two, in another folder, and again."""

import json
import os

import command


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


def main():
    problems = []
    with open(os.path.join(command.ROOT, "test_models", "manifest.json"), encoding="utf-8") as file:
        models = json.load(file)["models"]
    with command.scratch() as scratch:
        for entry in models:
            dims = [word for dim, size in entry["dims"].items() for word in ("--dim", f"{dim}={size}")]
            first = None
            for variant, jobs in (("one/a", "1"), ("two/longer-name/b", "2"), ("two/c", "2")):
                artifact = os.path.join(scratch, entry["name"], variant)
                os.makedirs(os.path.dirname(artifact), exist_ok=True)
                done = command.fettle("compile", os.path.join(command.ROOT, "test_models", entry["model"]), "-o", artifact,
                                      "-j", jobs, "--name", entry["name"], *dims)
                if done.returncode != 0:
                    problems.append(f"{entry['name']}: exit status {done.returncode}\n{done.stderr}")
                    break
                now = contents(artifact)
                first = first or now
                problems += [f"{entry['name']}: {path} differs with -j {jobs} in {variant}"
                             for path in sorted(first.keys() | now.keys()) if first.get(path) != now.get(path)]
    command.finish(problems)


if __name__ == "__main__":
    main()
