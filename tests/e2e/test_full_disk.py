"""A disk that is full, wherever in the compilation that shows: exit status 4, the file named, nothing half done left.
The disk is a small tmpfs in a mount namespace of its own; skipped where that may not be made."""

import os
import shutil
import subprocess

import command
import tiny_model

PAGE = 4096
FILE = 4


def on_disk(pages, folder, *arguments):
    """Runs fettle with a fresh disk of that many pages at `folder`: (finished process, what lies there afterwards)."""
    script = f'mount -t tmpfs -o size={pages * PAGE} tmpfs "$0" && "$@"; code=$?; ls -A "$0" > "$LISTING"; exit $code'
    listing = os.path.join(os.path.dirname(folder), "listing")
    done = subprocess.run(["unshare", "--mount", "--map-root-user", "sh", "-c", script, folder, *arguments],
                          capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL,
                          env={**os.environ, "LISTING": listing})
    with open(listing, encoding="utf-8") as file:
        return done, file.read().split()


def full_standard_output():
    """A problem if what cannot be printed goes unnoticed."""
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([os.environ["FETTLE"], "recipes"], stdout=full, stderr=subprocess.PIPE, text=True, timeout=120)
    noticed = done.returncode == FILE and "standard output" in done.stderr
    return [] if noticed else [f"standard output is full: exit status {done.returncode}\n{done.stderr}"]


def main():
    problems, succeeded = full_standard_output(), False
    if problems:
        command.finish(problems)
    if not shutil.which("unshare"):
        command.skip("there is no 'unshare' to make a small disk with")
    with command.scratch() as scratch:
        disk, model = os.path.join(scratch, "disk"), os.path.join(scratch, "tiny.onnx")
        os.mkdir(disk)
        tiny_model.write(model, scale=1.0)
        probe = subprocess.run(["unshare", "--mount", "--map-root-user", "mount", "-t", "tmpfs", "tmpfs", disk],
                               capture_output=True, text=True)
        if probe.returncode != 0:
            command.skip(f"a disk of one's own may not be mounted here: {probe.stderr.strip()}")
        artifact = os.path.join(disk, "out")
        for pages in range(1, 200):
            done, left = on_disk(pages, disk, os.environ["FETTLE"], "compile", model, "-o", artifact, "--dim", "N=1")
            if done.returncode == 0:
                succeeded = True
                break
            where = f"with {pages} pages"
            if done.returncode != FILE:
                problems.append(f"{where}: exit status {done.returncode}, expected {FILE}\n{done.stderr}")
            elif disk not in done.stderr:
                problems.append(f"{where}: no file is named:\n{done.stderr}")
            # Reports come after the artifact, which is whole then.
            if left and not (left == ["out"] and "report." in done.stderr):
                problems.append(f"{where}: left behind: {left}")
        if not succeeded or pages < 5:
            problems.append(f"no disk was full, or every one was: the last had {pages} pages")
    command.finish(problems)


if __name__ == "__main__":
    main()
