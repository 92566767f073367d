//===- NnQuantizable.cpp - operands that may be 8-bit integers ------------===//
//
// Products take weights with a scale per output channel, since that scale can be
// taken out of the sum; activations have one scale. Ops that move data run on
// integers as they are, under one scale. Float-only ops list nothing.
//
//===----------------------------------------------------------------------===//

#include "ir/nn/ShapeRules.h"

using namespace mlir;

namespace fettle::nn {

using Quantizable = SmallVector<QuantizableOperand>;

static bool hasFloats(Operation *op) { return isFloat(elementOf(op->getResult(0))); }

Quantizable MatMulOp::getQuantizableOperands() {
  if (!hasFloats(*this))
    return {};
  int64_t rank = getRhs().getType().getRank();
  return {{0, -1}, {1, getTransposeRhs() ? rank - 2 : rank - 1}};
}

Quantizable ConvOp::getQuantizableOperands() { return hasFloats(*this) ? Quantizable{{0, -1}, {1, 0}} : Quantizable{}; }

Quantizable ConvTransposeOp::getQuantizableOperands() {
  // With groups, weight axis 1 is shared by one output channel of every group.
  return hasFloats(*this) ? Quantizable{{0, -1}, {1, getGroups() == 1 ? 1 : -1}} : Quantizable{};
}

Quantizable BinaryOp::getQuantizableOperands() {
  bool hasIntegerForm = getKind() == BinaryKind::add || getKind() == BinaryKind::sub || getKind() == BinaryKind::mul;
  return hasIntegerForm && hasFloats(*this) ? Quantizable{{0, -1}, {1, -1}} : Quantizable{};
}

Quantizable PoolOp::getQuantizableOperands() {
  return getKind() != PoolKind::lp && hasFloats(*this) ? Quantizable{{0, -1}} : Quantizable{};
}

Quantizable ConcatOp::getQuantizableOperands() {
  Quantizable operands;
  for (unsigned i = 0; hasFloats(*this) && i < getInputs().size(); ++i)
    operands.push_back({i, -1});
  return operands;
}

static Quantizable movedOperand(Operation *op) { return hasFloats(op) ? Quantizable{{0, -1}} : Quantizable{}; }
Quantizable ReshapeOp::getQuantizableOperands() { return movedOperand(*this); }
Quantizable TransposeOp::getQuantizableOperands() { return movedOperand(*this); }
Quantizable BroadcastOp::getQuantizableOperands() { return movedOperand(*this); }
Quantizable SliceOp::getQuantizableOperands() { return movedOperand(*this); }
Quantizable TileOp::getQuantizableOperands() { return movedOperand(*this); }
Quantizable GatherOp::getQuantizableOperands() { return movedOperand(*this); }

} // namespace fettle::nn
