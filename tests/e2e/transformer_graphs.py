"""Writes small transformers with random weights, as exporters write them: attention, norms and activations decomposed."""

import numpy
from onnx import TensorProto, helper, numpy_helper, save


class Graph:
    """Nodes in order; the names of results are returned."""

    def __init__(self, opset=17):
        self.opset, self.random = opset, numpy.random.default_rng(0)
        self.nodes, self.weights = [], []

    def weight(self, *shape, spread=0.3, value=None):
        if value is None:
            value = self.random.standard_normal(shape, dtype=numpy.float32) * numpy.float32(spread)
        name = f"w{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(numpy.asarray(value), name))
        return name

    def ints(self, *values):
        return self.weight(value=numpy.array(values, numpy.int64))

    def number(self, value):
        return self.weight(value=numpy.array(value, numpy.float32))

    def op(self, kind, *inputs, results=1, **attributes):
        name = f"{kind}_{len(self.nodes)}"
        names = [name] if results == 1 else [f"{name}_{i}" for i in range(results)]
        self.nodes.append(helper.make_node(kind, list(inputs), names, name=name, **attributes))
        return names[0] if results == 1 else names

    def save(self, path, inputs, output):
        """`inputs`: name -> (type, shape). `output` is the value that becomes the only result."""
        self.nodes.append(helper.make_node("Identity", [output], ["result"], name="result"))
        values = [helper.make_tensor_value_info(name, kind, shape) for name, (kind, shape) in inputs.items()]
        graph = helper.make_graph(self.nodes, "graph", values, [helper.make_tensor_value_info("result", TensorProto.FLOAT, None)],
                                  self.weights)
        save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8), path)

    # Layers.
    def linear(self, x, width, out):
        return self.op("Add", self.op("MatMul", x, self.weight(width, out, spread=width ** -0.5)), self.weight(out, spread=0.1))

    def mean(self, x, axes, keep=1):
        if self.opset < 18:
            return self.op("ReduceMean", x, axes=axes, keepdims=keep)
        return self.op("ReduceMean", x, self.ints(*axes), keepdims=keep)

    def sum(self, x, axis, keep=0):
        return self.op("ReduceSum", x, self.ints(axis), keepdims=keep)

    def norm(self, x, width):
        scale, bias = self.weight(value=1 + 0.1 * self.random.standard_normal(width, dtype=numpy.float32)), self.weight(width, spread=0.1)
        if self.opset >= 17:
            return self.op("LayerNormalization", x, scale, bias, axis=-1, epsilon=1e-5)
        centred = self.op("Sub", x, self.mean(x, [-1]))
        variance = self.mean(self.op("Pow", centred, self.number(2)), [-1])
        y = self.op("Div", centred, self.op("Sqrt", self.op("Add", variance, self.number(1e-5))))
        return self.op("Add", self.op("Mul", y, scale), bias)

    def gelu(self, x):
        e = self.op("Add", self.op("Erf", self.op("Div", x, self.number(2 ** 0.5))), self.number(1))
        return self.op("Mul", self.op("Mul", x, e), self.number(0.5))

    def mlp(self, x, width):
        return self.linear(self.gelu(self.linear(x, width, 2 * width)), 2 * width, width)

    def scores(self, query, key_turned, value, depth, bias):
        """Attention of [n, heads, t, depth], keys turned, to [n, t, heads, depth]."""
        s = self.op("Div", self.op("MatMul", query, key_turned), self.number(depth ** 0.5))
        if bias:
            s = self.op("Add", s, bias)
        return self.op("Transpose", self.op("MatMul", self.op("Softmax", s, axis=-1), value), perm=[0, 2, 1, 3])

    def separate(self, x, width, heads, bias=None):
        """Three products, as BERT has them."""
        depth = width // heads

        def part(perm):
            return self.op("Transpose", self.op("Reshape", self.linear(x, width, width), self.ints(0, -1, heads, depth)), perm=perm)

        y = self.scores(part([0, 2, 1, 3]), part([0, 2, 3, 1]), part([0, 2, 1, 3]), depth, bias)
        return self.linear(self.op("Reshape", y, self.ints(0, -1, width)), width, width)

    def packed(self, x, width, heads, bias=None):
        """One product for queries, keys and values, as timm has it."""
        depth = width // heads
        y = self.op("Reshape", self.linear(x, width, 3 * width), self.ints(0, -1, 3, heads, depth))
        y = self.op("Transpose", y, perm=[2, 0, 3, 1, 4])
        q, k, v = (self.op("Squeeze", part, self.ints(0)) for part in self.op("Split", y, self.ints(1, 1, 1), results=3, axis=0)) \
            if self.opset < 18 else (self.op("Gather", y, self.weight(value=numpy.array(i, numpy.int64)), axis=0) for i in range(3))
        y = self.scores(q, self.op("Transpose", k, perm=[0, 1, 3, 2]), v, depth, bias)
        return self.linear(self.op("Reshape", y, self.ints(0, -1, width)), width, width)

    def pytorch(self, x, width, heads, batch, tokens):
        """torch.nn.MultiheadAttention on [t, n, c]: heads are part of the batch."""
        depth = width // heads

        def part():
            y = self.op("Reshape", self.linear(x, width, width), self.ints(tokens, batch * heads, depth))
            return self.op("Transpose", y, perm=[1, 0, 2])

        q, k, v = part(), part(), part()
        s = self.op("MatMul", self.op("Div", q, self.number(depth ** 0.5)), self.op("Transpose", k, perm=[0, 2, 1]))
        y = self.op("MatMul", self.op("Softmax", s, axis=-1), v)
        y = self.op("Reshape", self.op("Transpose", y, perm=[1, 0, 2]), self.ints(tokens * batch, width))
        return self.op("Reshape", self.linear(y, width, width), self.ints(tokens, batch, width))

    def einsum(self, x, width, heads, tokens):
        """Keras' MultiHeadAttention as TensorFlow's exporter writes its einsums: an axis of 1 for each index that an operand lacks,
        keys times queries, batch and heads as one axis. For one sequence; the bias comes behind the split into heads."""
        depth = width // heads

        def part(perm, shape):
            y = self.op("MatMul", self.op("Reshape", x, self.ints(tokens, width)), self.weight(width, width, spread=width ** -0.5))
            y = self.op("Add", self.op("Reshape", y, self.ints(1, tokens, heads, depth)), self.weight(heads, depth, spread=0.1))
            y = self.op("Transpose", self.op("Reshape", y, self.ints(1, tokens, 1, heads, depth)), perm=perm)
            return self.op("Reshape", y, self.ints(*shape))

        query = self.op("Mul", part([0, 3, 2, 4, 1], [heads, depth, tokens]), self.number(depth ** -0.5))
        s = self.op("MatMul", part([0, 3, 1, 2, 4], [heads, tokens, depth]), query)
        s = self.op("Transpose", self.op("Reshape", s, self.ints(1, heads, tokens, tokens)), perm=[0, 1, 3, 2])
        p = self.op("Reshape", self.op("Softmax", s, axis=-1), self.ints(heads, tokens, tokens))
        y = self.op("MatMul", p, part([0, 3, 1, 2, 4], [heads, tokens, depth]))
        y = self.op("Transpose", self.op("Reshape", y, self.ints(1, 1, heads, tokens, depth)), perm=[0, 3, 1, 2, 4])
        y = self.op("MatMul", self.op("Reshape", y, self.ints(tokens, width)), self.weight(width, width, spread=width ** -0.5))
        return self.op("Reshape", self.op("Add", y, self.weight(width, spread=0.1)), self.ints(1, tokens, width))

    def block(self, x, width, attention, post_norm=False):
        if post_norm:
            x = self.norm(self.op("Add", x, attention(x)), width)
            return self.norm(self.op("Add", x, self.mlp(x, width)), width)
        x = self.op("Add", x, attention(self.norm(x, width)))
        return self.op("Add", x, self.mlp(self.norm(x, width), width))
