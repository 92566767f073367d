"""Evaluation sets for the networks in ../shared/models as .npz, preprocessed as their README says. The samples are those
that ../shared/tools/samples.py selects. All but the photographs are made with Python's standard library only."""

import gzip
import importlib.util
import os
import struct
import subprocess
import sys

import command
import tensors

CIFAR_STD = {"resnet8-cifar10": None, "tinymobilenet-cifar10": (.2470, .2435, .2616),
             "vit-cifar10": (.2023, .1994, .2010), "vit-vnncomp-ibp-3-3-8": (.2023, .1994, .2010)}
CIFAR_MEAN = (.4914, .4822, .4465)


def as_float(value):
    """Rounded to single precision."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def lookup(function):
    """Encoded f32 of function(byte) for each byte."""
    return [struct.pack("<f", function(byte)) for byte in range(256)]


def evaluation_part(count, calibration):
    """Indices that are not for calibration, as samples.py spreads them."""
    step = (count - 1) / (calibration - 1)
    taken = {int(i * step) for i in range(calibration - 1)} | {count - 1}
    return [i for i in range(count) if i not in taken]


def calibration_part(count, calibration):
    """The other ones."""
    evaluated = set(evaluation_part(count, calibration))
    return [i for i in range(count) if i not in evaluated]


def labels_tensor(labels):
    return tensors.from_values("<i8", (len(labels),), labels)


def cifar(data, model, part):
    with open(os.path.join(data, "cifar10-test-jpg", "cifar10_test_even_5000.bin"), "rb") as file:
        raw = file.read()
    std = CIFAR_STD[model]
    tables = [lookup((lambda v, c=c: (as_float(v / 255) - CIFAR_MEAN[c]) / std[c]) if std else float) for c in range(3)]
    chosen = part(len(raw) // 3073, 512)
    pixels = b"".join(b"".join(map(tables[c].__getitem__, raw[start:start + 1024]))
                      for i in chosen for c, start in enumerate(range(3073 * i + 1, 3073 * i + 3073, 1024)))
    return {"input": tensors.Tensor("<f4", (len(chosen), 3, 32, 32), pixels),
            "labels": labels_tensor([raw[3073 * i] for i in chosen])}


def mnist(data, _, part):
    def body(name, header):
        with gzip.open(os.path.join(data, "mnist-t10k", name)) as file:
            return file.read()[header:]

    pixels, labels = body("t10k-images-idx3-ubyte.gz", 16), body("t10k-labels-idx1-ubyte.gz", 8)
    table = lookup(lambda v: (v / 255 - 0.1307) / 0.3081)
    chosen = part(len(labels), 512)
    return {"input": tensors.Tensor("<f4", (len(chosen), 1, 28, 28), b"".join(
                b"".join(map(table.__getitem__, pixels[784 * i:784 * i + 784])) for i in chosen)),
            "labels": labels_tensor([labels[i] for i in chosen])}


def keywords(data, _, part):
    folder = os.path.join(data, "mlperf-tiny-kws01")
    with open(os.path.join(folder, "features_int8_1000x49x10.bin"), "rb") as file:
        raw = file.read()
    with open(os.path.join(folder, "labels.csv"), encoding="utf-8") as file:
        labels = [int(row.split(",")[2]) for row in file.read().split()[1:]]
    scale = as_float(0.5847029)
    table = lookup(lambda v: ((v - 256 if v > 127 else v) - 83) * scale)
    chosen = part(len(labels), 200)
    return {"input": tensors.Tensor("<f4", (len(chosen), 1, 49, 10), b"".join(
                b"".join(map(table.__getitem__, raw[490 * i:490 * i + 490])) for i in chosen)),
            "labels": labels_tensor([labels[i] for i in chosen])}


def photos(shared, model, path, part):
    """Photographs are decoded, scaled and parted by samples.py itself, with Pillow."""
    missing = [name for name in ("numpy", "PIL") if not importlib.util.find_spec(name)]
    if missing:
        command.skip(f"photographs are read with {' and '.join(missing)}, which this Python does not have")
    folder = os.path.dirname(path)
    subprocess.run([sys.executable, os.path.join(shared, "tools", "samples.py"), folder, model], check=True,
                   stdout=subprocess.DEVNULL)
    wanted, other = ("calibration", "evaluation") if part is calibration_part else ("evaluation", "calibration")
    os.remove(os.path.join(folder, f"{model}.{other}.npz"))
    os.rename(os.path.join(folder, f"{model}.{wanted}.npz"), path)


class Network:
    """shape: of one sample; top1: what ONNX Runtime reaches on the set, in per cent."""

    def __init__(self, make, shape, top1):
        self.make, self.shape, self.top1 = make, shape, top1


NETWORKS = {
    "resnet8-cifar10": Network(cifar, (3, 32, 32), 75.2),
    "dscnn-kws": Network(keywords, (1, 49, 10), 90.2),
    "vit-cifar10": Network(cifar, (3, 32, 32), 71.0),
    "vit-mnist": Network(mnist, (1, 28, 28), 98.0),
    "tinymobilenet-cifar10": Network(cifar, (3, 32, 32), 70.1),
    "vit-vnncomp-ibp-3-3-8": Network(cifar, (3, 32, 32), 61.0),
}
PHOTO_NETWORKS = {"mobilenetv2-1.0-224": Network(photos, (3, 224, 224), 88.0)}
ALL_NETWORKS = {**NETWORKS, **PHOTO_NETWORKS}


def write_set(shared, model, path, part=evaluation_part):
    """Arrays `input` and `labels`. Ends the test as skipped where a package is missing."""
    make = ALL_NETWORKS[model].make
    if make is photos:
        photos(shared, model, path, part)
    else:
        tensors.write_npz(path, make(os.path.join(shared, "datasets"), model, part))


def network_arguments(shared, model):
    """What `fettle compile` takes for the float network and one sample a call."""
    shape = "x".join(map(str, (1, *ALL_NETWORKS[model].shape)))
    return [os.path.join(shared, "models", model, "model.onnx"), "--shape", f"input={shape}"]
