"""Includes point downwards only: tools -> calibration -> codegen -> passes -> ir.

Back ends do not know each other, ONNX and protobuf headers stay in ir/onnx, and
nothing includes tools or tests except themselves.
"""

import re

import source_tree

LAYERS = ["ir", "passes", "codegen", "calibration", "tools"]
BACK_ENDS = {"codegen/cpu", "codegen/gpu", "codegen/npu"}
# Within codegen: what a folder may include besides itself.
CODEGEN_MAY_INCLUDE = {
    "codegen/common": set(),
    "codegen/artifact": {"codegen/common"},
    **{back_end: {"codegen/common", "codegen/artifact"} for back_end in BACK_ENDS},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]')
ONNX_HEADER = re.compile(r"^(onnx/(onnx|common|checker|defs|shape_inference|version_converter|proto_utils)|google/protobuf)")


def problem_of(path, included):
    """Why `path` may not include `included`, or None."""
    if ONNX_HEADER.match(included) and not path.startswith("ir/onnx/"):
        return "only ir/onnx includes ONNX and protobuf headers"
    top, included_top = path.split("/")[0], included.split("/")[0]
    if top == "tests":
        return None
    if included_top == "tests":
        return "nothing includes tests"
    if top not in LAYERS or included_top not in LAYERS or "/" not in included:
        return None
    if LAYERS.index(included_top) > LAYERS.index(top):
        return f"{top} may not include {included_top}"
    folder, included_folder = "/".join(path.split("/")[:2]), "/".join(included.split("/")[:2])
    if folder in CODEGEN_MAY_INCLUDE and included_top == "codegen" and included_folder != folder:
        if included_folder not in CODEGEN_MAY_INCLUDE[folder]:
            return f"{folder} may not include {included_folder}"
    return None


def main():
    problems = []
    for path, lines in source_tree.text_files(".cpp", ".h", ".c", ".td"):
        for number, line in enumerate(lines, 1):
            match = INCLUDE.match(line) or re.match(r'^include\s+"([^"]+)"', line)
            if match:
                reason = problem_of(path, match.group(1))
                if reason:
                    problems.append(f"{path}:{number}: includes {match.group(1)}: {reason}")
    source_tree.report("include direction", problems)


if __name__ == "__main__":
    main()
