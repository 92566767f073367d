#!/usr/bin/env python3
"""Writes cases.tar.gz: operators of ONNX Runtime and corners of ONNX that the ONNX project's own cases leave out.

    make_cases.py        needs numpy, onnx and onnxruntime (PyPI); expected outputs are those of onnxruntime's CPU kernels

Averages of quantized windows are left out: onnxruntime rounds them in integers, one step beside dequantize-average-quantize.
"""
import gzip
import io
import os
import tarfile

import numpy as np
import onnx
import onnxruntime
from onnx import helper, numpy_helper

random = np.random.default_rng(0)
files = {}


def case(name, op, operands, attributes=None, outputs=1, wanted=None, domain="com.microsoft", weights=(), opset=17):
    """One node. `operands` may hold None; those at the positions `weights` become initializers; of the node's
    `outputs`, only the `wanted` positions are named."""
    names = [f"in{i}" if operand is not None else "" for i, operand in enumerate(operands)]
    while names and not names[-1]:
        names.pop()
    given = {f"in{i}": operand for i, operand in enumerate(operands) if operand is not None}
    stored = {f"in{i}" for i in weights}
    results = [f"out{i}" if wanted is None or i in wanted else "" for i in range(outputs)]
    node = helper.make_node(op, names, results, name=name, domain=domain, **(attributes or {}))
    inputs = [helper.make_tensor_value_info(key, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
              for key, value in given.items() if key not in stored]
    initializers = [numpy_helper.from_array(value, key) for key, value in given.items() if key in stored]

    def model(output_infos):
        graph = helper.make_graph([node], name, inputs, output_infos, initializers)
        opsets = [helper.make_opsetid("", opset), helper.make_opsetid("com.microsoft", 1)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=9, producer_name="make_cases")

    untyped = model([onnx.ValueInfoProto(name=result) for result in results if result])
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(untyped.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feed = {info.name: given[info.name] for info in inputs}
    values = session.run(None, feed)
    typed = model([helper.make_tensor_value_info(result, helper.np_dtype_to_tensor_dtype(value.dtype), value.shape)
                   for result, value in zip([result for result in results if result], values)])
    folder = f"node/test_{name}"
    files[f"{folder}/model.onnx"] = typed.SerializeToString()
    for i, (key, value) in enumerate(feed.items()):
        files[f"{folder}/test_data_set_0/input_{i}.pb"] = numpy_helper.from_array(value, key).SerializeToString()
    for i, value in enumerate(values):
        files[f"{folder}/test_data_set_0/output_{i}.pb"] = numpy_helper.from_array(value).SerializeToString()


def real(*shape):
    return random.standard_normal(shape).astype(np.float32)


def natural(*shape):
    return random.integers(0, 256, shape).astype(np.uint8)


def integer(*shape):
    return random.integers(-128, 128, shape).astype(np.int8)


def scalar(value, dtype=np.float32):
    return np.array(value, dtype)


def activations():
    case("gelu", "Gelu", [real(2, 5)])
    case("fast_gelu", "FastGelu", [real(2, 5)])
    case("fast_gelu_bias", "FastGelu", [real(2, 5), real(5)])
    case("quick_gelu", "QuickGelu", [real(2, 5)], {"alpha": 1.5})
    case("bias_gelu", "BiasGelu", [real(2, 5), real(5)])


def products():
    case("fused_matmul", "FusedMatMul", [real(2, 3, 4), real(2, 5, 4)], {"alpha": 0.5, "transB": 1})
    case("fused_matmul_left", "FusedMatMul", [real(4, 3), real(4, 5)], {"transA": 1})
    case("fused_gemm", "FusedGemm", [real(3, 4), real(4, 5), real(5)],
         {"activation": "LeakyRelu", "activation_alpha": 0.2, "alpha": 0.5, "beta": 2.0})
    image, filters = real(1, 3, 6, 6), real(4, 3, 3, 3)
    case("fused_conv_relu", "FusedConv", [image, filters, real(4)], {"activation": "Relu", "pads": [1, 1, 1, 1]})
    case("fused_conv_clip", "FusedConv", [image, filters, real(4)],
         {"activation": "Clip", "activation_params": [0.0, 1.0]})
    for name, k, n, block, bits, points in (("plain", 32, 5, 16, 4, False), ("ragged", 40, 3, 16, 4, True),
                                            ("bytes", 64, 4, 32, 8, True), ("points", 32, 5, 32, 4, True)):
        blocks = (k + block - 1) // block
        operands = [real(2, 3, k), natural(n, blocks, block * bits // 8), np.abs(real(n * blocks)) + np.float32(0.01)]
        if points:
            operands.append(natural(n * ((blocks * bits + 7) // 8)))
        case(f"matmul_nbits_{name}", "MatMulNBits", operands, {"K": k, "N": n, "bits": bits, "block_size": block},
             weights=(1, 2, 3))


def normalization():
    tokens, vector = real(2, 3, 8), lambda: real(8)
    case("skip_layer_norm", "SkipLayerNormalization", [tokens, real(2, 3, 8), vector(), vector(), vector()],
         {"epsilon": 1e-5}, outputs=4, wanted=(0, 3))
    case("skip_layer_norm_broadcast", "SkipLayerNormalization", [tokens, real(3, 8), vector()])
    case("skip_simplified_layer_norm", "SkipSimplifiedLayerNormalization", [tokens, real(2, 3, 8), vector(), vector()],
         {"epsilon": 1e-5}, outputs=4, wanted=(0, 3))
    case("simplified_layer_norm", "SimplifiedLayerNormalization", [tokens, vector()], {"axis": -1, "epsilon": 1e-5},
         domain="")
    ids = random.integers(0, 10, (2, 4)).astype(np.int32)
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)
    tables = [real(10, 8), real(6, 8), real(2, 8), vector(), vector()]
    case("embed_layer_norm", "EmbedLayerNormalization", [ids, ids % 2] + tables + [mask], {"epsilon": 1e-5}, outputs=2)


def attention():
    tokens, weights, bias = real(2, 4, 8), real(8, 24), real(24)
    mask = np.array([[1, 1, 1, 0], [1, 1, 0, 0]], np.int32)
    case("attention_packed", "Attention", [tokens, weights, bias], {"num_heads": 2})
    case("attention_packed_mask", "Attention", [tokens, weights, bias, mask], {"num_heads": 2})
    case("attention_packed_past", "Attention", [tokens, weights, bias, None, real(2, 2, 2, 3, 4)],
         {"num_heads": 2, "unidirectional": 1}, outputs=2)
    case("attention_packed_bias", "Attention", [tokens, weights, bias, None, None, real(2, 2, 4, 4)],
         {"num_heads": 2, "scale": 0.3})
    keys = lambda: real(2, 5, 8)
    case("multi_head_attention", "MultiHeadAttention", [tokens, keys(), keys(), bias], {"num_heads": 2})
    case("multi_head_attention_wide_values", "MultiHeadAttention", [tokens, keys(), real(2, 5, 12), real(28)],
         {"num_heads": 2})
    case("multi_head_attention_mask", "MultiHeadAttention",
         [tokens, keys(), keys(), None, np.array([[1, 1, 1, 0, 0], [1, 1, 0, 0, 0]], np.int32)], {"num_heads": 2})
    case("multi_head_attention_bias", "MultiHeadAttention", [tokens, keys(), keys(), None, None, real(1, 2, 4, 5)],
         {"num_heads": 2})
    case("multi_head_attention_past", "MultiHeadAttention",
         [tokens, real(2, 4, 8), real(2, 4, 8), None, None, None, real(2, 2, 3, 4), real(2, 2, 3, 4)],
         {"num_heads": 2}, outputs=3)
    case("multi_head_attention_split", "MultiHeadAttention", [tokens, real(2, 2, 5, 4), real(2, 2, 5, 4)],
         {"num_heads": 2})
    angles, wide = real(16, 4), real(16, 8)
    positions = np.array([[0, 1, 2, 3], [4, 5, 6, 7]], np.int64)
    lengths = [np.array([3, 3], np.int32), scalar(4, np.int32)]
    for interleaved in (0, 1):
        case(f"rotary_{interleaved}", "RotaryEmbedding", [real(2, 4, 16), positions, np.cos(angles), np.sin(angles)],
             {"interleaved": interleaved})
        case(f"rotary_offset_{interleaved}", "RotaryEmbedding",
             [real(2, 3, 4, 8), np.array([2], np.int64), np.cos(angles), np.sin(angles)], {"interleaved": interleaved})
        case(f"group_query_attention_{interleaved}", "GroupQueryAttention",
             [real(2, 4, 64), real(2, 4, 32), real(2, 4, 32), None, None] + lengths + [np.cos(wide), np.sin(wide)],
             {"num_heads": 4, "kv_num_heads": 2, "do_rotary": 1, "rotary_interleaved": interleaved}, outputs=3,
             weights=(5, 6))
    case("group_query_attention_packed", "GroupQueryAttention", [real(2, 4, 128), None, None, None, None] + lengths,
         {"num_heads": 4, "kv_num_heads": 2, "scale": 0.4}, outputs=3, weights=(5, 6))


def quantized():
    for sign, values, dtype in (("u8", natural, np.uint8), ("s8", integer, np.int8)):
        point = lambda value: scalar(value, dtype)
        pair = [values(2, 5), scalar(0.1), point(3), values(5), scalar(0.02), point(5), scalar(0.3), point(7)]
        case(f"qlinear_add_{sign}", "QLinearAdd", pair, weights=(1, 2, 4, 5, 6, 7))
        case(f"qlinear_mul_{sign}", "QLinearMul", pair, weights=(1, 2, 4, 5, 6, 7))
        one = [values(2, 5), scalar(0.05), point(3)]
        case(f"qlinear_sigmoid_{sign}", "QLinearSigmoid", one + [scalar(1 / 256), point(0)], weights=(1, 2, 3, 4))
        case(f"qlinear_leaky_relu_{sign}", "QLinearLeakyRelu", one + [scalar(0.06), point(9)], {"alpha": 0.1},
             weights=(1, 2, 3, 4))
        case(f"qlinear_concat_{sign}", "QLinearConcat",
             [scalar(0.1), point(3), values(2, 3), scalar(0.05), point(1), values(2, 4), scalar(0.2), point(9)],
             {"axis": 1}, weights=(0, 1, 3, 4, 6, 7))
        bias = random.integers(-500, 500, (5,)).astype(np.int32)
        case(f"qgemm_{sign}", "QGemm",
             [values(3, 4), scalar(0.1), point(3), integer(4, 5), scalar(0.02), scalar(0, np.int8), bias, scalar(0.3),
              point(7)], {"alpha": 1.0}, weights=(1, 2, 4, 5, 6, 7, 8))
        case(f"qgemm_float_{sign}", "QGemm",
             [values(3, 4), scalar(0.1), point(3), integer(5, 4), real(5) ** 2 + np.float32(0.01), np.zeros(5, np.int8),
              bias], {"transB": 1}, weights=(1, 2, 4, 5, 6))
    case("matmul_integer_to_float", "MatMulIntegerToFloat",
         [natural(3, 4), integer(4, 5), scalar(0.1), real(5) ** 2, scalar(3, np.uint8), integer(5), real(5)])
    case("dynamic_quantize_matmul", "DynamicQuantizeMatMul",
         [real(3, 4), natural(4, 5), scalar(0.1), scalar(5, np.uint8), real(5)])


def corners():
    standard = dict(domain="")
    case("attention_3d_heads", "Attention", [real(2, 4, 16), real(2, 4, 8), real(2, 4, 8)],
         {"q_num_heads": 4, "kv_num_heads": 2, "is_causal": 1}, opset=23, **standard)
    case("attention_past_causal", "Attention",
         [real(2, 2, 4, 8), real(2, 2, 3, 8), real(2, 2, 3, 8), None, real(2, 2, 2, 8), real(2, 2, 2, 8)],
         {"is_causal": 1}, outputs=3, opset=23, **standard)
    case("attention_softcap_mask", "Attention", [real(2, 2, 4, 8), real(2, 2, 3, 8), real(2, 2, 3, 8), real(4, 3)],
         {"softcap": 2.0}, opset=23, **standard)
    case("group_norm_per_group", "GroupNormalization", [real(2, 6, 3, 3), real(3), real(3)], {"num_groups": 3},
         opset=18, **standard)
    case("group_norm_per_channel", "GroupNormalization", [real(2, 6, 3, 3), real(6), real(6)], {"num_groups": 3},
         opset=21, **standard)
    case("softmax_flattened", "Softmax", [real(2, 3, 4)], {"axis": 1}, opset=11, **standard)
    case("hardmax_flattened", "Hardmax", [real(2, 3, 4)], {"axis": 1}, opset=11, **standard)
    for side in ("SAME_UPPER", "SAME_LOWER"):
        window = {"auto_pad": side, "strides": [2, 2]}
        case(f"conv_{side.lower()}", "Conv", [real(1, 2, 5, 5), real(3, 2, 4, 4)], window, opset=11, **standard)
        case(f"conv_transpose_{side.lower()}", "ConvTranspose", [real(1, 2, 5, 5), real(2, 3, 4, 4)], window, opset=11,
             **standard)
    case("conv_transpose_output_shape", "ConvTranspose", [real(1, 2, 5, 5), real(2, 3, 3, 3)],
         {"output_shape": [10, 11], "strides": [2, 2]}, opset=11, **standard)
    for mode in ("nearest", "linear"):
        scales = np.array([1, 1, 0.6, 1.7], np.float32)
        case(f"resize_10_{mode}", "Resize", [real(1, 2, 4, 4), scales], {"mode": mode}, weights=(1,), opset=10,
             **standard)
    case("upsample_linear", "Upsample", [real(1, 2, 3, 3), np.array([1, 1, 2, 2.5], np.float32)], {"mode": "linear"},
         weights=(1,), opset=9, **standard)
    for i, (equation, shapes) in enumerate((
            ("...ij,...jk->...ik", [(2, 3, 4), (1, 4, 5)]), ("bhid,bhjd->bhij", [(2, 2, 3, 4), (2, 2, 5, 4)]),
            ("ii->i", [(4, 4)]), ("iji->j", [(4, 3, 4)]), ("i,j->ij", [(3,), (4,)]),
            ("abc,cd,de->abe", [(2, 3, 4), (4, 5), (5, 6)]), ("bnd,hdk->bhnk", [(2, 3, 4), (5, 4, 6)]),
            ("ij->", [(3, 4)]), ("bxyd,byd->bx", [(2, 3, 4, 5), (2, 4, 5)]))):
        case(f"einsum_{i}", "Einsum", [real(*shape) for shape in shapes], {"equation": equation}, opset=13, **standard)


for family in (activations, products, normalization, attention, quantized, corners):
    family()
target = os.path.join(os.path.dirname(os.path.abspath(__file__)), "cases.tar.gz")
# No times in it, so that the same cases give the same bytes.
with gzip.GzipFile(target, "wb", mtime=0) as stream, tarfile.open(fileobj=stream, mode="w") as archive:
    for path, content in sorted(files.items()):
        info = tarfile.TarInfo(path)
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
print(f"{sum(path.endswith('model.onnx') for path in files)} cases")
