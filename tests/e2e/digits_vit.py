"""The vision transformer of test_models, its images, and what holds for any way to remove its tokens that is measured."""

import filecmp
import os

import command

FOLDER = os.path.join(command.ROOT, "test_models")
VIT = os.path.join(FOLDER, "digits_vit", "model.onnx")
CNN = [os.path.join(FOLDER, "digits_cnn", "model.onnx"), "--dim", "batch=1"]
CALIBRATION, EVALUATION = (os.path.join(FOLDER, "data", f"images_{part}.npz") for part in ("calibration", "evaluation"))
DONE, REJECTED = 0, 1


def compile_from_samples_and_profile(expectations, folder, recipe, profile):
    """The folders of the two artifacts, which must be the same with any number of threads; for another model the profile is refused."""
    made = [os.path.join(folder, name) for name in ("samples", "recalled")]
    for path, source in zip(made, (["--calibration", CALIBRATION, "-j", "1"], ["--profile", profile, "-j", "2"])):
        expectations.expect(DONE, "compile", VIT, *recipe, *source, "--name", "vit", "-o", path)
    for file in ("manifest.json", "vit.so", "vit.weights", "vit.h"):
        expectations.check(filecmp.cmp(*(os.path.join(path, file) for path in made), shallow=False), f"{file} differs")
    expectations.expect(REJECTED, "compile", *CNN, *recipe, "--profile", profile, "-o", os.path.join(folder, "out"), says=["for another model"])
    return made
