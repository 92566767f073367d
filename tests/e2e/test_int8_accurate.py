"""Weights that are fitted to rounded inputs: closer to the float model on other samples, never taken where they are not, the same from a profile
and at any number of jobs, and only where asked for."""

import filecmp
import json
import os

import command

FOLDER = os.path.join(command.ROOT, "test_models")
VIT, CNN = (os.path.join(FOLDER, f"digits_{name}", "model.onnx") for name in ("vit", "cnn"))
CALIBRATION, EVALUATION = (os.path.join(FOLDER, "data", f"images_{part}.npz") for part in ("calibration", "evaluation"))
DONE, REJECTED, USAGE = 0, 1, 2
BATCH = ["--dim", "batch=1"]
MODELS = {"vit": (VIT, []), "cnn": (CNN, BATCH)}

expectations = command.Expectations()
check, expect = expectations.check, expectations.expect


def report_of(artifact):
    with open(os.path.join(artifact, "report.json"), encoding="utf-8") as file:
        return json.load(file)


def same_artifact(folders, name):
    for file in (f"{name}.so", f"{name}.weights", f"{name}.h"):
        check(filecmp.cmp(*(os.path.join(folder, file) for folder in folders), shallow=False), f"{folders} differ in {file}")


def check_quality(folder):
    """A model whose weights are fitted is better, one whose are not is what int8 makes."""
    fitted = 0
    for name, (model, dims) in MODELS.items():
        facts = {}
        folders = [os.path.join(folder, f"{name}-{recipe}") for recipe in ("int8", "int8-accurate")]
        for recipe, out in zip(("int8", "int8-accurate"), folders):
            done = expect(DONE, "compile", model, *dims, "--recipe", recipe, "--calibration", CALIBRATION, "--name", name, "-o", out)
            facts[recipe] = command.fettle_json("evaluate", out, EVALUATION, "--teacher", model)
        check("rounding_refit" not in report_of(folders[0]), "int8 fits something")
        refit = report_of(folders[1])["rounding_refit"]
        print(f"{name}: {refit}, {facts['int8']['sqnr_db']:.2f} -> {facts['int8-accurate']['sqnr_db']:.2f} dB")
        if refit["layers"] == 0:
            same_artifact(folders, name)
            check("weights are not fitted" in done.stdout, f"{name}: it is not told that nothing is fitted\n{done.stdout}")
            continue
        fitted += 1
        check(refit["layers"] == len(report_of(folders[1])["layers"]), f"{name}: {refit}")
        check(refit["divergence_after"] < refit["divergence_before"], f"{name}: {refit}")
        check(f"weights of {refit['layers']} layers fitted" in done.stdout, f"{name}: it is not told what was fitted\n{done.stdout}")
        with open(os.path.join(folders[1], "report.html"), encoding="utf-8") as file:
            check(f"weights of {refit['layers']} layers fitted" in file.read(), f"{name}: report.html does not tell")
        gain = facts["int8-accurate"]["sqnr_db"] - facts["int8"]["sqnr_db"]
        check(gain > -0.1, f"{name}: the outputs lose {-gain:.2f} dB")
        check(facts["int8-accurate"]["agreement"] >= facts["int8"]["agreement"] - 0.3, f"{name}: {facts}")
    check(fitted > 0, "no model has fitted weights")


def check_profile(folder):
    """The same artifact at any number of jobs, and from a profile; a profile of another recipe is told apart."""
    profiles = {recipe: os.path.join(folder, f"{recipe}.json") for recipe in ("int8", "int8-accurate")}
    for recipe, path in profiles.items():
        expect(DONE, "calibrate", VIT, CALIBRATION, "--recipe", recipe, "-o", path)
    sources = {"one": ["--calibration", CALIBRATION, "-j", "1"], "two": ["--calibration", CALIBRATION, "-j", "2"],
               "recalled": ["--profile", profiles["int8-accurate"]]}
    for name, source in sources.items():
        expect(DONE, "compile", VIT, "--recipe", "int8-accurate", *source, "--name", "vit", "-o", os.path.join(folder, name))
    for name in ("two", "recalled"):
        same_artifact([os.path.join(folder, "one"), os.path.join(folder, name)], "vit")
    reports = [report_of(os.path.join(folder, name))["rounding_refit"] for name in sources]
    check(reports[0] == reports[1] == reports[2], f"told differently: {reports}")
    out = os.path.join(folder, "out")
    expect(REJECTED, "compile", VIT, "--recipe", "int8-accurate", "--profile", profiles["int8"], "-o", out,
           says=["nothing that weights could be fitted to"])
    if reports[0]["layers"]:
        expect(REJECTED, "compile", VIT, "--recipe", "int8", "--profile", profiles["int8-accurate"], "-o", out,
               says=["in a student: it was made with another recipe"])


def check_options(folder):
    out = os.path.join(folder, "out")
    accurate = ["--recipe", "int8-accurate", "--calibration", CALIBRATION, "-o", out]
    expect(USAGE, "compile", VIT, *accurate, "--set", "weights.refit=maybe", says=["true or false"])
    expect(USAGE, "compile", VIT, *accurate, "--set", "weights.rounding=nearest", says=["weights.refit works on what weights.rounding=gptq measures"])
    expect(DONE, "compile", VIT, *accurate, "--target", "onnx")
    check("rounding_refit" in report_of(out), "an ONNX model is not fitted")


def main():
    for part in (check_quality, check_profile, check_options):
        with command.scratch() as folder:
            part(folder)
    command.finish(expectations.problems)


if __name__ == "__main__":
    main()
