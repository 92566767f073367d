"""Damages ONNX models at random, from flipped bits to well-formed files with impossible content.

A model is parsed into a tree of protobuf fields, of which only the messages that hold the graph's
structure are opened; one to three changes are made; the tree is written again.
"""

import tensors

# Message -> field number -> message of that field.
MODEL, GRAPH, NODE, ATTRIBUTE, TENSOR, VALUE, TYPE, TENSOR_TYPE, SHAPE, DIM, OPSET, ENTRY, FUNCTION = range(13)
CHILDREN = {
    MODEL: {7: GRAPH, 8: OPSET, 25: FUNCTION},
    GRAPH: {1: NODE, 5: TENSOR, 11: VALUE, 12: VALUE, 13: VALUE},
    NODE: {5: ATTRIBUTE},
    ATTRIBUTE: {5: TENSOR, 6: GRAPH, 10: TENSOR, 11: GRAPH},
    TENSOR: {13: ENTRY},
    VALUE: {2: TYPE},
    TYPE: {1: TENSOR_TYPE},
    TENSOR_TYPE: {2: SHAPE},
    SHAPE: {1: DIM},
    FUNCTION: {7: NODE, 9: OPSET, 11: ATTRIBUTE},
    DIM: {}, OPSET: {}, ENTRY: {},
}
STRINGS = {(NODE, 1), (NODE, 2), (NODE, 3), (NODE, 4), (NODE, 7), (ATTRIBUTE, 1), (ATTRIBUTE, 4), (TENSOR, 8),
           (VALUE, 1), (GRAPH, 2), (OPSET, 1), (DIM, 2), (FUNCTION, 1), (FUNCTION, 4), (FUNCTION, 5)}
NUMBERS = [0, 1, 2, 3, 7, 8, 9, 16, 255, 65535, (1 << 31) - 1, 1 << 31, 1 << 40, (1 << 62), (1 << 63) - 1, 1 << 63,
           (1 << 64) - 1, (1 << 64) - 2, (1 << 64) - 1000]
OPERATORS = [b"Reshape", b"Conv", b"Gemm", b"MatMul", b"Loop", b"If", b"Scan", b"Expand", b"Tile", b"ConstantOfShape", b"Pad",
             b"Resize", b"Concat", b"Split", b"Gather", b"LSTM", b"Transpose", b"Slice", b"QLinearConv", b"Einsum",
             b"NoSuchOperator", b"Squeeze", b"Range", b"Cast", b"TopK", b"OneHot", b"MaxPool", b"ConvTranspose"]
PATHS = [b"../../../../etc/passwd", b"/etc/passwd", b"..", b"", b"weights.bin", b"/dev/zero", b"x" * 5000, b"a\0b"]


class Field:
    """A field of message `owner`; value is an int, bytes, or a list of fields for an opened message."""

    def __init__(self, owner, number, wire, value):
        self.owner, self.number, self.wire, self.value = owner, number, wire, value

    def copy(self):
        value = [field.copy() for field in self.value] if isinstance(self.value, list) else self.value
        return Field(self.owner, self.number, self.wire, value)


def parse(data, message=MODEL):
    opened = CHILDREN[message]
    return [Field(message, number, wire, parse(value, opened[number]) if wire == 2 and number in opened else value)
            for number, wire, value in tensors.fields(data)]


def varint(value):
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    return bytes(out + bytes([value]))


def serialize(fields):
    parts = []
    for field in fields:
        parts.append(varint(field.number << 3 | field.wire))
        if field.wire == 0:
            parts.append(varint(field.value & (1 << 64) - 1))
            continue
        body = serialize(field.value) if isinstance(field.value, list) else field.value
        parts.append(varint(len(body)) + body if field.wire == 2 else body)
    return b"".join(parts)


def all_fields(fields):
    """(list that holds it, field), everywhere in the tree."""
    for field in fields:
        yield fields, field
        if isinstance(field.value, list):
            yield from all_fields(field.value)


def change_bytes(rng, data):
    """Damage that knows nothing of the format."""
    data = bytearray(data)
    kind = rng.randrange(4)
    if kind == 0:
        for _ in range(rng.choice([1, 1, 2, 8, 64])):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    elif kind == 1:
        del data[rng.randrange(len(data)):]
    elif kind == 2:
        start = rng.randrange(len(data))
        del data[start:start + rng.choice([1, 4, 100])]
    else:
        start = rng.randrange(len(data))
        data[start:start] = bytes(rng.randrange(256) for _ in range(rng.choice([1, 4, 100])))
    return bytes(data)


def nest(rng, tree):
    """Puts a chain of If nodes, each in the branch of the one before, into the graph."""
    inner = []
    for _ in range(rng.choice([3, 70, 2000])):
        branch = Field(NODE, 5, 2, serialize([Field(ATTRIBUTE, 1, 2, b"then_branch"), Field(ATTRIBUTE, 20, 0, 5),
                                              Field(ATTRIBUTE, 6, 2, serialize(inner))]))
        node = [Field(NODE, 4, 2, b"If"), Field(NODE, 1, 2, b"condition"), Field(NODE, 2, 2, b"nested"), branch]
        inner = [Field(GRAPH, 1, 2, serialize(node))]
    for field in tree:
        if field.owner == MODEL and field.number == 7 and isinstance(field.value, list):
            field.value[0:0] = inner


def change_tree(rng, tree):
    """One change of a well-formed file."""
    places = list(all_fields(tree))
    holder, field = rng.choice(places)
    kind = rng.randrange(12)
    if kind == 0:
        holder.remove(field)
    elif kind == 1:
        holder.insert(rng.randrange(len(holder) + 1), field.copy())
    elif kind in (2, 3):
        numbers = [f for _, f in places if f.wire == 0]
        if numbers:
            rng.choice(numbers).value = rng.choice(NUMBERS)
    elif kind in (4, 5):  # rewires: cycles, missing values, wrong types
        strings = [f for _, f in places if (f.owner, f.number) in STRINGS]
        if len(strings) > 1:
            rng.choice(strings).value = rng.choice(strings).value
    elif kind == 6:
        operators = [f for _, f in places if f.owner == NODE and f.number == 4]
        if operators:
            rng.choice(operators).value = rng.choice(OPERATORS)
    elif kind == 7:
        dims = [f for _, f in places if (f.owner, f.number) in ((DIM, 1), (TENSOR, 1))]
        if dims:
            chosen = rng.choice(dims)
            chosen.wire, chosen.value = 0, rng.choice(NUMBERS)
    elif kind == 8:
        tensor_fields = [f.value for _, f in places if isinstance(f.value, list) and any(
            g.owner == TENSOR and g.number == 2 for g in f.value)]
        if tensor_fields:
            chosen = rng.choice(tensor_fields)
            chosen[:] = [f for f in chosen if f.number not in (9, 4)]
            chosen.append(Field(TENSOR, 14, 0, 1))
            entries = [(b"location", rng.choice(PATHS)), (b"offset", rng.choice([b"0", b"-1", b"99999999999", b"x"])),
                       (b"length", rng.choice([b"0", b"4", b"-4", b"99999999999999999999"]))]
            for key, value in entries[:rng.choice([1, 2, 3])]:
                chosen.append(Field(TENSOR, 13, 2, serialize([Field(ENTRY, 1, 2, key), Field(ENTRY, 2, 2, value)])))
    elif kind == 9:
        kinds = [f for _, f in places if (f.owner, f.number) in ((TENSOR, 2), (TENSOR_TYPE, 1), (ATTRIBUTE, 20))]
        if kinds:
            rng.choice(kinds).value = rng.randrange(30)
    elif kind == 10:
        raw = [f for _, f in places if f.wire == 2 and isinstance(f.value, bytes) and len(f.value) > 1]
        if raw:
            chosen = rng.choice(raw)
            chosen.value = chosen.value[:rng.randrange(len(chosen.value))]
    elif rng.random() < 0.2:
        nest(rng, tree)
    else:
        rng.shuffle(holder)


def mutate(rng, data):
    """A damaged copy of a model."""
    if rng.random() < 0.25:
        return change_bytes(rng, data)
    tree = parse(data)
    for _ in range(rng.choice([1, 1, 2, 3])):
        change_tree(rng, tree)
    return serialize(tree)
