//===- Eval.h - one function per nn op ------------------------------------===//
//
// evaluateOp(op, operands) gives the results of `op` on tensors of its operand
// types (absent optional operands are absent from `operands` too). Ops are
// verified: shapes and attributes fit. What data may still say wrongly (an index
// outside, a division by zero) has a defined result, stated at the function.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_REFERENCE_EVAL_EVAL_H
#define FETTLE_IR_REFERENCE_EVAL_EVAL_H

#include "ir/nn/Nn.h"
#include "ir/support/HostTensor.h"

namespace fettle::reference {

using Operands = llvm::ArrayRef<HostTensor>;
using Results = llvm::SmallVector<HostTensor>;

/// Operand number `index` of the op's definition; null if it is absent.
template <typename OpTy> const HostTensor *optionalOperand(OpTy op, Operands operands, unsigned index) {
  auto [first, count] = op.getODSOperandIndexAndLength(index);
  return count ? &operands[first] : nullptr;
}

// Unary.cpp, Binary.cpp, Selection.cpp, Cast.cpp
Results evaluateOp(nn::ConstantOp op, Operands operands);
Results evaluateOp(nn::UnaryOp op, Operands operands);
Results evaluateOp(nn::BinaryOp op, Operands operands);
Results evaluateOp(nn::CompareOp op, Operands operands);
Results evaluateOp(nn::SelectOp op, Operands operands);
Results evaluateOp(nn::ClampOp op, Operands operands);
Results evaluateOp(nn::CastOp op, Operands operands);
// MatMul.cpp, Convolution.cpp, Attention.cpp, Recurrent.cpp
Results evaluateOp(nn::MatMulOp op, Operands operands);
Results evaluateOp(nn::DetOp op, Operands operands);
Results evaluateOp(nn::ConvOp op, Operands operands);
Results evaluateOp(nn::ConvTransposeOp op, Operands operands);
Results evaluateOp(nn::AttentionOp op, Operands operands);
Results evaluateOp(nn::LstmOp op, Operands operands);
Results evaluateOp(nn::GruOp op, Operands operands);
Results evaluateOp(nn::RnnOp op, Operands operands);
// Reduction.cpp, Ordering.cpp, Normalization.cpp, Pooling.cpp
Results evaluateOp(nn::ReduceOp op, Operands operands);
Results evaluateOp(nn::CumSumOp op, Operands operands);
Results evaluateOp(nn::ArgOp op, Operands operands);
Results evaluateOp(nn::TopKOp op, Operands operands);
Results evaluateOp(nn::NonMaxSuppressionOp op, Operands operands);
Results evaluateOp(nn::SoftmaxOp op, Operands operands);
Results evaluateOp(nn::LayerNormOp op, Operands operands);
Results evaluateOp(nn::BatchNormOp op, Operands operands);
Results evaluateOp(nn::LrnOp op, Operands operands);
Results evaluateOp(nn::PoolOp op, Operands operands);
Results evaluateOp(nn::MaxPoolIndicesOp op, Operands operands);
// Movement.cpp, Indexing.cpp, Resize.cpp
Results evaluateOp(nn::ReshapeOp op, Operands operands);
Results evaluateOp(nn::TransposeOp op, Operands operands);
Results evaluateOp(nn::BroadcastOp op, Operands operands);
Results evaluateOp(nn::ConcatOp op, Operands operands);
Results evaluateOp(nn::SliceOp op, Operands operands);
Results evaluateOp(nn::PadOp op, Operands operands);
Results evaluateOp(nn::TileOp op, Operands operands);
Results evaluateOp(nn::GatherOp op, Operands operands);
Results evaluateOp(nn::GatherElementsOp op, Operands operands);
Results evaluateOp(nn::GatherNdOp op, Operands operands);
Results evaluateOp(nn::ScatterElementsOp op, Operands operands);
Results evaluateOp(nn::ScatterNdOp op, Operands operands);
Results evaluateOp(nn::ReverseSequenceOp op, Operands operands);
Results evaluateOp(nn::ResizeOp op, Operands operands);
// Tokens.cpp
Results evaluateOp(nn::MatchTokensOp op, Operands operands);
Results evaluateOp(nn::DropTokensOp op, Operands operands);
Results evaluateOp(nn::MergeTokensOp op, Operands operands);
Results evaluateOp(nn::UnmergeTokensOp op, Operands operands);
// Quantization.cpp, Rescale.cpp
Results evaluateOp(nn::QuantizeOp op, Operands operands);
Results evaluateOp(nn::DequantizeOp op, Operands operands);
Results evaluateOp(nn::RescaleOp op, Operands operands);

} // namespace fettle::reference

#endif
