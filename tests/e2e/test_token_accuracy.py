"""What fewer tokens cost on the transformers of ../shared, the schedule searched by one recipe."""

import os

import command
import datasets

# network, goal, least top-1 and least agreement with the float model (per cent)
LINES = (
    ("vit-cifar10", 0.62, 70.5, 96.0),
    ("vit-cifar10", 0.50, 70.0, 94.0),
    ("vit-cifar10", 0.42, 68.9, 90.5),
    ("vit-mnist", 0.70, 97.6, 99.0),
)


def problems_of(lines):
    shared, problems = command.shared(), []
    for model, goal, top1, agreement in lines:
        with command.scratch() as scratch:
            few, many, artifact = (os.path.join(scratch, name) for name in ("few.npz", "many.npz", "artifact"))
            datasets.write_set(shared, model, few, datasets.calibration_part)
            datasets.write_set(shared, model, many)
            arguments = datasets.network_arguments(shared, model)
            done = command.fettle("compile", *arguments, "--recipe", "tokens", "--set", f"tokens.macs={goal}", "--calibration", few, "-o", artifact)
            if done.returncode != 0:
                problems.append(f"{model}: compile: exit status {done.returncode}\n{done.stderr}")
                continue
            facts = command.fettle_json("evaluate", artifact, many, "--teacher", arguments[0])
            tokens = command.report_of(artifact)["tokens"]
        share = tokens["macs_after"] / tokens["macs_before"]
        print(f"{model}: {100 * share:.1f} % of the multiply-adds, top-1 {facts['top1']:.2f} %, agreement {facts['agreement']:.2f} %", flush=True)
        if share > goal or facts["top1"] < top1 or facts["agreement"] < agreement:
            problems.append(f"{model}: {share:.3f} of the multiply-adds, at most {goal} wanted; {facts}, at least {top1} and {agreement} wanted")
    return problems


if __name__ == "__main__":
    command.finish(problems_of(LINES))
