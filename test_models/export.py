"""Trained parameters to ONNX graphs, decomposed the way common exporters do it."""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper, shape_inference

from networks import CNN_CONVS, DECODER, NORM_EPSILON, VIT, rotary_frequencies


class Graph:
    """A list of nodes being written: `add` appends a node and returns its output's name."""

    def __init__(self, parameters):
        self.nodes, self.initializers, self.known = [], [], set()
        for name, value in parameters.items():
            self.initializer(name, np.asarray(value))

    def initializer(self, name, value):
        if name not in self.known:
            self.known.add(name)
            self.initializers.append(numpy_helper.from_array(np.array(value, order="C"), name))
        return name

    def constant(self, value, dtype=np.float32):
        value = np.asarray(value, dtype)
        text = "x".join(str(v) for v in value.reshape(-1)).replace("-", "m")
        return self.initializer(f"const_{value.dtype.name}_{value.ndim}d_{text}", value)

    def integers(self, *values):
        return self.constant(values, np.int64)

    def index(self, value):
        return self.constant(value, np.int64)

    def add(self, op, inputs, name, outputs=1, **attributes):
        results = [f"{name}_output_{i}" for i in range(outputs)]
        self.nodes.append(helper.make_node(op, inputs, results, name=name, **attributes))
        return results[0] if outputs == 1 else results

    def model(self, name, inputs, outputs, opset):
        """inputs and outputs: (name, element type, dims). The last node's output gets the output's name."""
        self.nodes[-1].output[0] = outputs[0][0]
        graph = helper.make_graph(
            self.nodes, name, [helper.make_tensor_value_info(*i) for i in inputs],
            [helper.make_tensor_value_info(*o) for o in outputs], self.initializers)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)],
                                  producer_name="fettle test_models", ir_version=8)
        checker.check_model(shape_inference.infer_shapes(model, strict_mode=True))
        return model


def export_cnn(parameters, statistics):
    g = Graph(parameters)
    x = "image"
    for name, channels, _, kernel, stride, depthwise in CNN_CONVS:
        mean = g.initializer(f"{name}.bn.running_mean", np.asarray(statistics[name][0]))
        variance = g.initializer(f"{name}.bn.running_var", np.asarray(statistics[name][1]))
        if name == "residual.0":
            skipped = x
        pad = kernel // 2
        x = g.add("Conv", [x, f"{name}.conv.weight"], f"/{name}/conv/Conv", kernel_shape=[kernel] * 2,
                  pads=[pad] * 4, strides=[stride] * 2, group=channels if depthwise else 1)
        x = g.add("BatchNormalization", [x, f"{name}.bn.weight", f"{name}.bn.bias", mean, variance],
                  f"/{name}/bn/BatchNormalization", epsilon=NORM_EPSILON)
        if name == "residual.1":
            x = g.add("Add", [x, skipped], "/residual/Add")
        x = g.add("Relu", [x], f"/{name}/relu/Relu")
    x = g.add("GlobalAveragePool", [x], "/pool/GlobalAveragePool")
    x = g.add("Flatten", [x], "/Flatten", axis=1)
    g.add("Gemm", [x, "head.weight", "head.bias"], "/head/Gemm", transB=1)
    return g.model("digits_cnn", [("image", TensorProto.FLOAT, ["batch", 1, 8, 8])],
                   [("logits", TensorProto.FLOAT, ["batch", 10])], opset=13)


def export_vit(parameters):
    g = Graph(parameters)
    width, heads = VIT["width"], VIT["heads"]
    size = width // heads

    def linear(x, name):
        x = g.add("MatMul", [x, f"{name}.weight"], f"/{name}/MatMul")
        return g.add("Add", [f"{name}.bias", x], f"/{name}/Add")

    def norm(x, name):
        path = f"/{name}"
        mean = g.add("ReduceMean", [x], f"{path}/ReduceMean", axes=[-1], keepdims=1)
        centered = g.add("Sub", [x, mean], f"{path}/Sub")
        squared = g.add("Pow", [centered, g.constant(2)], f"{path}/Pow")
        variance = g.add("ReduceMean", [squared], f"{path}/ReduceMean_1", axes=[-1], keepdims=1)
        shifted = g.add("Add", [variance, g.constant(NORM_EPSILON)], f"{path}/Add")
        deviation = g.add("Sqrt", [shifted], f"{path}/Sqrt")
        scaled = g.add("Div", [centered, deviation], f"{path}/Div")
        weighted = g.add("Mul", [scaled, f"{name}.weight"], f"{path}/Mul")
        return g.add("Add", [weighted, f"{name}.bias"], f"{path}/Add_1")

    def gelu(x, path):
        scaled = g.add("Div", [x, g.constant(np.sqrt(2))], f"{path}/Div")
        error = g.add("Erf", [scaled], f"{path}/Erf")
        shifted = g.add("Add", [error, g.constant(1)], f"{path}/Add")
        product = g.add("Mul", [x, shifted], f"{path}/Mul")
        return g.add("Mul", [product, g.constant(0.5)], f"{path}/Mul_1")

    x = g.add("Conv", ["image", "patch_embed.weight", "patch_embed.bias"], "/patch_embed/Conv",
              kernel_shape=[VIT["patch"]] * 2, strides=[VIT["patch"]] * 2, pads=[0] * 4)
    x = g.add("Reshape", [x, g.integers(1, width, 16)], "/patch_embed/Reshape")
    x = g.add("Transpose", [x], "/patch_embed/Transpose", perm=[0, 2, 1])
    x = g.add("Concat", ["cls_token", x], "/Concat", axis=1)
    x = g.add("Add", [x, "pos_embed"], "/Add")
    for block in range(VIT["blocks"]):
        name = f"blocks.{block}"
        path = f"/{name}/attn"
        qkv = linear(norm(x, f"{name}.norm1"), f"{name}.attn.qkv")
        qkv = g.add("Reshape", [qkv, g.integers(1, 17, 3, heads, size)], f"{path}/Reshape")
        qkv = g.add("Transpose", [qkv], f"{path}/Transpose", perm=[2, 0, 3, 1, 4])
        q, k, v = (g.add("Gather", [qkv, g.index(i)], f"{path}/Gather_{i}", axis=0) for i in range(3))
        q = g.add("Mul", [q, g.constant(size**-0.5)], f"{path}/Mul")
        k = g.add("Transpose", [k], f"{path}/Transpose_1", perm=[0, 1, 3, 2])
        scores = g.add("MatMul", [q, k], f"{path}/MatMul")
        weights = g.add("Softmax", [scores], f"{path}/Softmax", axis=-1)
        attended = g.add("MatMul", [weights, v], f"{path}/MatMul_1")
        attended = g.add("Transpose", [attended], f"{path}/Transpose_2", perm=[0, 2, 1, 3])
        attended = g.add("Reshape", [attended, g.integers(1, 17, width)], f"{path}/Reshape_1")
        x = g.add("Add", [x, linear(attended, f"{name}.attn.proj")], f"/{name}/Add")
        hidden = gelu(linear(norm(x, f"{name}.norm2"), f"{name}.mlp.fc1"), f"/{name}/mlp/act")
        x = g.add("Add", [x, linear(hidden, f"{name}.mlp.fc2")], f"/{name}/Add_1")
    x = g.add("Gather", [norm(x, "norm"), g.index(0)], "/Gather", axis=1)
    g.add("Gemm", [x, "head.weight", "head.bias"], "/head/Gemm", transB=1)
    return g.model("digits_vit", [("image", TensorProto.FLOAT, [1, 1, 8, 8])],
                   [("logits", TensorProto.FLOAT, [1, 10])], opset=17)


def export_decoder(parameters):
    """Shapes are computed in the graph from the input's, as exporters of models with
    symbolic batch and sequence do; the logits are those of the last position."""
    g = Graph(parameters)
    width, heads, groups = DECODER["width"], DECODER["heads"], DECODER["key_value_heads"]
    size = width // heads

    shape = g.add("Shape", ["input_ids"], "/Shape")
    batch, length = (g.add("Gather", [shape, g.index(i)], f"/Gather_{i}", axis=0) for i in range(2))
    batch1 = g.add("Unsqueeze", [batch, g.integers(0)], "/Unsqueeze")
    length1 = g.add("Unsqueeze", [length, g.integers(0)], "/Unsqueeze_1")
    positions = g.add("Range", [g.index(0), length, g.index(1)], "/Range")
    column = g.add("Unsqueeze", [positions, g.integers(1)], "/Unsqueeze_2")
    row = g.add("Unsqueeze", [positions, g.integers(0)], "/Unsqueeze_3")
    future = g.add("Greater", [row, column], "/Greater")
    mask = g.add("Where", [future, g.constant(-1e9), g.constant(0)], "/Where")
    places = g.add("Cast", [column], "/rotary/Cast", to=TensorProto.FLOAT)
    angles = g.add("Mul", [places, g.initializer("rotary.inv_freq", rotary_frequencies())], "/rotary/Mul")
    angles = g.add("Concat", [angles, angles], "/rotary/Concat", axis=-1)
    cosine, sine = g.add("Cos", [angles], "/rotary/Cos"), g.add("Sin", [angles], "/rotary/Sin")

    def norm(x, name):
        squared = g.add("Pow", [x, g.constant(2)], f"/{name}/Pow")
        mean = g.add("ReduceMean", [squared], f"/{name}/ReduceMean", axes=[-1], keepdims=1)
        shifted = g.add("Add", [mean, g.constant(NORM_EPSILON)], f"/{name}/Add")
        root = g.add("Sqrt", [shifted], f"/{name}/Sqrt")
        inverse = g.add("Div", [g.constant(1), root], f"/{name}/Div")
        scaled = g.add("Mul", [x, inverse], f"/{name}/Mul")
        return g.add("Mul", [f"{name}.weight", scaled], f"/{name}/Mul_1")

    def project(x, name):
        return g.add("MatMul", [x, f"{name}.weight"], f"/{name}/MatMul")

    def split_heads(x, count, path):
        target = g.add("Concat", [batch1, length1, g.integers(count), g.integers(size)], f"{path}/Concat", axis=0)
        x = g.add("Reshape", [x, target], f"{path}/Reshape")
        return g.add("Transpose", [x], f"{path}/Transpose", perm=[0, 2, 1, 3])

    def rotate(x, path):
        first = g.add("Slice", [x, g.integers(0), g.integers(size // 2), g.integers(3)], f"{path}/Slice")
        second = g.add("Slice", [x, g.integers(size // 2), g.integers(2**63 - 1), g.integers(3)], f"{path}/Slice_1")
        turned = g.add("Concat", [g.add("Neg", [second], f"{path}/Neg"), first], f"{path}/Concat_1", axis=-1)
        return g.add("Add", [g.add("Mul", [x, cosine], f"{path}/Mul"), g.add("Mul", [turned, sine], f"{path}/Mul_1")],
                     f"{path}/Add")

    def repeat_heads(x, path):
        x = g.add("Unsqueeze", [x, g.integers(2)], f"{path}/Unsqueeze")
        wide = g.add("Concat", [batch1, g.integers(groups), g.integers(heads // groups), length1, g.integers(size)],
                     f"{path}/Concat_2", axis=0)
        x = g.add("Expand", [x, wide], f"{path}/Expand")
        target = g.add("Concat", [batch1, g.integers(heads), length1, g.integers(size)], f"{path}/Concat_3", axis=0)
        return g.add("Reshape", [x, target], f"{path}/Reshape_1")

    x = g.add("Gather", ["embed.weight", "input_ids"], "/embed/Gather")
    for block in range(DECODER["blocks"]):
        name = f"layers.{block}"
        path = f"/{name}"
        normed = norm(x, f"{name}.norm1")
        q = rotate(split_heads(project(normed, f"{name}.q"), heads, f"{path}/q"), f"{path}/q")
        k = rotate(split_heads(project(normed, f"{name}.k"), groups, f"{path}/k"), f"{path}/k")
        v = split_heads(project(normed, f"{name}.v"), groups, f"{path}/v")
        k, v = repeat_heads(k, f"{path}/k"), repeat_heads(v, f"{path}/v")
        k = g.add("Transpose", [k], f"{path}/k/Transpose_1", perm=[0, 1, 3, 2])
        scores = g.add("Div", [g.add("MatMul", [q, k], f"{path}/MatMul"), g.constant(size**0.5)], f"{path}/Div")
        weights = g.add("Softmax", [g.add("Add", [scores, mask], f"{path}/Add")], f"{path}/Softmax", axis=-1)
        attended = g.add("Transpose", [g.add("MatMul", [weights, v], f"{path}/MatMul_1")], f"{path}/Transpose",
                         perm=[0, 2, 1, 3])
        target = g.add("Concat", [batch1, length1, g.integers(width)], f"{path}/Concat", axis=0)
        attended = g.add("Reshape", [attended, target], f"{path}/Reshape")
        x = g.add("Add", [x, project(attended, f"{name}.o")], f"{path}/Add_1")
        normed = norm(x, f"{name}.norm2")
        gate = project(normed, f"{name}.gate")
        gate = g.add("Mul", [gate, g.add("Sigmoid", [gate], f"{path}/act/Sigmoid")], f"{path}/act/Mul")
        x = g.add("Add", [x, project(g.add("Mul", [gate, project(normed, f"{name}.up")], f"{path}/Mul"),
                                     f"{name}.down")], f"{path}/Add_2")
    last = g.add("Gather", [norm(x, "norm"), g.index(-1)], "/Gather_2", axis=1)
    g.add("MatMul", [last, "lm_head.weight"], "/lm_head/MatMul")
    return g.model("digits_decoder", [("input_ids", TensorProto.INT64, ["batch", "seq"])],
                   [("logits", TensorProto.FLOAT, ["batch", DECODER["vocabulary"]])], opset=17)
