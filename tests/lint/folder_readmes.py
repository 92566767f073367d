"""Every folder at depth 1 and 2 has a README.md of at most 25 lines that names no
file which is not there. Folders of data are described by the folder above them."""

import os
import re

import source_tree

LIMIT = 25
EXEMPT = {"docs", ".ci"}  # documentation explains itself; .ci holds one script
HOLDS_DATA = {"test_models"}


def main():
    files = source_tree.files()
    folders = set()
    for path in files:
        parts = path.split("/")[:-1]
        if parts and parts[0] not in EXEMPT:
            folders.add(parts[0])
            if len(parts) > 1 and parts[0] not in HOLDS_DATA:
                folders.add("/".join(parts[:2]))
    problems = []
    for folder in sorted(folders):
        readme = os.path.join(source_tree.ROOT, folder, "README.md")
        if not os.path.isfile(readme):
            problems.append(f"{folder}: no README.md (purpose, what it may include, how to add one more)")
            continue
        with open(readme, encoding="utf-8") as file:
            text = file.read()
        if len(text.splitlines()) > LIMIT:
            problems.append(f"{folder}/README.md: {len(text.splitlines())} lines, at most {LIMIT} are allowed")
        for name in re.findall(r"`([\w./-]+\.(?:cpp|h|td|py|txt|json|npz|mlir))`", text):
            if not any(path == name or path == f"{folder}/{name}" or path.endswith("/" + name) for path in files):
                problems.append(f"{folder}/README.md: names {name}, which is not there")
    source_tree.report("folder READMEs", problems)


if __name__ == "__main__":
    main()
