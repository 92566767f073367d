"""Nothing unfinished and nothing of one machine is left in the tree: no marker
words, no results thrown away by a cast, no paths of somebody's machine."""

import re

import source_tree

# Written in pieces, or this file would find itself.
MARKER = re.compile(r"\b(" + "|".join(["TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK", "W" + "IP"]) + r")\b")
VOID_CALL = re.compile(r"\(void\)\s*[\w:>.\-]+\s*\(|static_cast<void>\(\s*[\w:>.\-]+\s*\(")
MACHINE_PATH = re.compile(r"(?<![\w.])/(work/(main|shared)|tmp/w" + r"t|root|home/\w+)(/|\b)")
CODE = (".cpp", ".h", ".c")


def main():
    problems = []
    for path, lines in source_tree.text_files():
        if path == "tests/lint/leftovers.py" or path == "LICENSE":
            continue
        for number, line in enumerate(lines, 1):
            if MARKER.search(line):
                problems.append(f"{path}:{number}: marker word: {line.strip()}")
            if MACHINE_PATH.search(line):
                problems.append(f"{path}:{number}: path of one machine: {line.strip()}")
            if path.endswith(CODE) and VOID_CALL.search(line):
                problems.append(f"{path}:{number}: result of a call thrown away: {line.strip()}")
    source_tree.report("leftovers", problems)


if __name__ == "__main__":
    main()
