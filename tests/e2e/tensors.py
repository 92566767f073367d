"""Tensors in files, with nothing but Python's standard library: .npy and .npz, ONNX
TensorProto (.pb), and the names of an ONNX model's inputs and outputs."""

import array
import ast
import io
import math
import struct
import zipfile

from tiny_model import field

# numpy type -> (struct code, ONNX TensorProto.DataType); f2 is read through struct's 'e'
KINDS = {"<f4": ("f", 1), "|u1": ("B", 2), "|i1": ("b", 3), "<u2": ("H", 4), "<i2": ("h", 5), "<i4": ("i", 6),
         "<i8": ("q", 7), "|b1": ("?", 9), "<f2": ("e", 10), "<f8": ("d", 11), "<u4": ("I", 12), "<u8": ("Q", 13)}
FLOATS = {"<f4", "<f2", "<f8"}
NUMPY_KIND = {onnx: kind for kind, (_, onnx) in KINDS.items()}


class Tensor:
    """kind: numpy's type text; shape: tuple; data: little-endian bytes, row-major."""

    def __init__(self, kind, shape, data):
        self.kind, self.shape, self.data = kind, tuple(shape), bytes(data)

    def values(self):
        code = KINDS[self.kind][0]
        if code in "?e":
            return struct.unpack(f"<{math.prod(self.shape)}{code}", self.data)
        return array.array(code, self.data)

    def rows(self):
        """One tensor for each element of the first axis."""
        step = len(self.data) // self.shape[0]
        return [Tensor(self.kind, self.shape[1:], self.data[i * step:(i + 1) * step]) for i in range(self.shape[0])]


def from_values(kind, shape, values):
    return Tensor(kind, shape, struct.pack(f"<{math.prod(shape)}{KINDS[kind][0]}", *values))


def read_npy(stream):
    magic = stream.read(8)
    size = struct.unpack("<H" if magic[6] == 1 else "<I", stream.read(2 if magic[6] == 1 else 4))[0]
    header = ast.literal_eval(stream.read(size).decode("latin-1"))
    if header["fortran_order"] and len(header["shape"]) > 1:
        raise ValueError("column-major arrays are not read")
    return Tensor(header["descr"], header["shape"], stream.read())


def write_npy(tensor):
    header = f"{{'descr': '{tensor.kind}', 'fortran_order': False, 'shape': {tuple(tensor.shape)!r}, }}"
    header += " " * (63 - (len(header) + 10) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode("latin-1") + tensor.data


def read_npz(path):
    with zipfile.ZipFile(path) as file:
        return {name[:-4]: read_npy(io.BytesIO(file.read(name))) for name in file.namelist()}


def write_npz(path, tensors):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as file:
        for name, tensor in tensors.items():
            file.writestr(name + ".npy", write_npy(tensor))


def fields(data):
    """The fields of a protobuf message: (number, wire type, value), value an int or bytes."""
    position = 0

    def varint():
        nonlocal position
        value = shift = 0
        while True:
            byte = data[position]
            position += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while position < len(data):
        tag = varint()
        wire = tag & 7
        if wire == 0:
            yield tag >> 3, wire, varint()
            continue
        size = varint() if wire == 2 else 8 if wire == 1 else 4
        yield tag >> 3, wire, data[position:position + size]
        position += size


def signed(value):
    return value - (1 << 64) if value >= 1 << 63 else value


def packed_varints(value):
    """Numbers of a repeated field, packed or not."""
    return [signed(v) for _, _, v in fields(b"".join(b"\x08" + part for part in split_varints(value)))]


def split_varints(data):
    start = 0
    for i, byte in enumerate(data):
        if byte < 128:
            yield data[start:i + 1]
            start = i + 1


def parse_tensor(data):
    """(name, Tensor) of a serialized TensorProto."""
    dims, raw, name, kind = [], None, "", 1
    typed = {4: [], 5: [], 7: [], 10: []}
    for number, wire, value in fields(data):
        if number == 1:
            dims += [signed(value)] if wire == 0 else packed_varints(value)
        elif number == 2:
            kind = value
        elif number == 8:
            name = value.decode()
        elif number == 9:
            raw = value
        elif number in (5, 7):
            typed[number] += [signed(value)] if wire == 0 else packed_varints(value)
        elif number == 4:
            typed[4] += struct.unpack(f"<{len(value) // 4}f", value)
        elif number == 10:
            typed[10] += struct.unpack(f"<{len(value) // 8}d", value)
    if raw is None:
        values = next((v for v in typed.values() if v), [])
        if kind == 10:
            raw = struct.pack(f"<{len(values)}H", *values)
        else:
            raw = struct.pack(f"<{len(values)}{KINDS[NUMPY_KIND[kind]][0]}", *values)
    return name, Tensor(NUMPY_KIND[kind], dims, raw)


def serialize_tensor(name, tensor):
    """A TensorProto, with a name or without."""
    dims = b"".join(field(1, extent) for extent in tensor.shape)
    return dims + field(2, KINDS[tensor.kind][1]) + (field(8, name) if name else b"") + field(9, tensor.data)


def read_pb(path):
    with open(path, "rb") as file:
        return parse_tensor(file.read())[1]


def model_inputs_outputs(path):
    """Names of the inputs that have no initializer, and of the outputs."""
    with open(path, "rb") as file:
        graph = next(value for number, _, value in fields(file.read()) if number == 7)
    names = {5: [], 11: [], 12: []}
    for number, _, value in fields(graph):
        if number in names:
            names[number].append(next(v.decode() for n, _, v in fields(value) if n == (8 if number == 5 else 1)))
    initialized = set(names[5])
    return [name for name in names[11] if name not in initialized], names[12]


def differences(actual, expected, rtol, atol):
    """How far `actual` is outside |a - e| <= atol + rtol |e|: a sentence, or "" if it is inside."""
    if tuple(actual.shape) != tuple(expected.shape):
        return f"shape {actual.shape}, expected {expected.shape}"
    wrong, worst = 0, (0.0, 0)
    for i, (a, e) in enumerate(zip(actual.values(), expected.values())):
        error = abs(a - e)
        if error <= atol + rtol * abs(e) or a == e or (a != a and e != e):
            continue
        wrong += 1
        if not error <= worst[0]:
            worst = (error, i)
    if not wrong:
        return ""
    i = worst[1]
    return (f"{wrong} of {math.prod(expected.shape)} elements differ, worst at {i}: "
            f"{actual.values()[i]}, expected {expected.values()[i]}")
