"""Runs the fettle command line in tests."""

import json
import os
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED = 77  # exit status that ctest reports as "skipped"


def fettle(*arguments, tool=None, timeout=600):
    """The finished process; its output is text."""
    tool = tool or os.environ["FETTLE"]
    return subprocess.run([tool, *arguments], capture_output=True, text=True, timeout=timeout, stdin=subprocess.DEVNULL)


def fettle_json(*arguments):
    """What `--json -` prints; an error with the process's talk if it fails."""
    done = fettle(*arguments, "--json", "-")
    if done.returncode != 0:
        raise RuntimeError(f"fettle {' '.join(arguments)}: exit status {done.returncode}\n{done.stderr}")
    return json.loads(done.stdout)


def report_of(artifact):
    """The artifact's report.json."""
    with open(os.path.join(artifact, "report.json"), encoding="utf-8") as file:
        return json.load(file)


def skip(reason):
    print(f"skipped: {reason}")
    sys.exit(SKIPPED)


def shared():
    """The folder of models and data beside the checkout; the test is skipped without it."""
    folder = os.environ.get("FETTLE_SHARED", "")
    if not os.path.isdir(os.path.join(folder, "models")):
        skip(f"the models are not there ({folder or 'FETTLE_SHARED is not set'})")
    return folder


def scratch():
    """A temporary folder, gone at the end of the `with` block."""
    return tempfile.TemporaryDirectory(prefix="fettle-test-")


class Expectations:
    """Collects what is not as it should be."""

    def __init__(self):
        self.problems = []

    def check(self, condition, text):
        if not condition:
            self.problems.append(text)

    def expect(self, code, *arguments, says=()):
        """Runs fettle; its exit status must be `code` and its talk must hold every text of `says`."""
        done = fettle(*arguments)
        line = "fettle " + " ".join(arguments)
        self.check(done.returncode == code, f"{line}: exit status {done.returncode}, expected {code}\n{done.stderr}")
        for text in says:
            self.check(text in done.stderr, f"{line}: does not say {text!r}, but\n{done.stderr}")
        return done


def run_parts(expectations, *parts):
    """Runs each part of a test in a folder of its own, and ends the test."""
    for part in parts:
        with scratch() as folder:
            part(folder)
    finish(expectations.problems)


def run_networks(networks, problems_of):
    """Asks problems_of(network, folder) for each network, or for those in the arguments, and ends the test."""
    problems = []
    for network in sys.argv[1:] or networks:
        with scratch() as folder:
            problems += problems_of(network, folder)
    finish(problems)


def finish(problems):
    """Prints the problems and ends the test."""
    for problem in problems:
        print("FAIL", problem)
    sys.exit(1 if problems else 0)
