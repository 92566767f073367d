"""One pass = one file = one kebab-case flag = one lit test, all named alike:
flag fold-batch-norm, passes/<folder>/FoldBatchNorm.cpp,
tests/lit/passes/<folder>/fold-batch-norm.mlir.
"""

import os
import re

import source_tree

DECLARED = [re.compile(r'\bPass<"([^"]+)"'), re.compile(r'getArgument\(\)[^"]*"([^"]+)"')]
KEBAB_CASE = re.compile(r"^[a-z][a-z0-9]*(-[a-z0-9]+)*$")


def main():
    files = set(source_tree.files())
    problems = []
    for path, lines in source_tree.text_files(".cpp", ".td"):
        if not path.startswith("passes/"):
            continue
        folder = os.path.dirname(path)
        for flag in [flag for pattern in DECLARED for flag in pattern.findall("\n".join(lines))]:
            if not KEBAB_CASE.match(flag):
                problems.append(f"{path}: pass {flag}: the flag is not kebab-case")
            source = f"{folder}/{''.join(word.capitalize() for word in flag.split('-'))}.cpp"
            test = f"tests/lit/{folder}/{flag}.mlir"
            for wanted in (source, test):
                if wanted not in files:
                    problems.append(f"{path}: pass {flag}: {wanted} is not there")
    source_tree.report("pass files", problems)


if __name__ == "__main__":
    main()
