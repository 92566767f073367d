"""Writes what a fuzz target's corpus starts from: seeds.py TARGET FOLDER.

Small files of every kind that the target's parser takes. Without them most bytes end at the first character."""

import base64
import glob
import json
import os
import shutil
import struct
import sys
import zipfile

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
sys.path.insert(0, os.path.join(ROOT, "tests", "e2e"))

from png_file import png  # noqa: E402
from tiny_model import field  # noqa: E402 (the path is set above)

LARGEST = 128 << 10


def copies(pattern):
    """The files of the tree, and of the shared folder beside it, that match."""
    paths = sorted(glob.glob(os.path.join(ROOT, pattern)) + glob.glob(os.path.join(ROOT, "..", "shared", pattern)))
    return [open(path, "rb").read() for path in paths if os.path.getsize(path) <= LARGEST]


def array(descr, shape, data, order="False", version=1):
    header = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}\n".encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(header)) + header + data


def arrays():
    return [array("<f4", "(2, 3)", bytes(24)), array(">i2", "(2, 3)", bytes(range(12)), "True"), array("|b1", "(3,)", b"\0\1\2", version=2),
            array("<f8", "()", bytes(8), version=3), array("V2", "(0, 4)", b""), array("<u8", "(1L,)", bytes(8))]


def archives():
    for method in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with zipfile.ZipFile("seed.npz", "w", method) as archive:
            archive.writestr("x.npy", array("<f4", "(4, 3)", bytes(48)))
            archive.writestr("labels.npy", array("<i8", "(4,)", bytes(32)))
        with open("seed.npz", "rb") as file:
            yield file.read()
        os.remove("seed.npz")


def tensors():
    floats = struct.pack("<6f", *range(6))
    return [field(1, 2) + field(1, 3) + field(2, 1) + field(9, floats), field(1, 6) + field(2, 1) + field(4, floats),
            field(1, 2) + field(2, 7) + field(7, b"\1\2"), field(1, 2) + field(2, 10) + field(5, b"\1\2"), field(1, 2) + field(2, 8) + field(6, "text"),
            field(1, 1) + field(2, 1) + field(14, 1) + field(13, field(1, "location") + field(2, "weights"))]


def profile():
    def floats(*numbers):
        return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()

    return {"schema_version": 1, "samples": 2,
            "channels": {"x": {"low": floats(-1, 0), "high": floats(1, 2), "mean_square": floats(1, 4)}},
            "tensors": {"x": {"min": -1, "max": 2.5, "histogram": [1, 0, 5]}},
            "rows": {"x by 1": {"scale": 0.1, "zero_point": 3, "groups": 1, "width": 1, "mean": floats(1), "rounded_mean": floats(1),
                                "covariance": floats(1)}},
            "refits": {"fc": {"width": 1, "outputs": 1, "mean": floats(1), "target_mean": floats(1), "covariance": floats(1), "cross": floats(1)}},
            "tokens": {"macs=0.6": {"method": "merge", "metric": "keys", "matching": "global", "rounds": 2,
                                    "removed": [{"site": "x", "count": 1}]}},
            "latencies": {"cpu:native": {"conv": {"float_us": 12.5, "int8_us": 13, "refused": True}}}}


def manifest():
    tensor = {"name": "x", "dtype": "f32", "shape": [1, 3], "bytes": 12}
    step = {"name": "Add_0+Relu_0", "kind": "map", "kernel": "kernel_0", "tiles": 2, "macs": 3, "bytes": 24}
    own = {"outputs": [tensor], "steps": [step], "golden": {"inputs": ["golden/input_0.npy"], "outputs": []}}
    return {"format": "fettle-artifact", "format_version": 1, "name": "m", "identifier": "m", "version": "1.2.3", "inputs": [tensor], **own,
            "target": {"name": "cpu:x86-64-v3", "triple": "x86_64-unknown-linux-gnu", "cpu": "x86-64-v3", "features": "", "required_features": ["avx2"],
                       "vector_bytes": 32},
            "specializations": [{"inputs": {"x": [1, 3]}}, {"inputs": {"x": [4, 3]}, **own}], "kernels": 1, "arena_bytes": 64, "weights_bytes": 0,
            "files": [{"path": "m.so", "bytes": 5, "sha256": "00"}], "hashes": {"model": "ab"},
            "images": {"x": {"resize": 256, "crop": None, "mean": [0.5, 0.25, 0], "std": [1], "order": "rgb", "layout": "nchw"}},
            "bindings": {"dims": {"N": [1, 4]}, "shapes": {"x": [1, 3]}, "constant_texts": {"k": "3"},
                         "constants": {"c": {"shape": [2], "dtype": "f32", "values": [1, 2.5]}}}}


RECIPES = ["version: 1\nprecision: int8\nactivations:\n  grid: mse   # how\n  equalize: true\nweights: {rounding: gptq, damping: 0.01}\n"
           "budget:\n  integers: 50\n  latency: measured\nintegers:\n  rule: tosa\nonnx: {activations: uint8}\ngolden:\n  seed: 7\n"
           "images:\n  resize: 256\n  mean: 0.5, 0.4, 0.3\n  std: 0.25\n  order: bgr\n",
           "tokens:\n  macs: 0.6\n  method: auto\n  metric: 'keys'\n  matching: \"local\"\n  rounds: 2\n  refit: true\n",
           "tokens.remove=4,2, 1\ntokens.latency=0.5\nactivations.percentile=99.9\n", "&a [*a, |\n  text\n, >-\n text\n, !!str x, ? k : v]\n---\n...\n"]
OPTIONS = ["batch=1,4\nx=1x3x224x224,2x3x8x8\nsr=16000\nseq=128\ny=\nk=1,2.5,-3\n", "a=b=1\n"]

# 8 x 8 pixels: baseline in colour, progressive in grey.
JPEGS = ["/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////"
         "2wBDAVVaWnhpeOuCguv/////////////////////////////////////////////////////////////////////////wAARCAAIAAgDASIAAhEBAxEB/8QA"
         "FQABAQAAAAAAAAAAAAAAAAAAAAH/xAAbEAACAgMBAAAAAAAAAAAAAAAAAQIRIVGx0f/EABQBAQAAAAAAAAAAAAAAAAAAAAD/xAAUEQEAAAAAAAAAAAAAAAAA"
         "AAAA/9oADAMBAAIRAxEAPwCUozwlT0l4+gAD/9k=",
         "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDAFA3PEY8MlBGQUZaVVBfeMiCeG5uePWvuZHI////////////////////////////////////////////////////"
         "wgALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAAAf/aAAgBAQAAAAE//8QAFBABAAAAAAAAAAAAAAAAAAAAAP/aAAgBAQABBQJ//8QAFBABAAAAAAAA"
         "AAAAAAAAAAAAAP/aAAgBAQAGPwJ//8QAFhAAAwAAAAAAAAAAAAAAAAAAAAEx/9oACAEBAAE/IYz/2gAIAQEAAAAQ/wD/xAAaEAEAAQUAAAAAAAAAAAAAAAAB"
         "EQAhUbHR/9oACAEBAAE/EILIQ4Djuv/Z"]


def images():
    return [base64.b64decode(text) for text in JPEGS] + [png(3, 2, bytes(range(6)))]


SEEDS = {
    "ImageFuzzer": images,
    "ImportFuzzer": lambda: copies("test_models/*/*.onnx") + copies("models/*/*.onnx"),
    "ManifestFuzzer": lambda: [json.dumps(manifest()).encode()],
    "ModelOptionsFuzzer": lambda: [text.encode() for text in OPTIONS],
    "NpyFuzzer": arrays,
    "ProfileFuzzer": lambda: copies("tests/lit/passes/*/Inputs/*.json") + [json.dumps(profile()).encode()],
    "RecipeFuzzer": lambda: [text.encode() for text in RECIPES],
    "TensorFileFuzzer": lambda: [*tensors(), *archives(), *copies("test_models/data/*.npz")],
}


def main():
    target, folder = sys.argv[1:]
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    os.chdir(folder)
    for number, data in enumerate(SEEDS[target]()):
        with open(f"seed{number}", "wb") as file:
            file.write(data)


if __name__ == "__main__":
    main()
