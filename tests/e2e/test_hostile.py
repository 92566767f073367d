"""Damaged models end within 10 seconds of processor time and 2 GB in an artifact, in exit status 1 (rejected) or in 4 (not
readable): never in a crash, a hang or any other status. Arguments: [count [seed]]. A model that fails is kept."""

import concurrent.futures
import glob
import os
import random
import resource
import shutil
import subprocess
import sys

import command
import mutate

SECONDS, BYTES = 10, 2 << 30
WALL_SECONDS = 90  # for a process that sleeps; processor time is what a busy machine does not change
LARGEST = 1_500_000  # bytes of a model: damage to larger ones says nothing more
BINDINGS = ["--dim", "batch=1", "--dim", "seq=16", "--dim", "N=1", "--dim", "batch_size=1", "--dim", "length=32"]


def limit_memory():
    resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def known_bindings(data):
    """Those bindings whose dimension the model has."""
    return [word for i in range(0, len(BINDINGS), 2)
            if b"\x12" + bytes([len(BINDINGS[i + 1].split("=")[0])]) + BINDINGS[i + 1].split("=")[0].encode() in data
            for word in BINDINGS[i:i + 2]]


def run_one(number, seed, sources, scratch):
    """A problem, or None."""
    rng = random.Random(f"{seed}/{number}")
    path, data = rng.choice(sources)
    damaged = mutate.mutate(rng, data)
    folder = os.path.join(scratch, str(number))
    os.makedirs(folder)
    model = os.path.join(folder, "model.onnx")
    with open(model, "wb") as file:
        file.write(damaged)
    problem = None
    try:
        done = subprocess.run([os.environ["FETTLE"], "compile", model, "-o", os.path.join(folder, "artifact"), "-j", "1",
                               *known_bindings(data)], capture_output=True, timeout=WALL_SECONDS, preexec_fn=limit_memory,
                              stdin=subprocess.DEVNULL)
        if done.returncode not in (0, 1, 4):
            problem = f"exit status {done.returncode}: {done.stderr.decode(errors='replace')[-600:]}"
        elif done.returncode != 0 and not done.stderr:
            problem = f"exit status {done.returncode} without a diagnosis"
    except subprocess.TimeoutExpired:
        problem = f"no end after {WALL_SECONDS} s"
    if problem:
        kept = os.path.join(os.getcwd(), f"hostile-{seed}-{number}.onnx")
        shutil.copy(model, kept)
        problem = f"{kept} (from {os.path.basename(os.path.dirname(path))}): {problem}"
    shutil.rmtree(folder)
    return problem


def main():
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    paths = sorted(glob.glob(os.path.join(command.ROOT, "test_models", "*", "model.onnx")) +
                   glob.glob(os.path.join(os.environ.get("FETTLE_SHARED", ""), "models", "*", "*.onnx")))
    sources = []
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        if len(data) <= LARGEST:
            sources.append((path, data))
    with command.scratch() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [problem for problem in pool.map(lambda i: run_one(i, seed, sources, scratch), range(count)) if problem]
    print(f"{count} damaged models of {len(sources)} kinds, {len(problems)} problems")
    command.finish(problems)


if __name__ == "__main__":
    main()
