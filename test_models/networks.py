"""The three networks of test_models as jax functions, and their training.

Parameters are flat dictionaries: name -> array. The names are those of the
initializers in the exported graphs (export.py).
"""

import jax
import jax.numpy as jnp
import numpy as np

VIT = dict(width=64, heads=4, blocks=4, hidden=128, patch=2)
DECODER = dict(width=32, heads=4, key_value_heads=2, blocks=3, hidden=64, vocabulary=27, sequence=64)
NORM_EPSILON = 1e-5


# --- digits_cnn: convolutions with batch norm, a residual, depthwise-separable blocks ---

# name, input channels, output channels, kernel, stride, depthwise
CNN_CONVS = [
    ("stem", 1, 24, 3, 1, False),
    ("residual.0", 24, 24, 3, 1, False),
    ("residual.1", 24, 24, 3, 1, False),
    ("down.depthwise", 24, 24, 3, 2, True),
    ("down.pointwise", 24, 48, 1, 1, False),
    ("wide.depthwise", 48, 48, 3, 1, True),
    ("wide.pointwise", 48, 64, 1, 1, False),
]


def init_cnn(rng):
    parameters = {}
    for name, channels_in, channels_out, kernel, _, depthwise in CNN_CONVS:
        fan_in = (1 if depthwise else channels_in) * kernel * kernel
        shape = (channels_out, 1 if depthwise else channels_in, kernel, kernel)
        parameters[f"{name}.conv.weight"] = rng.normal(0, np.sqrt(2 / fan_in), shape)
        parameters[f"{name}.bn.weight"] = np.ones(channels_out)
        parameters[f"{name}.bn.bias"] = np.zeros(channels_out)
    parameters["head.weight"] = rng.normal(0, 0.1, (10, 64))
    parameters["head.bias"] = np.zeros(10)
    return {name: value.astype(np.float32) for name, value in parameters.items()}


def cnn(parameters, images, statistics=None):
    """Logits [N,10] of images [N,1,8,8], and the batch norm statistics (mean, variance)
    by layer: those of this batch, or the given ones if there are any."""
    used = {}

    def conv(x, name, channels, kernel, stride, depthwise):
        x = jax.lax.conv_general_dilated(
            x, parameters[f"{name}.conv.weight"], (stride, stride), [(kernel // 2, kernel // 2)] * 2,
            feature_group_count=channels if depthwise else 1)
        mean, variance = statistics[name] if statistics else (x.mean((0, 2, 3)), x.var((0, 2, 3)))
        used[name] = (mean, variance)
        scale = parameters[f"{name}.bn.weight"] / jnp.sqrt(variance + NORM_EPSILON)
        return (x - mean[:, None, None]) * scale[:, None, None] + parameters[f"{name}.bn.bias"][:, None, None]

    x = images
    for name, channels, _, kernel, stride, depthwise in CNN_CONVS:
        if name == "residual.0":
            skipped = x
        x = conv(x, name, channels, kernel, stride, depthwise)
        x = jax.nn.relu(x + skipped if name == "residual.1" else x)
    return x.mean((2, 3)) @ parameters["head.weight"].T + parameters["head.bias"], used


# --- digits_vit: cls token, pre-norm blocks, erf GELU ---


def init_vit(rng):
    width, hidden, patch = VIT["width"], VIT["hidden"], VIT["patch"]
    parameters = {
        "patch_embed.weight": rng.normal(0, 0.5 / patch, (width, 1, patch, patch)),
        "patch_embed.bias": np.zeros(width),
        "cls_token": rng.normal(0, 0.02, (1, 1, width)),
        "pos_embed": rng.normal(0, 0.02, (1, 17, width)),
        "norm.weight": np.ones(width), "norm.bias": np.zeros(width),
        "head.weight": rng.normal(0, 0.02, (10, width)), "head.bias": np.zeros(10),
    }
    for block in range(VIT["blocks"]):
        for name, rows, columns in [("attn.qkv", width, 3 * width), ("attn.proj", width, width),
                                    ("mlp.fc1", width, hidden), ("mlp.fc2", hidden, width)]:
            parameters[f"blocks.{block}.{name}.weight"] = rng.normal(0, rows**-0.5, (rows, columns))
            parameters[f"blocks.{block}.{name}.bias"] = np.zeros(columns)
        for name in ("norm1", "norm2"):
            parameters[f"blocks.{block}.{name}.weight"] = np.ones(width)
            parameters[f"blocks.{block}.{name}.bias"] = np.zeros(width)
    return {name: value.astype(np.float32) for name, value in parameters.items()}


def vit(parameters, images):
    """Logits [N,10] of images [N,1,8,8]."""
    width, heads = VIT["width"], VIT["heads"]

    def linear(x, name):
        return x @ parameters[f"{name}.weight"] + parameters[f"{name}.bias"]

    def norm(x, name):
        centered = x - x.mean(-1, keepdims=True)
        scaled = centered / jnp.sqrt((centered**2).mean(-1, keepdims=True) + NORM_EPSILON)
        return scaled * parameters[f"{name}.weight"] + parameters[f"{name}.bias"]

    x = jax.lax.conv_general_dilated(images, parameters["patch_embed.weight"], (VIT["patch"],) * 2, "VALID")
    x = (x + parameters["patch_embed.bias"][:, None, None]).reshape(x.shape[0], width, 16).transpose(0, 2, 1)
    x = jnp.concatenate([jnp.broadcast_to(parameters["cls_token"], (x.shape[0], 1, width)), x], 1)
    x = x + parameters["pos_embed"]
    for block in range(VIT["blocks"]):
        prefix = f"blocks.{block}"
        qkv = linear(norm(x, f"{prefix}.norm1"), f"{prefix}.attn.qkv")
        q, k, v = qkv.reshape(*x.shape[:2], 3, heads, width // heads).transpose(2, 0, 3, 1, 4)
        weights = jax.nn.softmax(q * (width // heads) ** -0.5 @ k.swapaxes(-1, -2), -1)
        x = x + linear((weights @ v).transpose(0, 2, 1, 3).reshape(x.shape), f"{prefix}.attn.proj")
        hidden = jax.nn.gelu(linear(norm(x, f"{prefix}.norm2"), f"{prefix}.mlp.fc1"), approximate=False)
        x = x + linear(hidden, f"{prefix}.mlp.fc2")
    return norm(x, "norm")[:, 0] @ parameters["head.weight"].T + parameters["head.bias"]


# --- digits_decoder: RMS norm, rotary embedding, grouped heads, SwiGLU ---


def init_decoder(rng):
    width, hidden, heads = DECODER["width"], DECODER["hidden"], DECODER["heads"]
    narrow = width // heads * DECODER["key_value_heads"]
    parameters = {
        "embed.weight": rng.normal(0, 0.5, (DECODER["vocabulary"], width)),
        "norm.weight": np.ones(width),
        "lm_head.weight": rng.normal(0, width**-0.5, (width, DECODER["vocabulary"])),
    }
    for block in range(DECODER["blocks"]):
        for name, rows, columns in [("q", width, width), ("k", width, narrow), ("v", width, narrow),
                                    ("o", width, width), ("gate", width, hidden), ("up", width, hidden),
                                    ("down", hidden, width)]:
            parameters[f"layers.{block}.{name}.weight"] = rng.normal(0, rows**-0.5, (rows, columns))
        for name in ("norm1", "norm2"):
            parameters[f"layers.{block}.{name}.weight"] = np.ones(width)
    return {name: value.astype(np.float32) for name, value in parameters.items()}


def rotary_frequencies():
    half = DECODER["width"] // DECODER["heads"] // 2
    return (10000.0 ** (-np.arange(half) / half)).astype(np.float32)


def decoder(parameters, tokens):
    """Logits [N,S,27] of tokens [N,S]: position i predicts token i+1."""
    width, heads, groups = DECODER["width"], DECODER["heads"], DECODER["key_value_heads"]
    size = width // heads
    samples, length = tokens.shape

    def norm(x, name):
        return x / jnp.sqrt((x**2).mean(-1, keepdims=True) + NORM_EPSILON) * parameters[f"{name}.weight"]

    angles = jnp.arange(length)[:, None] * rotary_frequencies()
    angles = jnp.concatenate([angles, angles], -1)

    def rotate(x):
        first, second = jnp.split(x, 2, -1)
        return x * jnp.cos(angles) + jnp.concatenate([-second, first], -1) * jnp.sin(angles)

    mask = jnp.where(jnp.tril(jnp.ones((length, length), bool)), 0.0, -1e9)
    x = parameters["embed.weight"][tokens]
    for block in range(DECODER["blocks"]):
        prefix = f"layers.{block}"
        normed = norm(x, f"{prefix}.norm1")
        q, k, v = (
            (normed @ parameters[f"{prefix}.{name}.weight"]).reshape(samples, length, -1, size).transpose(0, 2, 1, 3)
            for name in "qkv")
        q, k = rotate(q), rotate(k)
        k, v = (jnp.repeat(value, heads // groups, 1) for value in (k, v))
        weights = jax.nn.softmax(q @ k.swapaxes(-1, -2) * size**-0.5 + mask, -1)
        attended = (weights @ v).transpose(0, 2, 1, 3).reshape(samples, length, width)
        x = x + attended @ parameters[f"{prefix}.o.weight"]
        normed = norm(x, f"{prefix}.norm2")
        gate = jax.nn.silu(normed @ parameters[f"{prefix}.gate.weight"])
        x = x + (gate * (normed @ parameters[f"{prefix}.up.weight"])) @ parameters[f"{prefix}.down.weight"]
    return norm(x, "norm") @ parameters["lm_head.weight"]


# --- training ---


def cross_entropy(logits, labels):
    return -jnp.take_along_axis(jax.nn.log_softmax(logits), labels[..., None], -1).mean()


def train(parameters, loss, batches, steps, learning_rate, weight_decay=0.01):
    """Adam with decoupled weight decay, a short warm-up and a cosine schedule.
    `loss(parameters, *batch)`; `batches` yields tuples of arrays."""

    @jax.jit
    def update(parameters, first, second, step, batch):
        value, gradient = jax.value_and_grad(loss)(parameters, *batch)
        rate = learning_rate * jnp.minimum(1, (step + 1) / 100) * 0.5 * (1 + jnp.cos(jnp.pi * step / steps))
        first = {k: 0.9 * first[k] + 0.1 * gradient[k] for k in gradient}
        second = {k: 0.98 * second[k] + 0.02 * gradient[k] ** 2 for k in gradient}

        def moved(k):
            mean = first[k] / (1 - 0.9 ** (step + 1))
            spread = jnp.sqrt(second[k] / (1 - 0.98 ** (step + 1))) + 1e-8
            decay = weight_decay * parameters[k] if parameters[k].ndim > 1 else 0
            return parameters[k] - rate * (mean / spread + decay)

        return {k: moved(k) for k in parameters}, first, second, value

    zeros = {k: jnp.zeros_like(v) for k, v in parameters.items()}
    first, second = zeros, zeros
    for step in range(steps):
        parameters, first, second, value = update(parameters, first, second, jnp.float32(step), next(batches))
        if step % 250 == 0:
            print(f"  step {step}/{steps}: loss {float(value):.4f}", flush=True)
    return {k: np.asarray(v) for k, v in parameters.items()}
