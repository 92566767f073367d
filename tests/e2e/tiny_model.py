"""Writes the smallest model with weights and a free dimension: y = relu(x * scale), x float32[N, 4]."""

import struct

FLOAT = 1


def varint(value):
    out = b""
    while value >= 128:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    """An int field, or one of bytes or text."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def node(name, op, inputs, outputs):
    return (b"".join(field(1, i) for i in inputs) + b"".join(field(2, o) for o in outputs)
            + field(3, name) + field(4, op))


def value_info(name):
    dims = field(1, field(2, "N")) + field(1, field(1, 4))
    return field(1, name) + field(2, field(1, field(1, FLOAT) + field(2, dims)))


def write(path, scale):
    weight = field(1, 4) + field(2, FLOAT) + field(8, "scale") + field(9, struct.pack("<4f", *[scale] * 4))
    graph = (field(1, node("mul", "Mul", ["x", "scale"], ["scaled"])) + field(1, node("relu", "Relu", ["scaled"], ["y"]))
             + field(2, "tiny") + field(5, weight) + field(11, value_info("x")) + field(12, value_info("y")))
    with open(path, "wb") as file:
        file.write(field(1, 8) + field(7, graph) + field(8, field(2, 13)))
