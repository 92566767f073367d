"""How many tokens go where: goals that are reached or refused, the plan in a profile, the budget for accuracy."""

import json
import os

import command
from digits_vit import CALIBRATION, CNN, EVALUATION, VIT, compile_from_samples_and_profile

DONE, REJECTED, USAGE, GATE = 0, 1, 2, 3
PLAIN = ["--recipe", "tokens", "--set", "tokens.metric=features", "--set", "tokens.matching=global"]

expectations = command.Expectations()
check, expect, report_of = expectations.check, expectations.expect, command.report_of


def check_goals(folder):
    out = os.path.join(folder, "out")
    searching = ["compile", VIT, *PLAIN, "--calibration", CALIBRATION, "-o", out]
    expect(GATE, *searching, "--set", "tokens.macs=0.01", says=["goal for tokens cannot be reached", "greater tokens.macs"])
    check(not os.path.exists(out), "a goal out of reach leaves an artifact")
    expect(USAGE, "compile", VIT, *PLAIN, "-o", out, says=["measures the model, on what?", "--calibration"])
    for setting, says in {"tokens.macs=0": "a share above 0", "tokens.macs=1.5": "a share above 0", "tokens.remove=1,x": "separated by commas",
                          "tokens.remove=-1": "separated by commas", "tokens.remove=1,,2": "separated by commas", "tokens.remove=1.5": "separated by commas",
                          "tokens.remove=": "separated by commas", "tokens.remove=99999999999999999999": "separated by commas",
                          "tokens.metric=size": "features, keys, both, or auto", "tokens.rounds=0": "from 1 to 8"}.items():
        expect(USAGE, *searching, "--set", setting, says=[says])
    expect(GATE, *searching, "--set", "tokens.latency=0.01", says=["goal for tokens cannot be reached"])
    expect(DONE, *searching, "--set", "tokens.macs=1")
    check([site["tokens_out"] for site in report_of(out)["tokens"]["sites"]] == [17, 17, 17], "tokens go though none have to")


def check_counts(folder):
    """As many numbers of tokens as there are places, or one for all: others are refused, and the places named."""
    out = os.path.join(folder, "out")
    removing = ["compile", VIT, "--recipe", "tokens", "-o", out, "--set"]
    expect(DONE, *removing, "tokens.remove=3,0,1")
    sites = report_of(out)["tokens"]["sites"]
    check([site["tokens_out"] for site in sites] == [14, 14, 13], f"removed 3,0,1: {sites}")
    for counts in ("3,0", "1,1,1,1"):
        says = f"tokens.remove has {counts.count(',') + 1} numbers for 3 places where tokens can go, behind "
        expect(REJECTED, *removing, "tokens.remove=" + counts, says=[says, *(f"'{site['name']}'" for site in sites), "or one for all"])
    # Where no tokens can go that is told, whatever the numbers.
    expect(DONE, "compile", *CNN, "--recipe", "tokens", "-o", os.path.join(folder, "cnn"), "--set", "tokens.remove=3,2,1")


def check_variants(folder):
    """Each way to remove tokens gives an artifact that answers."""
    for setting in ("method=drop", "metric=keys", "metric=both", "matching=local", "rounds=1", "rounds=4"):
        out = os.path.join(folder, setting)
        expect(DONE, "compile", VIT, "--recipe", "tokens", "--set", "tokens.remove=2", "--set", "tokens." + setting, "-o", out)
        facts = command.fettle_json("evaluate", out, EVALUATION, "--teacher", VIT)
        check(facts["agreement"] > 80, f"{setting}: {facts}")


def check_profile(folder):
    """The plan in a profile stands for the samples that it was searched on."""
    profile = os.path.join(folder, "plan.json")
    goal = [*PLAIN, "--set", "tokens.macs=0.8"]
    told = os.path.join(folder, "told.json")
    done = expect(DONE, "calibrate", VIT, CALIBRATION, *goal, "-o", profile, "--json", told)
    for text in ("a plan of tokens on 128 samples", "tokens merged by features, any of any, 2 rounds: 17 -> ", "% of the time, divergence"):
        check(text in done.stdout and "tensors" not in done.stdout, f"calibrate does not say {text!r}, but\n{done.stdout}")
    with open(told, encoding="utf-8") as file:
        planned = json.load(file)["tokens"]
    made = compile_from_samples_and_profile(expectations, folder, goal, profile)
    counts = [[(site["name"], site["tokens_in"], site["tokens_out"]) for site in tokens["sites"]]
              for tokens in (planned, *(report_of(path)["tokens"] for path in made))]
    check(counts[0] == counts[1] == counts[2], f"not the plan that calibrate told of: {counts}")
    out = os.path.join(folder, "out")
    expect(REJECTED, "compile", VIT, *PLAIN, "--set", "tokens.macs=0.5", "--profile", profile, "-o", out,
           says=["has no plan of tokens for macs=0.50", "fettle calibrate"])


def check_budget(folder):
    """Fewer tokens go than the goal asks for if the budget does not bear it."""
    out, allowed = os.path.join(folder, "out"), 0.6
    expect(DONE, "compile", VIT, *PLAIN, "--set", "tokens.macs=0.45", "--calibration", CALIBRATION, "--evaluation", EVALUATION, "-o", out,
           "--max-drop", f"{allowed}%")
    report = report_of(out)
    tokens, accuracy = report["tokens"], report["accuracy"]
    # The last of the front is what the goal asked for.
    wanted = tokens["front"][-1]
    check(wanted["macs"] <= 0.45 * tokens["macs_before"] and accuracy["teacher_top1"] - wanted["top1"] > allowed, f"the budget bears the goal: {wanted}")
    check(accuracy["passed"] and accuracy["drop"] <= allowed, f"{accuracy}")
    check(tokens["macs_after"] > wanted["macs"], "the budget holds without more tokens")
    # What was measured is told of the plan that was taken.
    removed = [site["tokens_in"] - site["tokens_out"] for site in tokens["sites"]]
    taken = [point["divergence"] for point in tokens["path"] if point["removed"] == removed]
    check(len(taken) == 1 and abs(tokens["divergence"] - taken[0]) <= 1e-6 * taken[0] and tokens["latency_share"] > 0, f"not measured: {tokens}")
    with open(os.path.join(out, "report.html"), encoding="utf-8") as file:
        check(file.read().count("font-weight=bold") == 1 and removed in [point["removed"] for point in tokens["front"]], f"not on the front: {removed}")
    for site in tokens["sites"]:
        is_measured = site["divergence"] is not None and site["saved_us"] is not None
        check(is_measured == (site["tokens_out"] < site["tokens_in"]), f"not measured: {site}")


def check_integers(folder):
    """Merged, then quantized."""
    out = os.path.join(folder, "out")
    expect(DONE, "compile", VIT, "--recipe", "tokens-int8", "--set", "tokens.macs=0.75", "--set", "tokens.metric=features", "--calibration",
           CALIBRATION, "-o", out)
    facts = command.fettle_json("inspect", out)["macs_by_precision"]
    check(facts["int8"] > 4 * facts["f32"], f"multiply-adds: {facts}")
    facts = command.fettle_json("evaluate", out, EVALUATION, "--teacher", VIT)
    check(facts["agreement"] >= 95, f"tokens-int8: {facts}")


if __name__ == "__main__":
    command.run_parts(expectations, check_goals, check_counts, check_variants, check_profile, check_budget, check_integers)
