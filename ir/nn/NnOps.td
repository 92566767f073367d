//===- NnOps.td - the ops of the nn dialect -------------------------------===//
//
// Conventions. `n`, `c` are batch and channels. Spatial ops (conv, pool, resize)
// are channels-first (NC<spatial>) unless `channels_last` is set (N<spatial>C);
// convolution weights are [out, in/groups, <spatial>] in both. `pads` lists all
// begins, then all ends. Elementwise ops broadcast as numpy does.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_NN_NNOPS_TD
#define FETTLE_IR_NN_NNOPS_TD

include "ir/nn/NnDialect.td"
include "ir/nn/NnInterfaces.td"
include "mlir/IR/BuiltinAttributeInterfaces.td"
include "mlir/IR/OpAsmInterface.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

def Nn_Tensor : Type<CPred<"::fettle::nn::isTensor($_self)">,
                     "tensor of static shape and numeric elements", "::mlir::RankedTensorType">;

// `facts` are the interface methods that the op answers itself (NnCost.cpp, NnAxes.cpp,
// NnQuantizable.cpp, NnVjp.cpp).
class Nn_Op<string mnemonic, list<Trait> traits = [], list<string> facts = []>
    : Op<Nn_Dialect, mnemonic, !listconcat(traits, [Pure, DeclareOpInterfaceMethods<NnOpInterface, facts>])>;

// An op whose result types follow from operands and attributes: inferReturnTypes
// in NnShapes*.cpp is its verifier too.
class Nn_InferredOp<string mnemonic, list<Trait> traits = [], list<string> facts = []>
    : Nn_Op<mnemonic, !listconcat(traits, [InferTypeOpAdaptor]), facts>;

//===--- Constants and elementwise ----------------------------------------===//

def Nn_ConstantOp : Nn_Op<"constant", [ConstantLike, AllTypesMatch<["value", "output"]>]> {
  let summary = "a weight or another known tensor";
  let arguments = (ins ElementsAttr:$value);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "attr-dict $value";
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Nn_UnaryOp : Nn_InferredOp<"unary", [], ["getAxisTies", "buildVjp"]> {
  let summary = "elementwise function of one tensor";
  let description = [{
    `alpha` and `beta` are the parameters of the kinds that have them, as in ONNX:
    hard_sigmoid max(0, min(1, alpha x + beta)); leaky_relu, elu, celu, thresholded_relu (alpha);
    selu (alpha, beta = gamma); shrink (alpha = lambd, beta = bias); silu x sigmoid(alpha x);
    softplus log(1 + exp x). is_inf: alpha != 0 detects +inf, beta != 0 detects -inf.
    `round` rounds halves to even. is_nan and is_inf give i1.
  }];
  let arguments = (ins Nn_UnaryKindAttr:$kind, Nn_Tensor:$input,
                       DefaultValuedAttr<F64Attr, "1.0">:$alpha, DefaultValuedAttr<F64Attr, "0.0">:$beta);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$kind $input attr-dict `:` functional-type($input, $output)";
}

def Nn_BinaryOp : Nn_InferredOp<"binary", [], ["getAxisTies", "getQuantizableOperands", "buildVjp"]> {
  let summary = "elementwise function of two tensors of one element type";
  let description = [{
    `mod` takes the sign of the divisor (Python), `fmod` that of the dividend (C). Integer `div` truncates.
    `max` and `min` propagate NaN. `prelu`: x < 0 ? x * slope : x. `pow` may have an exponent of another type.
  }];
  let arguments = (ins Nn_BinaryKindAttr:$kind, Nn_Tensor:$lhs, Nn_Tensor:$rhs);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$kind $lhs `,` $rhs attr-dict `:` functional-type(operands, $output)";
}

def Nn_CompareOp : Nn_InferredOp<"compare", [], ["getAxisTies"]> {
  let summary = "elementwise comparison, giving i1";
  let arguments = (ins Nn_CompareKindAttr:$kind, Nn_Tensor:$lhs, Nn_Tensor:$rhs);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$kind $lhs `,` $rhs attr-dict `:` functional-type(operands, $output)";
}

def Nn_SelectOp : Nn_InferredOp<"select", [], ["getAxisTies"]> {
  let summary = "condition ? on_true : on_false, elementwise with broadcasting";
  let arguments = (ins Nn_Tensor:$condition, Nn_Tensor:$on_true, Nn_Tensor:$on_false);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}

def Nn_ClampOp : Nn_InferredOp<"clamp", [], ["getAxisTies"]> {
  let summary = "min(max(x, low), high); for integers the bounds are exact integers or infinite";
  let arguments = (ins Nn_Tensor:$input, F64Attr:$low, F64Attr:$high);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
}

def Nn_CastOp : Nn_Op<"cast", [], ["getAxisTies"]> {
  let summary = "conversion to another element type, as ONNX Cast (float to integer truncates; to i1 is != 0)";
  let description = [{
    `flushes`: of f32 to bf16, denormal numbers may become 0, as in what multiplies them.
  }];
  let arguments = (ins Nn_Tensor:$input, UnitAttr:$flushes);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

//===--- Contractions -----------------------------------------------------===//

def Nn_MatMulOp : Nn_InferredOp<"matmul", [], ["getMacs", "getAxisTies", "getQuantizableOperands", "buildVjp"]> {
  let summary = "batched matrix product with optional bias";
  let description = [{
    lhs [..., m, k] (or [..., k, m] with transpose_lhs), rhs [..., k, n] (or [..., n, k] with transpose_rhs),
    both of rank >= 2; batch dims broadcast. bias broadcasts to the result. 8-bit integer operands give i32, and
    `zero_point` is subtracted from every element of lhs. `f32_sums`: operands of bf16 give f32; denormal ones may count as 0.
  }];
  let arguments = (ins Nn_Tensor:$lhs, Nn_Tensor:$rhs, Optional<Nn_Tensor>:$bias,
                       UnitAttr:$transpose_lhs, UnitAttr:$transpose_rhs, DefaultValuedAttr<I64Attr, "0">:$zero_point,
                       UnitAttr:$f32_sums);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}

def Nn_ConvOp : Nn_InferredOp<"conv", [], ["getMacs", "getAxisTies", "mixesAlong", "getQuantizableOperands"]> {
  let summary = "convolution (cross-correlation) of any spatial rank, grouped, dilated";
  let description = [{
    bias is [out]. 8-bit integer operands give i32, and `zero_point` is subtracted from every element of the input:
    padding, which adds nothing, stands for the real number 0. `f32_sums`: as of matmul.
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$weight, Optional<Nn_Tensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DefaultValuedAttr<I64Attr, "1">:$groups, UnitAttr:$channels_last,
                       DefaultValuedAttr<I64Attr, "0">:$zero_point, UnitAttr:$f32_sums);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}

def Nn_ConvTransposeOp : Nn_InferredOp<"conv_transpose", [], ["getMacs", "getAxisTies", "mixesAlong", "getQuantizableOperands"]> {
  let summary = "transposed convolution";
  let description = [{
    weight [in, out/groups, <spatial>]; bias [out]. Extent: (x-1)*stride + output_padding + (k-1)*dilation + 1 - pads.
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$weight, Optional<Nn_Tensor>:$bias,
                       DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations,
                       DenseI64ArrayAttr:$output_padding,
                       DefaultValuedAttr<I64Attr, "1">:$groups, UnitAttr:$channels_last);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}

def Nn_AttentionOp : Nn_InferredOp<"attention", [], ["getMacs", "getAxisTies", "mixesAlong"]> {
  let summary = "softmax(scale q k^T + mask) v";
  let description = [{
    query [n, heads, s, d], key [n, kv_heads, t, d], value [n, kv_heads, t, e]; heads is a multiple of
    kv_heads (query head h reads key head h / (heads/kv_heads)). mask, additive, broadcasts to [n, heads, s, t].
    `causal`: query i sees keys j <= i + t - s. `softcap` c > 0: scores become c tanh(scores / c) before the mask.
    A row that sees nothing gives zeros. Result [n, heads, s, e].
  }];
  let arguments = (ins Nn_Tensor:$query, Nn_Tensor:$key, Nn_Tensor:$value, Optional<Nn_Tensor>:$mask,
                       F64Attr:$scale, UnitAttr:$causal, DefaultValuedAttr<F64Attr, "0.0">:$softcap);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}

class Nn_RecurrentOp<string mnemonic> : Nn_InferredOp<mnemonic, [AttrSizedOperandSegments], ["getMacs"]> {
  let description = [{
    One direction, time-major: x [t, n, i]; w [g*h, i]; r [g*h, h]; bias [2*g*h] (input then recurrent);
    lengths [n] i32; h0 [n, h]. Gate order and equations are ONNX's (LSTM iofc, GRU zrh).
    y [t, n, h] in input time order, y_h [n, h]: the state after the last step of each sequence;
    outputs beyond a sequence's length are 0. `activations` as ONNX names them; `clip` 0 means none.
  }];
}
def Nn_LstmOp : Nn_RecurrentOp<"lstm"> {
  let summary = "long short-term memory over a sequence (ONNX LSTM)";
  let arguments = (ins Nn_Tensor:$x, Nn_Tensor:$w, Nn_Tensor:$r, Optional<Nn_Tensor>:$bias,
                       Optional<Nn_Tensor>:$lengths, Optional<Nn_Tensor>:$h0, Optional<Nn_Tensor>:$c0,
                       Optional<Nn_Tensor>:$peephole,
                       Nn_DirectionKindAttr:$direction, StrArrayAttr:$activations,
                       DefaultValuedAttr<F64Attr, "0.0">:$clip, UnitAttr:$input_forget);
  let results = (outs Nn_Tensor:$y, Nn_Tensor:$y_h, Nn_Tensor:$y_c);
  let assemblyFormat = "$direction operands attr-dict `:` functional-type(operands, results)";
}
def Nn_GruOp : Nn_RecurrentOp<"gru"> {
  let summary = "gated recurrent unit over a sequence (ONNX GRU)";
  let arguments = (ins Nn_Tensor:$x, Nn_Tensor:$w, Nn_Tensor:$r, Optional<Nn_Tensor>:$bias,
                       Optional<Nn_Tensor>:$lengths, Optional<Nn_Tensor>:$h0,
                       Nn_DirectionKindAttr:$direction, StrArrayAttr:$activations,
                       DefaultValuedAttr<F64Attr, "0.0">:$clip, UnitAttr:$linear_before_reset);
  let results = (outs Nn_Tensor:$y, Nn_Tensor:$y_h);
  let assemblyFormat = "$direction operands attr-dict `:` functional-type(operands, results)";
}
def Nn_RnnOp : Nn_RecurrentOp<"rnn"> {
  let summary = "simple recurrent layer over a sequence (ONNX RNN)";
  let arguments = (ins Nn_Tensor:$x, Nn_Tensor:$w, Nn_Tensor:$r, Optional<Nn_Tensor>:$bias,
                       Optional<Nn_Tensor>:$lengths, Optional<Nn_Tensor>:$h0,
                       Nn_DirectionKindAttr:$direction, StrArrayAttr:$activations,
                       DefaultValuedAttr<F64Attr, "0.0">:$clip);
  let results = (outs Nn_Tensor:$y, Nn_Tensor:$y_h);
  let assemblyFormat = "$direction operands attr-dict `:` functional-type(operands, results)";
}

//===--- Reductions, normalization, pooling -------------------------------===//

def Nn_ReduceOp : Nn_InferredOp<"reduce", [], ["getAxisTies", "buildVjp"]> {
  let summary = "reduction over axes (sorted, non-negative)";
  let description = "Empty extents give the neutral element (max: lowest, min: highest value of the type).";
  let arguments = (ins Nn_ReduceKindAttr:$kind, Nn_Tensor:$input, DenseI64ArrayAttr:$axes, UnitAttr:$keep_dims);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$kind $input attr-dict `:` functional-type($input, $output)";
}
def Nn_ArgOp : Nn_InferredOp<"arg", [], ["getAxisTies"]> {
  let summary = "index (i64) of the extremum along an axis; ties go to the first, or to the last with select_last";
  let arguments = (ins Nn_ArgKindAttr:$kind, Nn_Tensor:$input, I64Attr:$axis, UnitAttr:$keep_dims, UnitAttr:$select_last);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$kind $input attr-dict `:` functional-type($input, $output)";
}
def Nn_SoftmaxOp : Nn_InferredOp<"softmax", [], ["getAxisTies", "mixesAlong"]> {
  let summary = "softmax along one axis, or its logarithm";
  let arguments = (ins Nn_Tensor:$input, I64Attr:$axis, UnitAttr:$log);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
}
def Nn_LayerNormOp : Nn_InferredOp<"layer_norm", [AttrSizedOperandSegments], ["getAxisTies", "mixesAlong"]> {
  let summary = "(x - mean) / sqrt(variance + epsilon) * scale + bias over all axes from `axis` on";
  let description = [{
    With `rms` the mean is taken as 0 (RMSNorm). scale and bias broadcast to x. Statistics are in f32 (f64 for f64).
  }];
  let arguments = (ins Nn_Tensor:$input, Optional<Nn_Tensor>:$scale, Optional<Nn_Tensor>:$bias,
                       I64Attr:$axis, F64Attr:$epsilon, UnitAttr:$rms);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}
def Nn_BatchNormOp : Nn_InferredOp<"batch_norm", [], ["getAxisTies"]> {
  let summary = "(x - mean) / sqrt(variance + epsilon) * scale + bias per channel (axis 1), with given statistics";
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$scale, Nn_Tensor:$bias, Nn_Tensor:$mean, Nn_Tensor:$variance,
                       F64Attr:$epsilon);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}
def Nn_PoolOp : Nn_InferredOp<"pool", [], ["getAxisTies", "getQuantizableOperands"]> {
  let summary = "pooling over windows";
  let description = [{
    `average` counts only what lies inside the input, `average_with_pad` the padding too (not what ceil_mode adds
    beyond it). `lp`: (sum |x|^p)^(1/p). max_pool ignores padding; a NaN in the window is its
    maximum.
  }];
  let arguments = (ins Nn_PoolKindAttr:$kind, Nn_Tensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides,
                       DenseI64ArrayAttr:$pads, DenseI64ArrayAttr:$dilations, DefaultValuedAttr<I64Attr, "2">:$p,
                       UnitAttr:$ceil_mode, UnitAttr:$channels_last);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$kind $input attr-dict `:` functional-type($input, $output)";
}
def Nn_MaxPoolIndicesOp : Nn_InferredOp<"max_pool_indices"> {
  let summary = "the Indices output (i64) of ONNX MaxPool, channels-first: flat indices into the input";
  let description = [{The first largest element of the window; the last NaN if there is one.}];
  let arguments = (ins Nn_Tensor:$input, DenseI64ArrayAttr:$kernel, DenseI64ArrayAttr:$strides, DenseI64ArrayAttr:$pads,
                       DenseI64ArrayAttr:$dilations, UnitAttr:$ceil_mode, UnitAttr:$column_major);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
}
def Nn_LrnOp : Nn_InferredOp<"lrn", [], ["getAxisTies", "mixesAlong"]> {
  let summary = "local response normalization across channels (axis 1, ONNX LRN)";
  let arguments = (ins Nn_Tensor:$input, I64Attr:$size, F64Attr:$alpha, F64Attr:$beta, F64Attr:$bias);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
}
def Nn_CumSumOp : Nn_InferredOp<"cumsum", [], ["getAxisTies", "mixesAlong"]> {
  let summary = "running sum along an axis";
  let arguments = (ins Nn_Tensor:$input, I64Attr:$axis, UnitAttr:$exclusive, UnitAttr:$reverse);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
}
def Nn_TopKOp : Nn_InferredOp<"top_k"> {
  let summary = "the k largest (or smallest) along an axis, in order, with their indices (i64); ties: lower index first";
  let arguments = (ins Nn_Tensor:$input, I64Attr:$axis, I64Attr:$k, UnitAttr:$smallest);
  let results = (outs Nn_Tensor:$values, Nn_Tensor:$indices);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, results)";
}
def Nn_DetOp : Nn_InferredOp<"det"> {
  let summary = "determinant of the last two axes";
  let arguments = (ins Nn_Tensor:$input);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
}

//===--- Data movement ----------------------------------------------------===//

def Nn_ReshapeOp : Nn_Op<"reshape", [], ["getAxisTies", "getQuantizableOperands", "buildVjp"]> {
  let summary = "the same elements in row-major order under another shape";
  let arguments = (ins Nn_Tensor:$input);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
  let hasVerifier = 1;
  let hasFolder = 1;
}
def Nn_TransposeOp : Nn_InferredOp<"transpose", [], ["getAxisTies", "getQuantizableOperands", "buildVjp"]> {
  let summary = "result axis i is input axis perm[i]";
  let arguments = (ins Nn_Tensor:$input, DenseI64ArrayAttr:$perm);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
  let hasFolder = 1;
}
def Nn_BroadcastOp : Nn_Op<"broadcast", [], ["getAxisTies", "getQuantizableOperands"]> {
  let summary = "numpy broadcast to the result shape";
  let arguments = (ins Nn_Tensor:$input);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
  let hasVerifier = 1;
  let hasFolder = 1;
}
def Nn_ConcatOp : Nn_InferredOp<"concat", [], ["getAxisTies", "getQuantizableOperands"]> {
  let summary = "concatenation along an axis";
  let arguments = (ins Variadic<Nn_Tensor>:$inputs, I64Attr:$axis);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$inputs attr-dict `:` functional-type($inputs, $output)";
  let hasFolder = 1;
}
def Nn_SliceOp : Nn_InferredOp<"slice", [], ["getAxisTies", "getQuantizableOperands"]> {
  let summary = "result[i] = input[start + i * step] per axis; `sizes` is the result shape; steps may be negative";
  let arguments = (ins Nn_Tensor:$input, DenseI64ArrayAttr:$starts, DenseI64ArrayAttr:$sizes, DenseI64ArrayAttr:$steps);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
  let hasFolder = 1;
}
def Nn_PadOp : Nn_InferredOp<"pad", [], ["getAxisTies"]> {
  let summary = "padding per axis (no negative amounts); `value` (a scalar tensor) fills in mode constant, zero if absent";
  let arguments = (ins Nn_PadModeAttr:$mode, Nn_Tensor:$input, Optional<Nn_Tensor>:$value, DenseI64ArrayAttr:$low, DenseI64ArrayAttr:$high);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$mode operands attr-dict `:` functional-type(operands, $output)";
}
def Nn_TileOp : Nn_InferredOp<"tile", [], ["getQuantizableOperands"]> {
  let summary = "repetition per axis";
  let arguments = (ins Nn_Tensor:$input, DenseI64ArrayAttr:$repeats);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$input attr-dict `:` functional-type($input, $output)";
}
def Nn_GatherOp : Nn_InferredOp<"gather", [], ["getAxisTies", "getQuantizableOperands"]> {
  let summary = "input[..., indices, ...] along an axis; negative indices count from the end, others are clamped";
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$indices, I64Attr:$axis);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}
def Nn_GatherElementsOp : Nn_InferredOp<"gather_elements"> {
  let summary = "result[i,j,k] = input with index `axis` replaced by indices[i,j,k]";
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$indices, I64Attr:$axis);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}
def Nn_GatherNdOp : Nn_InferredOp<"gather_nd"> {
  let summary = "gathers slices by index tuples (ONNX GatherND)";
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$indices, DefaultValuedAttr<I64Attr, "0">:$batch_dims);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}
def Nn_ScatterElementsOp : Nn_InferredOp<"scatter_elements"> {
  let summary = "a copy of the input with updates scattered along an axis (ONNX ScatterElements)";
  let arguments = (ins Nn_ScatterKindAttr:$kind, Nn_Tensor:$input, Nn_Tensor:$indices, Nn_Tensor:$updates, I64Attr:$axis);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$kind operands attr-dict `:` functional-type(operands, $output)";
}
def Nn_ScatterNdOp : Nn_InferredOp<"scatter_nd"> {
  let summary = "a copy of the input with slices replaced at index tuples (ONNX ScatterND)";
  let arguments = (ins Nn_ScatterKindAttr:$kind, Nn_Tensor:$input, Nn_Tensor:$indices, Nn_Tensor:$updates);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$kind operands attr-dict `:` functional-type(operands, $output)";
}
def Nn_ReverseSequenceOp : Nn_InferredOp<"reverse_sequence"> {
  let summary = "reverses the first lengths[b] entries along time_axis, per batch";
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$lengths, I64Attr:$batch_axis, I64Attr:$time_axis);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}
def Nn_ResizeOp : Nn_Op<"resize"> {
  let summary = "interpolation to the result shape (ONNX Resize), over any axes";
  let description = [{
    `scales` and `roi` (starts then ends, for tf_crop_and_resize; else empty) hold one entry per axis.
    nearest, linear and cubic per axis; axes with scale 1 and equal extent are not interpolated.
  }];
  let arguments = (ins Nn_ResizeKindAttr:$kind, Nn_Tensor:$input, DenseF64ArrayAttr:$scales, DenseF64ArrayAttr:$roi,
                       Nn_CoordinateKindAttr:$coordinates, Nn_RoundKindAttr:$rounding,
                       DefaultValuedAttr<F64Attr, "-0.75">:$cubic_coefficient, DefaultValuedAttr<F64Attr, "0.0">:$extrapolation,
                       UnitAttr:$exclude_outside, UnitAttr:$antialias);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "$kind $input attr-dict `:` functional-type($input, $output)";
  let hasVerifier = 1;
}
def Nn_NonMaxSuppressionOp : Nn_Op<"non_max_suppression"> {
  let summary = "ONNX NonMaxSuppression with a fixed result of rows [batch, class, box] (i64), unused rows -1";
  let arguments = (ins Nn_Tensor:$boxes, Nn_Tensor:$scores, I64Attr:$max_per_class, F64Attr:$iou_threshold,
                       F64Attr:$score_threshold, UnitAttr:$center_point);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
  let hasVerifier = 1;
}

//===--- Tokens -----------------------------------------------------------===//
//
// The tokens of a transformer are axis 1 of [n, t, c]. A reduction of tokens is an assignment [n, t] of i32: the
// token of the shorter sequence that each token becomes a part of, or -1 where it is dropped.

def Nn_MatchTokensOp : Nn_InferredOp<"match_tokens", [], ["getMacs"]> {
  let summary = "the assignment that merges the `remove` tokens with the cheapest partners (bipartite matching)";
  let description = [{
    metric [n, t, d], sizes [n, t] (absent: all 1). The first `protect` tokens take no part. Of the others the 1st, 3rd, 5th...
    are targets and the 2nd, 4th, 6th... sources; the cost of merging source a into target b is
    size_a size_b / (size_a + size_b) |metric_a - metric_b|^2 (0 where both sizes are 0). The `remove` sources with the cheapest
    targets become a part of these; all other tokens stay, in their order. With `reach` > 0 a target is at most so many
    places from its source. Ties go to the lower index, of targets as of sources.
    remove is at most (t - protect) / 2.
  }];
  let arguments = (ins Nn_Tensor:$metric, Optional<Nn_Tensor>:$sizes, I64Attr:$remove, DefaultValuedAttr<I64Attr, "0">:$protect,
                       DefaultValuedAttr<I64Attr, "0">:$reach);
  let results = (outs Nn_Tensor:$assignment);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $assignment)";
}
def Nn_DropTokensOp : Nn_InferredOp<"drop_tokens"> {
  let summary = "the assignment that keeps the first `protect` tokens and those with the highest scores, `keep` in all";
  let description = "score [n, t]. Tokens that stay keep their order; of equal scores that with the lower index stays.";
  let arguments = (ins Nn_Tensor:$score, I64Attr:$keep, DefaultValuedAttr<I64Attr, "0">:$protect);
  let results = (outs Nn_Tensor:$assignment);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $assignment)";
}
def Nn_MergeTokensOp : Nn_InferredOp<"merge_tokens", [], ["getAxisTies"]> {
  let summary = "means of the tokens that are assigned to one, weighted by their sizes, and the sums of sizes";
  let description = [{
    input [n, t, c], assignment [n, t] with entries below `tokens`, sizes [n, t] (absent: all 1). output[i, j] =
    sum size_k input_k / sum size_k over the k assigned to j, summed by increasing k; the token itself where there is one, their
    plain mean where the sizes are 0; 0 where there is none. new_sizes [n, tokens].
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$assignment, Optional<Nn_Tensor>:$sizes, I64Attr:$tokens);
  let results = (outs Nn_Tensor:$output, Nn_Tensor:$new_sizes);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, results)";
}
def Nn_UnmergeTokensOp : Nn_InferredOp<"unmerge_tokens", [], ["getAxisTies"]> {
  let summary = "each token gets what it became a part of: output[i, k] = input[i, assignment[i, k]], or 0 where it was dropped";
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$assignment);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
}

//===--- Quantization -----------------------------------------------------===//

def Nn_QuantizeOp : Nn_Op<"quantize", [], ["getAxisTies", "mixesAlong"]> {
  let summary = "saturate(round_half_even(x / scale) + zero_point), rule ieee_f32";
  let description = [{
    scale and zero_point are scalars, or one-dimensional along `axis`, or of the input's rank with each axis a divisor
    of the input's (blocks). No zero_point means 0.
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$scale, Optional<Nn_Tensor>:$zero_point, DefaultValuedAttr<I64Attr, "1">:$axis);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
  let hasVerifier = 1;
}
def Nn_DequantizeOp : Nn_Op<"dequantize", [], ["getAxisTies", "mixesAlong"]> {
  let summary = "(q - zero_point) * scale";
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$scale, Optional<Nn_Tensor>:$zero_point, DefaultValuedAttr<I64Attr, "1">:$axis);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
  let hasVerifier = 1;
}

def Nn_RescaleOp : Nn_Op<"rescale", [], ["getAxisTies"]> {
  let summary = "saturate((((x - input_zero_point) multiplier + round) >> shift) + output_zero_point), rule tosa";
  let description = [{
    TOSA 1.0's RESCALE with 32-bit multipliers (its apply_scale_32), in 64-bit integers: an integer times a real scale, which is
    multiplier 2^-shift. round is 2^(shift - 1), so that halves go up; with `double_round`, where shift > 31, it is
    2^30 more for x >= input_zero_point, 2^30 less for smaller x. The shift is arithmetic. x and the result are i8, ui8 or i32, a
    zero point of i32 is 0.

    multiplier (i32) and shift (i8) have one shape, which broadcasts to x's. A shift outside 2..62 counts as the
    nearer of these. TOSA wants multiplier >= 0 and -2^(shift - 1) <= x - input_zero_point < 2^(shift - 1), and says nothing of other
    values; here they saturate like all others.
  }];
  let arguments = (ins Nn_Tensor:$input, Nn_Tensor:$multiplier, Nn_Tensor:$shift, DefaultValuedAttr<I64Attr, "0">:$input_zero_point,
                       DefaultValuedAttr<I64Attr, "0">:$output_zero_point, UnitAttr:$double_round);
  let results = (outs Nn_Tensor:$output);
  let assemblyFormat = "operands attr-dict `:` functional-type(operands, $output)";
  let hasVerifier = 1;
}

//===--- Kernels ----------------------------------------------------------===//

def Nn_KernelOp : Op<Nn_Dialect, "kernel", [IsolatedFromAbove, SingleBlock, Pure]> {
  let summary = "ops that become one compiled kernel";
  let description = [{
    Formed by `form-kernels`. The body's first non-movement op is the root; what follows is its epilogue. Weights are operands.
  }];
  let arguments = (ins Variadic<Nn_Tensor>:$inputs);
  let results = (outs Variadic<Nn_Tensor>:$outputs);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}
def Nn_YieldOp : Op<Nn_Dialect, "yield", [Pure, Terminator, ParentOneOf<["KernelOp"]>]> {
  let summary = "results of a kernel";
  let arguments = (ins Variadic<Nn_Tensor>:$values);
  let assemblyFormat = "attr-dict ($values^ `:` type($values))?";
}

#endif
