"""No source file is longer than 800 lines: split by subject before that."""

import source_tree

LIMIT = 800


def main():
    problems = []
    for path, lines in source_tree.text_files(".cpp", ".h", ".c", ".td", ".py", ".mlir", ".txt", ".cmake"):
        if len(lines) > LIMIT:
            problems.append(f"{path}: {len(lines)} lines, at most {LIMIT} are allowed")
    source_tree.report("file size", problems)


if __name__ == "__main__":
    main()
