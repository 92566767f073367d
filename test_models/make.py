"""Trains the shipped test models and writes everything in this folder.

    python3 -m venv venv && venv/bin/pip install numpy scipy scikit-learn jax onnx onnxruntime
    venv/bin/python test_models/make.py            # about ten minutes on two cores
    venv/bin/python test_models/make.py digits_vit # trains only this one, and describes all

The data are the handwritten digits that scikit-learn ships (see README.md). Seeds are fixed.
"""

import json
import os
import sys

import jax
import numpy as np
import onnx
import onnxruntime
from scipy import ndimage
from sklearn.datasets import load_digits

import export
import networks

FOLDER = os.path.dirname(os.path.abspath(__file__))
EVALUATION_SAMPLES, CALIBRATION_SAMPLES, EXPECTED_SAMPLES = 500, 128, 8
FIRST_LABEL_TOKEN = 17  # tokens 0..16 are pixel values, 17..26 the digits 0..9


def augmented(rng, images):
    """Images [N,8,8] of 0..16, each turned, scaled, moved and blurred a little at random."""
    result = np.empty_like(images)
    for i, image in enumerate(images):
        angle, scale = rng.normal(0, 0.15), np.exp(rng.normal(0, 0.08))
        matrix = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        offset = np.array([3.5, 3.5]) - matrix @ (np.array([3.5, 3.5]) + rng.uniform(-0.7, 0.7, 2))
        result[i] = ndimage.affine_transform(image, matrix, offset, order=1)
    return np.clip(result * rng.uniform(0.9, 1.1, (len(images), 1, 1)), 0, 16)


def batches(seed, images, labels, form, size=128):
    """Endless batches in the form of one network."""
    rng = np.random.default_rng(seed)
    while True:
        chosen = rng.integers(0, len(images), size)
        yield form(augmented(rng, images[chosen]), labels[chosen])


def as_images(images, labels):
    return (images[:, None] / 16).astype(np.float32), labels


def as_tokens(images, labels):
    """Pixels row by row as tokens, then the digit's token as what follows."""
    pixels = np.rint(images).astype(np.int64).reshape(len(images), 64)
    return pixels, np.concatenate([pixels[:, 1:], FIRST_LABEL_TOKEN + labels[:, None]], 1)


def train_cnn(images, labels):
    parameters = networks.train(
        networks.init_cnn(np.random.default_rng(1)),
        lambda p, x, y: networks.cross_entropy(networks.cnn(p, x)[0], y),
        batches(11, images, labels, as_images), steps=1500, learning_rate=4e-3)
    statistics = jax.jit(networks.cnn)(parameters, as_images(images, labels)[0])[1]
    return export.export_cnn(parameters, statistics)


def train_vit(images, labels):
    return export.export_vit(networks.train(
        networks.init_vit(np.random.default_rng(2)),
        lambda p, x, y: networks.cross_entropy(networks.vit(p, x), y),
        batches(12, images, labels, as_images), steps=2500, learning_rate=1.5e-3, weight_decay=0.05))


def train_decoder(images, labels):
    def loss(parameters, tokens, following):
        logits = networks.decoder(parameters, tokens)
        digit = networks.cross_entropy(logits[:, -1], following[:, -1])
        return networks.cross_entropy(logits, following) + digit

    return export.export_decoder(networks.train(
        networks.init_decoder(np.random.default_rng(3)), loss,
        batches(13, images, labels, as_tokens, size=32), steps=4000, learning_rate=4e-3, weight_decay=0.05))


MODELS = {
    "digits_cnn": (train_cnn, "images", "conv + batch norm + ReLU, residual add, depthwise-separable blocks, global "
                   "average pool, Gemm; symbolic batch"),
    "digits_vit": (train_vit, "images", "cls token, 4 pre-norm blocks, packed qkv, layer norm and erf GELU decomposed "
                   "as exporters do"),
    "digits_decoder": (train_decoder, "tokens", "causal mask, rotary embedding, grouped heads, RMS norm, SwiGLU, shapes "
                       "computed in the graph; symbolic batch and sequence"),
}


def run(path, array):
    """First output for each sample of `array`, by ONNX Runtime, one sample a call."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return np.concatenate([session.run(None, {name: array[i:i + 1]})[0] for i in range(len(array))])


def main():
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.images))
    images, labels = digits.images[order], digits.target[order].astype(np.int64)
    test, train = slice(0, EVALUATION_SAMPLES), slice(EVALUATION_SAMPLES, None)
    calibration = slice(EVALUATION_SAMPLES, EVALUATION_SAMPLES + CALIBRATION_SAMPLES)

    os.makedirs(os.path.join(FOLDER, "data"), exist_ok=True)
    sets = {"images": ("image", as_images, 0), "tokens": ("input_ids", as_tokens, FIRST_LABEL_TOKEN)}
    for kind, (name, form, first_label) in sets.items():
        np.savez_compressed(os.path.join(FOLDER, "data", f"{kind}_evaluation.npz"),
                            **{name: form(images[test], labels[test])[0], "labels": labels[test] + first_label})
        np.savez_compressed(os.path.join(FOLDER, "data", f"{kind}_calibration.npz"),
                            **{name: form(images[calibration], labels[calibration])[0]})

    manifest = []
    for name, (make, kind, proves) in MODELS.items():
        print(name, flush=True)
        input_name, form, first_label = sets[kind]
        path = os.path.join(FOLDER, name, "model.onnx")
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if name in (sys.argv[1:] or MODELS):
            onnx.save(make(images[train], labels[train]), path)
        model = onnx.load(path)
        inputs = form(images[test], labels[test])[0]
        logits = run(path, inputs)
        accuracy = 100 * float(np.mean(logits.argmax(-1) == labels[test] + first_label))
        np.savez_compressed(os.path.join(FOLDER, name, "expected.npz"),
                            **{input_name: inputs[:EXPECTED_SAMPLES], "logits": logits[:EXPECTED_SAMPLES]})
        manifest.append({
            "name": name, "model": f"{name}/model.onnx", "expected": f"{name}/expected.npz",
            "evaluation": f"data/{kind}_evaluation.npz", "calibration": f"data/{kind}_calibration.npz",
            "dims": {"batch": 1, "seq": 64} if name == "digits_decoder" else {"batch": 1} if name == "digits_cnn" else {},
            "proves": proves, "opset": model.opset_import[0].version,
            "ops": sorted({node.op_type for node in model.graph.node}),
            "parameters": int(sum(np.prod(i.dims) for i in model.graph.initializer)),
            "top1": round(accuracy, 1)})
        print(f"  top-1 {accuracy:.1f} % on {EVALUATION_SAMPLES} digits", flush=True)
    with open(os.path.join(FOLDER, "manifest.json"), "w", encoding="utf-8") as file:
        json.dump({"schema_version": 1, "models": manifest}, file, indent=2)
        file.write("\n")


if __name__ == "__main__":
    main()
