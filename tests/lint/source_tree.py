"""The files of the source tree, for the lints beside this file."""

import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SKIPPED_FOLDERS = {".git", "build", "out", "__pycache__"}


def files():
    """Paths, relative to the root, of all files that belong to the project: those
    git knows or would add; every file outside build folders where git is absent."""
    try:
        listed = subprocess.run(
            ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            check=True, capture_output=True).stdout.decode().split("\0")
        found = [path for path in listed if path and os.path.isfile(os.path.join(ROOT, path))]
    except (OSError, subprocess.CalledProcessError):
        found = []
        for folder, folders, names in os.walk(ROOT):
            folders[:] = [name for name in folders if name not in SKIPPED_FOLDERS]
            found += [os.path.relpath(os.path.join(folder, name), ROOT) for name in names]
    return sorted(found)


def text_files(*suffixes):
    """Pairs (path, lines) of the files that end in one of `suffixes` (all text files if none is given)."""
    for path in files():
        if suffixes and not path.endswith(suffixes):
            continue
        try:
            with open(os.path.join(ROOT, path), encoding="utf-8") as file:
                yield path, file.read().splitlines()
        except UnicodeDecodeError:
            continue


def report(lint, problems):
    """Prints the problems, one a line, and ends the program: status 1 if there are any."""
    for problem in problems:
        print(problem)
    print(f"{lint}: {len(problems)} problems" if problems else f"{lint}: fine")
    sys.exit(1 if problems else 0)
