"""Every structure of a transformer loses tokens, or is refused with the reason: on graphs as exporters write them. With `tokens.remove=0`
an artifact answers as without the recipe, bit by bit; with tokens removed the artifact answers as ONNX Runtime does on the export of
the same recipe. Skipped without numpy, onnx and onnxruntime. Arguments: only these structures."""

import os
import sys

import command

try:
    import numpy
    import onnxruntime
    from onnx import TensorProto
    from transformer_graphs import Graph
except ImportError as missing:
    command.skip(f"needs onnx and onnxruntime: {missing}")

FLOAT, INT64 = TensorProto.FLOAT, TensorProto.INT64
WIDTH, HEADS, LAYERS = 32, 4, 3
SAMPLES = 4


def tokens_of(count):
    return {"x": (FLOAT, [1, count, WIDTH])}


def patches(g, size, width=WIDTH):
    """An image [1, 3, 8 size, 8 size] as size^2 tokens."""
    x = g.op("Conv", "x", g.weight(width, 3, 8, 8, spread=0.1), g.weight(width), kernel_shape=[8, 8], strides=[8, 8])
    return g.op("Transpose", g.op("Reshape", x, g.ints(0, width, -1)), perm=[0, 2, 1])


def encoder(g, x, attention, post_norm=False, layers=LAYERS):
    for _ in range(layers):
        x = g.block(x, WIDTH, attention, post_norm)
    return x


def first(g, x, index=0):
    return g.op("Gather", x, g.weight(value=numpy.array(index, numpy.int64)), axis=1)


def vit(g, attention, extra=1):
    """With a class token, and with another for distillation if `extra` is 2."""
    own = [g.op("Expand", g.weight(1, 1, WIDTH), g.ints(1, 1, WIDTH)) for _ in range(extra)]
    x = g.op("Concat", *own, patches(g, 4), axis=1)
    x = g.norm(encoder(g, g.op("Add", x, g.weight(1, 16 + extra, WIDTH)), attention), WIDTH)
    logits = [g.linear(first(g, x, i), WIDTH, 10) for i in range(extra)]
    return g.op("Div", g.op("Add", *logits), g.number(2)) if extra == 2 else logits[0]


def deit(g):
    return {"x": (FLOAT, [1, 3, 32, 32])}, vit(g, lambda x: g.separate(x, WIDTH, HEADS))


def deit_distilled(g):
    return {"x": (FLOAT, [1, 3, 32, 32])}, vit(g, lambda x: g.packed(x, WIDTH, HEADS), extra=2)


def vit_packed(g):
    return {"x": (FLOAT, [1, 3, 32, 32])}, vit(g, lambda x: g.packed(x, WIDTH, HEADS))


def pooled_without_class(g):
    """The mean over all tokens but the class token, as timm's fc_norm."""
    x = g.op("Concat", g.weight(1, 1, WIDTH), patches(g, 4), axis=1)
    x = encoder(g, g.op("Add", x, g.weight(1, 17, WIDTH)), lambda y: g.packed(y, WIDTH, HEADS))
    rest = g.op("Slice", x, g.ints(1), g.ints(17), g.ints(1))
    return {"x": (FLOAT, [1, 3, 32, 32])}, g.linear(g.norm(g.mean(rest, [1], keep=0), WIDTH), WIDTH, 10)


def bert(g, head, expands=False):
    m = g.op("Cast", g.op("Unsqueeze", "mask", g.ints(1, 2)), to=FLOAT)
    if expands:
        m = g.op("Expand", m, g.ints(1, 1, 24, 24))
    bias = g.op("Mul", g.op("Sub", g.number(1), m), g.number(-10000))
    x = g.op("Add", g.op("Gather", g.weight(100, WIDTH), "ids"), g.weight(24, WIDTH))
    x = encoder(g, g.norm(x, WIDTH), lambda y: g.separate(y, WIDTH, HEADS, bias), post_norm=True)
    return {"ids": (INT64, [1, 24]), "mask": (INT64, [1, 24])}, head(x)


def bert_pooled(g):
    """The mean over tokens that are no padding, as sentence-transformers have it."""
    def head(x):
        flags = g.op("Cast", g.op("Unsqueeze", "mask", g.ints(2)), to=FLOAT)
        return g.op("Div", g.sum(g.op("Mul", x, flags), 1), g.op("Max", g.sum(flags, 1), g.number(1e-9)))
    return bert(g, head)


def bert_mean(g):
    return bert(g, lambda x: g.mean(x, [1], keep=0))


def bert_tokens(g):
    """An output for each token."""
    return bert(g, lambda x: x)


def bert_class(g):
    return bert(g, lambda x: g.op("Tanh", g.linear(first(g, x), WIDTH, WIDTH)))


def bert_expanded(g):
    """The mask is written out for each pair of tokens, and is the same for all queries."""
    return bert(g, lambda x: g.op("Tanh", g.linear(first(g, x), WIDTH, WIDTH)), expands=True)


def speech(g):
    """Convolutions along time, then tokens, then their mean."""
    x = g.gelu(g.op("Conv", "x", g.weight(WIDTH, 1, 10), g.weight(WIDTH), kernel_shape=[10], strides=[5]))
    x = g.gelu(g.op("Conv", x, g.weight(WIDTH, WIDTH, 4, spread=0.1), g.weight(WIDTH), kernel_shape=[4], strides=[4]))
    x = g.norm(g.op("Transpose", x, perm=[0, 2, 1]), WIDTH)
    x = encoder(g, g.op("Add", x, g.weight(24, WIDTH)), lambda y: g.separate(y, WIDTH, HEADS))
    return {"x": (FLOAT, [1, 1, 490])}, g.linear(g.mean(g.norm(x, WIDTH), [1], keep=0), WIDTH, 5)


def speech_conformer(g):
    """Each layer has a convolution over neighbouring tokens, too."""
    x = "x"
    for _ in range(LAYERS):
        x = g.op("Add", x, g.separate(g.norm(x, WIDTH), WIDTH, HEADS))
        y = g.op("Transpose", g.norm(x, WIDTH), perm=[0, 2, 1])
        y = g.op("Conv", y, g.weight(WIDTH, 1, 5), g.weight(WIDTH), kernel_shape=[5], pads=[2, 2], group=WIDTH)
        x = g.op("Add", x, g.op("Transpose", g.gelu(y), perm=[0, 2, 1]))
        x = g.op("Add", x, g.mlp(g.norm(x, WIDTH), WIDTH))
    return tokens_of(24), g.linear(g.mean(x, [1], keep=0), WIDTH, 5)


def positions_in_each_layer(g):
    """Added to queries and keys, as DETR's encoder has them; then a mean."""
    table = g.weight(1, 24, WIDTH)
    x = "x"
    for _ in range(LAYERS):
        y = g.op("Add", x, table)
        x = g.norm(g.op("Add", x, g.separate(y, WIDTH, HEADS)), WIDTH)
        x = g.norm(g.op("Add", x, g.mlp(x, WIDTH)), WIDTH)
    return tokens_of(24), g.mean(x, [1], keep=0)


def pytorch_layout(g, batch):
    """torch.nn.TransformerEncoder with tokens first."""
    x = g.op("Transpose", "x", perm=[1, 0, 2])
    x = encoder(g, x, lambda y: g.pytorch(y, WIDTH, HEADS, batch, 24), post_norm=True)
    return {"x": (FLOAT, [batch, 24, WIDTH])}, g.linear(g.mean(x, [0], keep=0), WIDTH, 5)


def pytorch(g):
    return pytorch_layout(g, 1)


def pytorch_batch(g):
    return pytorch_layout(g, 2)


def keras(g):
    """A Keras encoder: see Graph.einsum. No class token."""
    x = encoder(g, "x", lambda y: g.einsum(y, WIDTH, HEADS, 24), post_norm=True)
    return tokens_of(24), g.linear(g.mean(x, [1], keep=0), WIDTH, 5)


def gpt(g):
    """A mask hides what comes later."""
    bias = g.weight(value=numpy.triu(numpy.full((1, 1, 24, 24), -10000, numpy.float32), 1))
    x = g.op("Add", g.op("Gather", g.weight(100, WIDTH), "ids"), g.weight(24, WIDTH))
    x = encoder(g, x, lambda y: g.separate(y, WIDTH, HEADS, bias))
    return {"ids": (INT64, [1, 24])}, g.linear(g.norm(x, WIDTH), WIDTH, 100)


def relative_positions(g):
    """A bias for each pair of tokens, as in BEiT and T5."""
    def attention(y):
        return g.separate(y, WIDTH, HEADS, g.weight(1, HEADS, 24, 24))
    return tokens_of(24), g.linear(g.mean(encoder(g, "x", attention), [1], keep=0), WIDTH, 5)


def windows(g):
    """Attention in 4 x 4 windows of an 8 x 8 image, as in Swin, without its biases."""
    def attention(y):
        y = g.op("Transpose", g.op("Reshape", y, g.ints(1, 2, 4, 2, 4, WIDTH)), perm=[0, 1, 3, 2, 4, 5])
        y = g.separate(g.op("Reshape", y, g.ints(4, 16, WIDTH)), WIDTH, HEADS)
        y = g.op("Transpose", g.op("Reshape", y, g.ints(1, 2, 2, 4, 4, WIDTH)), perm=[0, 1, 3, 2, 4, 5])
        return g.op("Reshape", y, g.ints(1, 64, WIDTH))
    x = g.op("Add", patches(g, 8), g.weight(1, 64, WIDTH))
    return {"x": (FLOAT, [1, 3, 64, 64])}, g.linear(g.mean(encoder(g, x, attention), [1], keep=0), WIDTH, 10)


def convolutions(g):
    x = g.op("Relu", g.op("Conv", "x", g.weight(16, 3, 3, 3), g.weight(16), kernel_shape=[3, 3]))
    x = g.op("Flatten", g.op("GlobalAveragePool", x), axis=1)
    return {"x": (FLOAT, [1, 3, 16, 16])}, g.linear(x, 16, 10)


# What is to come of each: tokens before and after all layers with 3 removed in each, or what the reason says.
STRUCTURES = {
    deit: (17, 11), deit_distilled: (18, 12), vit_packed: (17, 11), pooled_without_class: (17, 11),
    bert_pooled: (24, 15), bert_mean: (24, 15), bert_tokens: (24, 15), bert_class: (24, 18), bert_expanded: (24, 18),
    speech: (24, 15), speech_conformer: (24, 15), positions_in_each_layer: (24, 15), pytorch: (24, 15),
    keras: (24, 15), pytorch_batch: "has the batch and another axis as one",
    gpt: "is causal", relative_positions: "has a mask for each head", windows: "works on windows", convolutions: None,
}


def draw(inputs, random):
    """A value for each input."""
    values = {}
    for name, (kind, shape) in inputs.items():
        if name == "ids":
            values[name] = random.integers(0, 100, shape)
        elif name == "mask":
            values[name] = (numpy.arange(shape[1]) < random.integers(5, shape[1] + 1)).astype(numpy.int64)[None]
        else:
            values[name] = random.standard_normal(shape, dtype=numpy.float32)
    return values


class Structure:
    def __init__(self, name, write, opset, folder, expectations):
        self.label, self.folder = f"{name} in opset {opset}", folder
        self.check = expectations.check
        graph = Graph(opset)
        inputs, output = write(graph)
        self.model = os.path.join(folder, f"{name}.onnx")
        graph.save(self.model, inputs, output)
        random = numpy.random.default_rng(1)
        self.samples = [draw(inputs, random) for _ in range(SAMPLES)]
        self.data = os.path.join(folder, "data.npz")
        numpy.savez(self.data, **{key: numpy.stack([sample[key] for sample in self.samples]) for key in inputs})

    def compile(self, folder, *options):
        path = os.path.join(self.folder, folder)
        done = command.fettle("compile", self.model, "--name", "net", "-o", path, *options)
        self.check(done.returncode == 0, f"{self.label}: compile {' '.join(options)}: exit status {done.returncode}\n{done.stderr}")
        return path if done.returncode == 0 else None

    def run(self, artifact):
        """The answers [samples, ...]."""
        path = os.path.join(self.folder, "answers.npz")
        done = command.fettle("run", artifact, "--data", self.data, "--output", path)
        self.check(done.returncode == 0, f"{self.label}: run: exit status {done.returncode}\n{done.stderr}")
        with numpy.load(path) as file:
            return file[file.files[0]]

    def run_onnxruntime(self, path):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.intra_op_num_threads = 1
        session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        return numpy.stack([session.run(None, sample)[0] for sample in self.samples])

    def expect_close(self, what, actual, wanted):
        error = numpy.abs(actual - wanted).max() / numpy.abs(wanted).max()
        self.check(error < 1e-3, f"{self.label}: {what} is {error:.1e} of the largest value away")
        return error


def check(structure, outcome):
    """The structure and what is to come of it."""
    float_artifact = structure.compile("float")
    same = structure.compile("same", "--recipe", "tokens", "--set", "tokens.remove=0")
    fewer = structure.compile("fewer", "--recipe", "tokens", "--set", "tokens.remove=3")
    if not (float_artifact and same and fewer):
        return
    wanted = structure.run(float_artifact)
    structure.expect_close("the float artifact, from ONNX Runtime on the model,", wanted, structure.run_onnxruntime(structure.model))
    structure.check(numpy.array_equal(structure.run(same), wanted), f"{structure.label}: not the identity with nothing removed")
    tokens = command.report_of(fewer)["tokens"]
    sites = [(site["tokens_in"], site["tokens_out"]) for site in tokens["sites"]]
    if not isinstance(outcome, tuple):
        structure.check(not sites, f"{structure.label}: tokens are removed: {sites}")
        if outcome:
            structure.check(any(outcome in problem for problem in tokens["problems"]), f"{structure.label}: {tokens['problems']}")
        structure.check(numpy.array_equal(structure.run(fewer), wanted), f"{structure.label}: refused, but not the same")
        return
    counts = (sites[0][0], sites[-1][1]) if sites else None
    structure.check(counts == outcome, f"{structure.label}: {sites}, {tokens['problems']}")
    answers = structure.run(fewer)
    print(f"{structure.label}: {sites}, {numpy.abs(answers - wanted).max() / numpy.abs(wanted).max():.2f} from all tokens", flush=True)
    for metric in ("features", "both"):
        options = ["--recipe", "tokens", "--set", "tokens.remove=3", "--set", f"tokens.metric={metric}"]
        compiled = structure.compile("compiled", *options)
        exported = structure.compile("exported", *options, "--target", f"onnx:opset={13 if metric == 'both' else 17}")
        if compiled and exported:
            structure.expect_close(f"the artifact with metric {metric}, from its export,", structure.run(compiled),
                                   structure.run_onnxruntime(os.path.join(exported, "net.onnx")))


def main():
    expectations, chosen = command.Expectations(), sys.argv[1:]
    for number, (write, outcome) in enumerate(STRUCTURES.items()):
        # Norms are decomposed in opset 13 only; what follows from that is the same for all.
        for opset in (13, 17) if write in (deit, bert_pooled) else (13, ) if number % 2 else (17, ):
            if not chosen or write.__name__ in chosen:
                with command.scratch() as scratch:
                    check(Structure(write.__name__, write, opset, scratch, expectations), outcome)
    command.finish(expectations.problems)


if __name__ == "__main__":
    main()
