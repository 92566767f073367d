//===- NnDialect.td - the nn dialect: a network as its author drew it -----===//
#ifndef FETTLE_IR_NN_NNDIALECT_TD
#define FETTLE_IR_NN_NNDIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"

def Nn_Dialect : Dialect {
  let name = "nn";
  let cppNamespace = "::fettle::nn";
  let summary = "neural network operators with static shapes and explicit semantics";
  let description = [{
    One op per operator of a network: what ONNX spreads over versions,
    optional inputs and shape-giving tensors is settled at import, so that
    every op here has static shapes and static attributes. Signed integers
    are signless MLIR integers (`i8`), unsigned ones are `ui8`, booleans `i1`.
    Weights are `nn.constant` over resource blobs. All ops are pure.
  }];
  let dependentDialects = [];
  let useDefaultAttributePrinterParser = 1;
  let hasConstantMaterializer = 1;
}

class Nn_Enum<string name, string summary, list<string> kinds>
    : I32EnumAttr<name, summary, !foreach(i, !range(kinds), I32EnumAttrCase<kinds[i], i>)> {
  let cppNamespace = "::fettle::nn";
  let genSpecializedAttr = 0;
}
class Nn_EnumAttr<EnumInfo info, string mnemonic> : EnumAttr<Nn_Dialect, info, mnemonic> {
  let assemblyFormat = "$value";
}

// Enumerators are spelled as they are printed: `nn.unary gelu(%x)`.
def Nn_UnaryKind : Nn_Enum<"UnaryKind", "elementwise function of one tensor", [
  "identity", "abs", "neg", "sign", "reciprocal", "sqrt", "rsqrt", "exp", "log",
  "floor", "ceil", "round", "erf", "sin", "cos", "tan", "asin", "acos", "atan",
  "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "sigmoid", "relu", "gelu",
  "gelu_tanh", "silu", "hard_swish", "hard_sigmoid", "leaky_relu", "elu", "selu",
  "celu", "softplus", "softsign", "mish", "thresholded_relu", "shrink",
  "logical_not", "bitwise_not", "is_nan", "is_inf"]>;
def Nn_BinaryKind : Nn_Enum<"BinaryKind", "elementwise function of two tensors", [
  "add", "sub", "mul", "div", "mod", "fmod", "pow", "min", "max", "prelu",
  "logical_and", "logical_or", "logical_xor", "bitwise_and", "bitwise_or",
  "bitwise_xor", "shift_left", "shift_right"]>;
def Nn_CompareKind : Nn_Enum<"CompareKind", "comparison", ["eq", "lt", "le", "gt", "ge"]>;
def Nn_ReduceKind : Nn_Enum<"ReduceKind", "reduction", [
  "sum", "mean", "prod", "max", "min", "l1", "l2", "log_sum", "log_sum_exp", "sum_square"]>;
def Nn_ArgKind : Nn_Enum<"ArgKind", "which extremum", ["argmax", "argmin"]>;
def Nn_PoolKind : Nn_Enum<"PoolKind", "pooling", ["max_pool", "average", "average_with_pad", "lp"]>;
def Nn_PadMode : Nn_Enum<"PadMode", "what stands outside", ["constant", "reflect", "edge", "wrap"]>;
def Nn_ScatterKind : Nn_Enum<"ScatterKind", "how an update meets the old value", [
  "replace", "accumulate", "multiply", "minimum", "maximum"]>;
def Nn_ResizeKind : Nn_Enum<"ResizeKind", "interpolation", ["nearest", "linear", "cubic"]>;
def Nn_CoordinateKind : Nn_Enum<"CoordinateKind", "output to input coordinate (ONNX Resize)", [
  "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel", "align_corners",
  "asymmetric", "tf_crop_and_resize"]>;
def Nn_RoundKind : Nn_Enum<"RoundKind", "which neighbour nearest means (ONNX Resize)", [
  "round_prefer_floor", "round_prefer_ceil", "floor_down", "ceil_up"]>;
def Nn_DirectionKind : Nn_Enum<"DirectionKind", "order of time steps", ["forward", "backward"]>;

def Nn_UnaryKindAttr : Nn_EnumAttr<Nn_UnaryKind, "unary_kind">;
def Nn_BinaryKindAttr : Nn_EnumAttr<Nn_BinaryKind, "binary_kind">;
def Nn_CompareKindAttr : Nn_EnumAttr<Nn_CompareKind, "compare_kind">;
def Nn_ReduceKindAttr : Nn_EnumAttr<Nn_ReduceKind, "reduce_kind">;
def Nn_ArgKindAttr : Nn_EnumAttr<Nn_ArgKind, "arg_kind">;
def Nn_PoolKindAttr : Nn_EnumAttr<Nn_PoolKind, "pool_kind">;
def Nn_PadModeAttr : Nn_EnumAttr<Nn_PadMode, "pad_mode">;
def Nn_ScatterKindAttr : Nn_EnumAttr<Nn_ScatterKind, "scatter_kind">;
def Nn_ResizeKindAttr : Nn_EnumAttr<Nn_ResizeKind, "resize_kind">;
def Nn_CoordinateKindAttr : Nn_EnumAttr<Nn_CoordinateKind, "coordinate_kind">;
def Nn_RoundKindAttr : Nn_EnumAttr<Nn_RoundKind, "round_kind">;
def Nn_DirectionKindAttr : Nn_EnumAttr<Nn_DirectionKind, "direction">;

#endif
