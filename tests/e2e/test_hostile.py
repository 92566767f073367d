"""Damaged models end within 10 seconds of processor time and 2 GB in an artifact, in exit status 1 (rejected) or in 4 (not
readable): never in a crash, a hang or any other status. A model that fails is kept.
Arguments: [count [seed]] [--workers N] [--sanitized]. --sanitized: the binary of the asan preset, which is slower and
reserves more memory than any limit allows; what counts are its reports."""

import argparse
import collections
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
SANITIZED_SECONDS, SANITIZED_MEGABYTES = 120, 6 << 10
SANITIZER_REPORT = 99  # exit status; their own would look like a rejected model
PATIENCE, AWAKE = 120, 0.05  # a process that uses less processor time than AWAKE in so many seconds sleeps for ever
LARGEST = 1_500_000  # bytes of a model: damage to larger ones says nothing more
BINDINGS = ["--dim", "batch=1", "--dim", "seq=16", "--dim", "N=1", "--dim", "batch_size=1", "--dim", "length=32"]
OUTCOMES = {0: "compiled", 1: "rejected", 4: "not readable"}


class Limits:
    """What one compilation may use."""

    def __init__(self, sanitized):
        self.sanitized = sanitized
        self.seconds = SANITIZED_SECONDS if sanitized else SECONDS
        self.environment = dict(os.environ)
        if sanitized:
            common = f"exitcode={SANITIZER_REPORT}:halt_on_error=1:print_stacktrace=1"
            self.environment["ASAN_OPTIONS"] = f"{common}:detect_leaks=0:hard_rss_limit_mb={SANITIZED_MEGABYTES}"
            self.environment["UBSAN_OPTIONS"] = common

    def apply(self):
        if not self.sanitized:
            resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (self.seconds, self.seconds))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def known_bindings(data):
    """Those bindings whose dimension the model has."""
    return [word for i in range(0, len(BINDINGS), 2)
            if b"\x12" + bytes([len(BINDINGS[i + 1].split("=")[0])]) + BINDINGS[i + 1].split("=")[0].encode() in data
            for word in BINDINGS[i:i + 2]]


def processor_seconds(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
        user, system = file.read().rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def finish_or_stop(arguments, limits):
    """Exit status, None for a process that had to be stopped, and what it said. On a busy machine wall time says nothing."""
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                          preexec_fn=limits.apply, env=limits.environment) as process:
        used = 0.0
        while True:
            try:
                talk = process.communicate(timeout=PATIENCE)[1]
                return process.returncode, talk.decode(errors="replace")
            except subprocess.TimeoutExpired:
                before, used = used, processor_seconds(process.pid)
                if used - before < AWAKE:
                    process.kill()
                    return None, ""


def run_one(number, seed, sources, scratch, limits):
    """(outcome, problem); one of them is None."""
    rng = random.Random(f"{seed}/{number}")
    # Small models oftener: their damage is as good, and found sooner.
    [(path, data)] = rng.choices(sources, [len(data) ** -0.5 for _, data in sources])
    folder = os.path.join(scratch, str(number))
    os.makedirs(folder)
    model = os.path.join(folder, "model.onnx")
    with open(model, "wb") as file:
        file.write(mutate.mutate(rng, data))
    problem = None
    code, talk = finish_or_stop([os.environ["FETTLE"], "compile", model, "-o", os.path.join(folder, "artifact"), "-j", "1",
                                 *known_bindings(data)], limits)
    outcome = OUTCOMES.get(code)
    if code is None:
        problem = "sleeps, and never ends"
    elif not outcome or "runtime error:" in talk:
        problem = f"exit status {code}: {talk[-(6000 if limits.sanitized else 600):]}"
    elif code != 0 and not talk:
        problem = f"exit status {code} without a diagnosis"
    if problem:
        kept = os.path.join(os.getcwd(), f"hostile-{seed}-{number}.onnx")
        shutil.copy(model, kept)
        problem = f"{kept} (from {os.path.basename(os.path.dirname(path))}, {' '.join(known_bindings(data))}): {problem}"
    shutil.rmtree(folder)
    return outcome, problem


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=500)
    parser.add_argument("seed", type=int, nargs="?", default=1)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--sanitized", action="store_true")
    given = parser.parse_args()
    paths = sorted(glob.glob(os.path.join(command.ROOT, "test_models", "*", "model.onnx")) +
                   glob.glob(os.path.join(os.environ.get("FETTLE_SHARED", ""), "models", "*", "*.onnx")))
    sources = []
    for path in paths:
        with open(path, "rb") as file:
            data = file.read()
        if len(data) <= LARGEST:
            sources.append((path, data))
    limits, outcomes = Limits(given.sanitized), collections.Counter()
    with command.scratch() as scratch, concurrent.futures.ThreadPoolExecutor(given.workers) as pool:
        results = pool.map(lambda i: run_one(i, given.seed, sources, scratch, limits), range(given.count))
        for done, (outcome, problem) in enumerate(results, start=1):
            outcomes[outcome if not problem else "problems"] += 1
            if problem:
                print("FAIL", problem, flush=True)
            if done % 1000 == 0 or done == given.count:
                print(f"{done} of {given.count} damaged models of {len(sources)} kinds: "
                      + ", ".join(f"{count} {name}" for name, count in sorted(outcomes.items())), flush=True)
    sys.exit(1 if outcomes["problems"] else 0)


if __name__ == "__main__":
    main()
