"""Every network of ../shared/models compiles with one command and matches its test vectors; the one with
removed operators is refused, with all of them named. Arguments: only models whose path contains one of them."""

import glob
import os
import re
import sys

import command
import tensors

# Inputs bound to a constant, which a user of the model would do too.
CONSTANTS = {"silero-vad-16k": {"sr": "16000"}}
# Networks without test vectors: their dimensions, for compiling.
DIMS = {"nanogpt-untrained-import-only": ["--dim", "batch_size=1"],
        "magika-standard-v3_3": ["--shape", "bytes=1x2048"]}
REFUSED = {"candy-style-legacy-ops": ["Affine", "Crop", "ImageScaler"]}
# (rtol, atol). Vectors were made by another evaluator: float to 1e-3; 8-bit networks within one step of their
# output; half precision by its own spacing.
TOLERANCES = {"int8": (1e-2, 1.0 / 64), "fp16": (2e-2, 2e-3), "float": (1e-3, 1e-3)}
# These vectors were made in single precision, and a sum that falls between two steps is rounded by its last bit in each of
# 53 layers. The same arithmetic in double precision is 9 of 256 steps away from them, in single precision 1 to 10 by the order
# of summation, exact integers 8, ONNX Runtime 5 and 6 by its optimizations: no exact evaluation can be within one.
SPECIAL_TOLERANCES = {"mobilenetv2-1.0-224/model_int8_qdq.onnx": (1e-2, 10.0 / 256)}
# Outputs that differ from those of the file for which the vectors were made: these boxes are not decoded.
NOT_COMPARED = {"ultraface-rfb320/model_simplified.onnx": {"boxes"}}


def key(model):
    return "/".join(model.split(os.sep)[-2:])


def tolerance(model):
    kind = "int8" if "int8" in model else "fp16" if "fp16" in model else "float"
    return SPECIAL_TOLERANCES.get(key(model), TOLERANCES[kind])


def vectors_of(model):
    """The test vectors' folder of a model file, or None."""
    folder, suffix = os.path.dirname(model), re.sub(r"^model_?|\.onnx$", "", os.path.basename(model))
    for name in (f"test_data_set_0_{suffix}" if suffix else "test_data_set_0", "test_data_set_0"):
        if os.path.isdir(os.path.join(folder, name)):
            return os.path.join(folder, name)
    return None


def check_refused(model, operators, scratch):
    artifact = os.path.join(scratch, "refused")
    done = command.fettle("compile", model, "-o", artifact)
    problems = [] if done.returncode == 1 else [f"{model}: exit status {done.returncode}, expected 1\n{done.stderr}"]
    if os.path.exists(artifact):
        problems.append(f"{model}: refused, and yet {artifact} is there")
    return problems + [f"{model}: the diagnosis does not name {op}" for op in operators if f"({op})" not in done.stderr]


def check_arena(model, artifact):
    """The arena is hardly larger than what lives at once."""
    report = command.report_of(artifact)
    arena, live = report["arena_bytes"], report["largest_live_bytes"]
    return [] if arena <= 1.1 * live else [f"{model}: an arena of {arena} bytes, though no more than {live} live at once"]


def check(model, scratch):
    """Problems of one model, as sentences."""
    folder = os.path.basename(os.path.dirname(model))
    if folder in REFUSED:
        return check_refused(model, REFUSED[folder], scratch)
    vectors, constants = vectors_of(model), CONSTANTS.get(folder, {})
    inputs, outputs = tensors.model_inputs_outputs(model)
    bindings = [word for name, value in constants.items() for word in ("--const", f"{name}={value}")]
    files = {}
    if vectors:
        for i, name in enumerate(inputs):
            if name in constants:
                continue
            files[name] = os.path.join(vectors, f"input_{i}.pb")
            shape = tensors.read_pb(files[name]).shape
            bindings += ["--shape", f"{name}={'x'.join(map(str, shape))}"]
    else:
        bindings += DIMS.get(folder, [])

    artifact = os.path.join(scratch, re.sub(r"\W", "_", folder + os.path.basename(model)))
    done = command.fettle("compile", model, "-o", artifact, *bindings)
    if done.returncode != 0:
        return [f"{model}: compile: exit status {done.returncode}\n{done.stderr}"]
    problems = check_arena(model, artifact)
    if not vectors:
        return problems
    result_file = artifact + ".npz"
    given = [word for name, path in files.items() for word in ("--input", f"{name}={path}")]
    done = command.fettle("run", artifact, *given, "--output", result_file)
    if done.returncode != 0:
        return [f"{model}: run: exit status {done.returncode}\n{done.stderr}"]
    results = tensors.read_npz(result_file)
    for i, name in enumerate(outputs):
        if name in NOT_COMPARED.get(key(model), ()):
            continue
        expected = tensors.read_pb(os.path.join(vectors, f"output_{i}.pb"))
        difference = tensors.differences(results[name], expected, *tolerance(model))
        if difference:
            problems.append(f"{model}: output {name}: {difference}")
    return problems


def main():
    models = sorted(glob.glob(os.path.join(command.shared(), "models", "*", "*.onnx")))
    wanted = sys.argv[1:]
    models = [model for model in models if not wanted or any(text in model for text in wanted)]
    problems = []
    with command.scratch() as scratch:
        for model in models:
            found = check(model, scratch)
            print(f"{'FAIL' if found else 'ok  '} {os.path.relpath(model, command.shared())}", flush=True)
            problems += found
    command.finish(problems)


if __name__ == "__main__":
    main()
