"""Weights that are fitted to fewer tokens: closer to the float model on other samples, the same from a profile, and only where asked for."""

import filecmp
import math
import os

import command
import tensors
from digits_vit import CALIBRATION, EVALUATION, VIT, compile_from_samples_and_profile

DONE, REJECTED, USAGE = 0, 1, 2
PLAN = ["--recipe", "tokens", "--set", "tokens.remove=6"]
REFIT = [*PLAN, "--set", "tokens.refit=true"]

expectations = command.Expectations()
check, expect, report_of = expectations.check, expectations.expect, command.report_of


def outputs_of(folder, model):
    path = os.path.join(folder, "outputs.npz")
    expect(DONE, "run", model, "--data", EVALUATION, "-o", path)
    (outputs,) = tensors.read_npz(path).values()
    return [list(row.values()) for row in outputs.rows()]


def logarithms(logits):
    """Of the classes' probabilities."""
    most = max(logits)
    total = most + math.log(sum(math.exp(logit - most) for logit in logits))
    return [logit - total for logit in logits]


def divergence(student, teacher):
    """The mean Kullback-Leibler divergence of the classes."""
    total = 0
    for student_row, teacher_row in zip(student, teacher):
        pairs = zip(logarithms(student_row), logarithms(teacher_row))
        total += sum(math.exp(theirs) * (theirs - ours) for ours, theirs in pairs)
    return total / len(teacher)


def check_quality(folder):
    plain, refitted = (os.path.join(folder, name) for name in ("plain", "refitted"))
    expect(DONE, "compile", VIT, *PLAN, "-o", plain)
    expect(DONE, "compile", VIT, *REFIT, "--calibration", CALIBRATION, "-o", refitted, says=[])
    check("refit" not in report_of(plain)["tokens"], "something is fitted that nobody asked for")
    refit = report_of(refitted)["tokens"]["refit"]
    check(refit["products"] > 4, f"{refit}")
    check(refit["divergence_after"] <= 0.95 * refit["divergence_before"], f"{refit}")
    check(report_of(plain)["macs"] == report_of(refitted)["macs"], "it costs multiply-adds")
    teacher = outputs_of(folder, VIT)
    before, after = (divergence(outputs_of(folder, artifact), teacher) for artifact in (plain, refitted))
    check(after < 0.95 * before, f"divergence on the evaluation set: {before} -> {after}")
    check(after > 0, "the teacher is its own student")


def check_judgement(folder):
    """Where outputs of samples kept apart do not come clearly closer all weights stay as they are."""
    plan = ["--recipe", "tokens", "--set", "tokens.remove=0,6,3", "--name", "vit"]
    made = [os.path.join(folder, name) for name in ("plain", "refitted")]
    expect(DONE, "compile", VIT, *plan, "-o", made[0])
    done = expect(DONE, "compile", VIT, *plan, "--set", "tokens.refit=true", "--calibration", CALIBRATION, "-o", made[1])
    check("weights stay as they were trained" in done.stdout, f"it is not told that weights stay:\n{done.stdout}")
    refit = report_of(made[1])["tokens"]["refit"]
    check(refit["products"] == 0 and refit["divergence_after"] > 0.95 * refit["divergence_before"], f"{refit}")
    check(filecmp.cmp(*(os.path.join(path, "vit.weights") for path in made), shallow=False), "weights change though that brings nothing")


def check_profile(folder):
    """Moments in a profile stand for the samples that they were measured on."""
    profile = os.path.join(folder, "moments.json")
    expect(DONE, "calibrate", VIT, CALIBRATION, *REFIT, "-o", profile)
    compile_from_samples_and_profile(expectations, folder, REFIT, profile)
    out = os.path.join(folder, "out")
    for recipe in (["--recipe", "tokens", "--set", "tokens.remove=3", "--set", "tokens.refit=true"],
                   ["--recipe", "tokens", "--set", "tokens.macs=0.6"]):
        expect(REJECTED, "compile", VIT, *recipe, "--profile", profile, "-o", out, says=["has no plan of tokens for"])


def check_options(folder):
    out = os.path.join(folder, "out")
    expect(USAGE, "compile", VIT, *REFIT, "-o", out, says=["measures the model, on what?"])
    expect(USAGE, "compile", VIT, *PLAN, "--set", "tokens.refit=maybe", "-o", out, says=["true, false or auto"])
    expect(USAGE, "compile", VIT, *PLAN, "--calibration", CALIBRATION, "-o", out, says=["--calibration has no use"])
    expect(DONE, "compile", VIT, "--recipe", "tokens", "--set", "tokens.remove=0", "--set", "tokens.refit=true", "--calibration", CALIBRATION,
           "-o", out)
    check("refit" not in report_of(out)["tokens"], "weights are fitted though no token goes")


def check_integers(folder):
    """Fitted, then quantized; and as a graph of ONNX."""
    out = os.path.join(folder, "out")
    expect(DONE, "compile", VIT, "--recipe", "tokens-int8", "--set", "tokens.remove=3", "--set", "tokens.refit=true", "--calibration",
           CALIBRATION, "-o", out)
    facts = command.fettle_json("evaluate", out, EVALUATION, "--teacher", VIT)
    check(facts["agreement"] >= 95, f"tokens-int8: {facts}")
    graph = os.path.join(folder, "graph")
    expect(DONE, "compile", VIT, *REFIT, "--target", "onnx", "--calibration", CALIBRATION, "-o", graph)
    check(report_of(graph)["tokens"]["refit"]["products"] > 4, "an ONNX model is not fitted")


if __name__ == "__main__":
    command.run_parts(expectations, check_quality, check_judgement, check_profile, check_options, check_integers)
