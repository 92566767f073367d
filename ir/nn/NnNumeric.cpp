//===- NnNumeric.cpp - how exact compiled results are ---------------------===//

#include "ir/nn/ShapeRules.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fettle::nn {

/// Sign changes, comparisons and roundings to an integer lose nothing.
static NumericClass classOf(UnaryKind kind) {
  switch (kind) {
  case UnaryKind::identity:
  case UnaryKind::abs:
  case UnaryKind::neg:
  case UnaryKind::sign:
  case UnaryKind::floor:
  case UnaryKind::ceil:
  case UnaryKind::round:
  case UnaryKind::relu:
  case UnaryKind::thresholded_relu:
  case UnaryKind::logical_not:
  case UnaryKind::bitwise_not:
  case UnaryKind::is_nan:
  case UnaryKind::is_inf:
    return NumericClass::Exact;
  case UnaryKind::reciprocal:
  case UnaryKind::sqrt:
  case UnaryKind::rsqrt:
  case UnaryKind::leaky_relu:
  case UnaryKind::hard_sigmoid:
  case UnaryKind::hard_swish:
  case UnaryKind::softsign:
  case UnaryKind::shrink:
    return NumericClass::Close;
  default:
    return NumericClass::Loose;
  }
}

static NumericClass classOf(ReduceKind kind) {
  bool picks = kind == ReduceKind::max || kind == ReduceKind::min;
  return picks ? NumericClass::Exact : NumericClass::Loose;
}

static NumericClass floatClassOf(Operation *op) {
  return TypeSwitch<Operation *, NumericClass>(op)
      .Case<UnaryOp>([](UnaryOp op) { return classOf(op.getKind()); })
      .Case<ReduceOp>([](ReduceOp op) { return classOf(op.getKind()); })
      .Case<BinaryOp>([](BinaryOp op) {
        bool picks = op.getKind() == BinaryKind::min || op.getKind() == BinaryKind::max;
        return picks                                                                ? NumericClass::Exact
               : op.getKind() == BinaryKind::pow || op.getKind() == BinaryKind::mod ? NumericClass::Loose
                                                                                    : NumericClass::Close;
      })
      .Case<PoolOp>(
          [](PoolOp op) { return op.getKind() == PoolKind::max_pool ? NumericClass::Exact : NumericClass::Loose; })
      .Case<ResizeOp>(
          [](ResizeOp op) { return op.getKind() == ResizeKind::nearest ? NumericClass::Exact : NumericClass::Close; })
      .Case<ScatterElementsOp, ScatterNdOp>(
          [](auto op) { return op.getKind() == ScatterKind::replace ? NumericClass::Exact : NumericClass::Close; })
      .Case<BatchNormOp>([](BatchNormOp) { return NumericClass::Close; })
      .Case<MatMulOp, ConvOp, ConvTransposeOp, AttentionOp, LstmOp, GruOp, RnnOp, SoftmaxOp, LayerNormOp, LrnOp,
            CumSumOp, DetOp, MergeTokensOp>([](auto) { return NumericClass::Loose; })
      // Constants, movement, comparisons, conversions; quantization is IEEE arithmetic in a fixed order.
      .Default([](Operation *) { return NumericClass::Exact; });
}

NumericClass numericClassOf(Operation *op) {
  // Integer arithmetic is exact; ops whose results are integers compare or move.
  bool hasFloatResult = llvm::any_of(op->getResults(), [](Value result) { return isFloat(elementOf(result)); });
  return hasFloatResult ? floatClassOf(op) : NumericClass::Exact;
}

} // namespace fettle::nn
