"""Folders of images as samples: the shipped digits, written as PNG files, are the same samples as in .npz files to every verb;
one message for each kind of bad folder."""

import filecmp
import json
import os

import command
import tensors
import tiny_model
from png_file import png

FOLDER = os.path.join(command.ROOT, "test_models")
MODEL = os.path.join(FOLDER, "digits_cnn", "model.onnx")
BOUND = ["--dim", "batch=1"]
# Digits are sixteenths from 0 to 1. 15 x 16 is the largest byte: byte / 255 / (240 / 255) is such a sixteenth again.
SCALE = 240
SETTINGS = [word for text in ("images.resize=8", f"images.std={SCALE / 255!r}") for word in ("--set", text)]
REJECTED, USAGE, FILE = 1, 2, 4

expectations = command.Expectations()


def write(path, data):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(data)


def digits(part):
    arrays = tensors.read_npz(os.path.join(FOLDER, "data", f"images_{part}.npz"))
    images = [bytes(round(value * SCALE) for value in row.values()) for row in arrays["image"].rows()]
    return images, list(arrays["labels"].values()) if "labels" in arrays else None


def check_same_samples(scratch):
    folder = os.path.join(scratch, "calibration")
    npz = os.path.join(FOLDER, "data", "images_calibration.npz")
    for i, image in enumerate(digits("calibration")[0]):
        write(os.path.join(folder, f"{i:04}.png"), png(8, 8, image))
    outputs = [os.path.join(scratch, name) for name in ("folder.npz", "file.npz")]
    expectations.expect(0, "run", MODEL, *BOUND, "--data", folder, *SETTINGS, "-o", outputs[0])
    expectations.expect(0, "run", MODEL, *BOUND, "--data", npz, "-o", outputs[1])
    expectations.check(filecmp.cmp(*outputs, shallow=False), "outputs on the folder are not those on the .npz file")
    artifacts = [os.path.join(scratch, name, "digits") for name in ("a", "b")]
    for artifact, samples in zip(artifacts, (folder, npz)):
        os.makedirs(os.path.dirname(artifact))
        expectations.expect(0, "compile", MODEL, *BOUND, "--name", "digits", "--recipe", "int8", *SETTINGS, "--calibration", samples, "-o", artifact)
    for suffix in (".so", ".weights"):
        expectations.check(filecmp.cmp(*(os.path.join(artifact, "digits" + suffix) for artifact in artifacts), shallow=False),
                           f"int8 from the folder is not int8 from the .npz file in digits{suffix}")


def check_classes(scratch):
    folder = os.path.join(scratch, "evaluation")
    images, labels = digits("evaluation")
    for i, (image, label) in enumerate(zip(images, labels)):
        write(os.path.join(folder, str(label), f"{i:04}.png"), png(8, 8, image))
    recipe = os.path.join(scratch, "digits.yaml")
    write(recipe, f"version: 1\nprecision: float\nimages:\n  resize: 8\n  mean: 0, 0, 0\n  std: {SCALE / 255!r}\n".encode())
    facts = command.fettle_json("evaluate", MODEL, *BOUND, folder, "--recipe", recipe)
    wanted = command.fettle_json("evaluate", MODEL, *BOUND, os.path.join(FOLDER, "data", "images_evaluation.npz"))
    expectations.check(facts == wanted, f"evaluate says {facts} on the folder and {wanted} on the .npz file")
    artifact = os.path.join(scratch, "judged")
    expectations.expect(0, "compile", MODEL, *BOUND, "--recipe", recipe, "--evaluation", folder, "-o", artifact)
    expectations.expect(0, "bench", artifact, "--data", folder, *SETTINGS, "--seconds", "0.01")
    expectations.expect(0, "compare", MODEL, artifact, "--data", folder, *SETTINGS)
    check_kept(scratch, artifact, folder, recipe, wanted)


def check_kept(scratch, artifact, folder, recipe, wanted):
    """The artifact says itself how images are prepared; a recipe, or a key, says it otherwise."""
    path = os.path.join(artifact, "manifest.json")
    with open(path, encoding="utf-8") as file:
        text = file.read()
    kept = json.loads(text)["images"]
    expectations.check(kept == {"image": {"resize": 8, "crop": 8, "mean": [0], "std": [SCALE / 255], "layout": "nchw"}}, f"the manifest keeps {kept}")
    facts = command.fettle_json("evaluate", artifact, folder)
    expectations.check(facts["top1"] == wanted["top1"], f"evaluate says {facts} by the artifact's images, and {wanted} on the .npz file")
    outputs = {}
    for name, more in (("own", []), ("recipe", ["--recipe", recipe]), ("float", ["--recipe", "float", "--set", "images.resize=8"]),
                       ("key", ["--set", "images.std=1"])):
        outputs[name] = os.path.join(scratch, name + ".npz")
        expectations.expect(0, "run", artifact, "--data", folder, *more, "-o", outputs[name])
    expectations.check(filecmp.cmp(outputs["own"], outputs["recipe"], shallow=False), "--recipe with the artifact's own keys changes the samples")
    expectations.check(filecmp.cmp(outputs["float"], outputs["key"], shallow=False), "--set of one key changes others")
    expectations.check(not filecmp.cmp(outputs["own"], outputs["key"], shallow=False), "--set of a key changes nothing")
    expectations.expect(0, "compare", MODEL, artifact, "--data", folder)
    expectations.expect(0, "compare", artifact, MODEL, "--data", folder)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text.replace('"resize": 8', '"resize": "8 pixels"'))
    expectations.expect(FILE, "run", artifact, "--data", folder, "-o", outputs["own"], says=["manifest.json: damaged images", "images.resize"])


def check_mistakes(scratch):
    good = png(8, 8, bytes(64))
    def evaluate(name, code, says, *more):
        expectations.expect(code, "evaluate", MODEL, *BOUND, os.path.join(scratch, name), *more, says=says)

    os.makedirs(os.path.join(scratch, "empty"))
    evaluate("empty", REJECTED, ["holds no samples", ".png"])
    write(os.path.join(scratch, "damaged", "a.png"), good)
    write(os.path.join(scratch, "damaged", "b.png"), good[:50])
    evaluate("damaged", FILE, ["b.png: not a readable PNG image"])
    write(os.path.join(scratch, "text", "a.jpg"), b"a text")
    evaluate("text", FILE, ["a.jpg: is neither a JPEG nor a PNG image"])
    write(os.path.join(scratch, "large", "a.png"), png(1 << 14, 1 << 14, b""))
    evaluate("large", FILE, ["16384 x 16384 pixels", "64 megapixels"])
    write(os.path.join(scratch, "mixed", "a.png"), good)
    write(os.path.join(scratch, "mixed", "1", "a.png"), good)
    evaluate("mixed", FILE, ["one folder for each class"])
    write(os.path.join(scratch, "one", "a.png"), good)
    evaluate("one", REJECTED, ["one channel"], "--set", "images.mean=0.1,0.2,0.3")
    evaluate("one", REJECTED, ["raise images.resize"], "--set", "images.resize=7")
    evaluate("one", USAGE, ["three numbers"], "--set", "images.mean=1,2")
    evaluate("one", USAGE, ["1e-6 or above"], "--set", "images.std=0")
    evaluate("one", USAGE, ["only images.* keys"], "--set", "golden.seed=1")
    evaluate(os.path.join("one", "a.png"), USAGE, ["changes nothing here", "a folder of images"], "--set", "images.resize=8")
    expectations.expect(USAGE, "bench", MODEL, *BOUND, "--set", "images.resize=8", says=["changes nothing here"])
    expectations.expect(REJECTED, "evaluate", MODEL, "--dim", "batch=2", os.path.join(scratch, "one"), says=["no multiple of 2"])
    decoder = os.path.join(FOLDER, "digits_decoder", "model.onnx")
    expectations.expect(REJECTED, "evaluate", decoder, *BOUND, "--dim", "seq=16", os.path.join(scratch, "one"), says=["takes no images"])
    expectations.expect(REJECTED, "compile", decoder, *BOUND, "--dim", "seq=16", "--set", "images.std=1", "-o", os.path.join(scratch, "decoder"),
                        says=["the recipe has images.* keys", "takes no images"])
    two = os.path.join(scratch, "two.onnx")
    image = [tiny_model.value_info(name) for name in "abc"]
    graph = (tiny_model.field(1, tiny_model.node("add", "Add", ["a", "b"], ["c"])) + tiny_model.field(2, "two") +
             tiny_model.field(11, image[0]) + tiny_model.field(11, image[1]) + tiny_model.field(12, image[2]))
    write(two, tiny_model.field(1, 8) + tiny_model.field(7, graph) + tiny_model.field(8, tiny_model.field(2, 13)))
    expectations.expect(REJECTED, "run", two, "--dim", "N=1", "--data", os.path.join(scratch, "one"), "-o", os.path.join(scratch, "out.npz"),
                        says=["the model has 2 inputs", ".npz"])


command.run_parts(expectations, check_same_samples, check_classes, check_mistakes)
