//===- RegisterTile.cpp - the innermost loops of contractions -------------===//

#include "codegen/cpu/RegisterTile.h"
#include "codegen/common/Pointwise.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fettle::codegen {

static Value index(ImplicitLocOpBuilder &b, int64_t value) { return arith::ConstantIndexOp::create(b, value); }
static Value add(ImplicitLocOpBuilder &b, Value value, int64_t offset) {
  return offset == 0 ? value : arith::AddIOp::create(b, value, index(b, offset)).getResult();
}

Value emitMultiplyAdd(ImplicitLocOpBuilder &b, bool hasFma, Value x, Value y, Value z) {
  if (!isa<FloatType>(getElementTypeOrSelf(x.getType())))
    return arith::AddIOp::create(b, arith::MulIOp::create(b, x, y), z);
  if (hasFma)
    return math::FmaOp::create(b, x, y, z);
  return arith::AddFOp::create(b, arith::MulFOp::create(b, x, y), z);
}

/// A loaded lhs or rhs value in the accumulator's type.
static Value widen(ImplicitLocOpBuilder &b, Value value, Type element, Type accumulator) {
  auto wide = [&](Type from) -> Type {
    if (auto type = dyn_cast<VectorType>(from))
      return type.clone(accumulator);
    return accumulator;
  };
  if (getElementTypeOrSelf(value.getType()) == accumulator || isa<FloatType>(accumulator))
    return value;
  if (element.isUnsignedInteger())
    return arith::ExtUIOp::create(b, wide(value.getType()), value);
  return arith::ExtSIOp::create(b, wide(value.getType()), value);
}

RegisterTile RegisterTile::choose(const CpuTarget &target, Type accumulator, int64_t rows, int64_t columns, Type lhsElement, Type rhsElement) {
  RegisterTile tile;
  tile.lanes = target.vectorBytes * 8 / accumulator.getIntOrFloatBitWidth();
  tile.columns = columns;
  tile.shape = chooseTile(target, rows, llvm::divideCeil(columns, tile.lanes));
  tile.accumulator = accumulator;
  tile.hasFma = target.hasFma;
  tile.lhsElement = lhsElement;
  tile.rhsElement = rhsElement ? rhsElement : accumulator;
  tile.rhsIsPacked = !rhsElement;
  return tile;
}

Value RegisterTile::emitFirstColumn(ImplicitLocOpBuilder &b, Value panel) const {
  if (panels() == 1)
    return index(b, 0);
  Value column = arith::MulIOp::create(b, panel, index(b, panelColumns()));
  return arith::MinSIOp::create(b, column, index(b, columns - panelColumns()));
}

Value RegisterTile::emitTailMask(ImplicitLocOpBuilder &b) const {
  if (columns >= panelColumns())
    return {};
  Value valid = index(b, columns - (shape.vectors - 1) * lanes);
  return vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), valid);
}

RegisterTile::Accumulators RegisterTile::emitStart(ImplicitLocOpBuilder &b, Value bias, Type biasElement, Value firstColumn, Value mask) const {
  auto type = VectorType::get({lanes}, accumulator);
  SmallVector<Value> start;
  for (int64_t j = 0; j < shape.vectors; ++j) {
    if (!bias) {
      start.push_back(arith::ConstantOp::create(b, b.getZeroAttr(type)));
      continue;
    }
    Value at = add(b, firstColumn, j * lanes);
    Value value = mask && j == shape.vectors - 1 ? emitMaskedLoad(b, biasElement, bias, at, mask) : emitLoad(b, biasElement, bias, at, lanes);
    start.push_back(widen(b, value, biasElement, accumulator));
  }
  Accumulators accumulators;
  for (int64_t i = 0; i < shape.rows; ++i)
    accumulators.append(start.begin(), start.end());
  return accumulators;
}

/// How many steps one trip of the reduction loop takes: enough work to hide the
/// loop's own instructions, and a divisor, so that no remainder loop is needed.
static int64_t chooseUnroll(int64_t steps, int64_t multiplyAdds) {
  for (int64_t unroll : {8, 7, 6, 5, 4, 3, 2})
    if (steps % unroll == 0 && unroll * multiplyAdds <= 72)
      return unroll;
  return 1;
}

RegisterTile::Accumulators RegisterTile::emitSteps(ImplicitLocOpBuilder &b, Accumulators accumulators, int64_t steps, Value lhsBase,
                                                   int64_t lhsRowStride, int64_t lhsStepStride, Value rhsBase, int64_t rhsStepStride, Value mask,
                                                   ArrayRef<bool> activeRows) const {
  auto vectorType = VectorType::get({lanes}, accumulator);
  auto emitStep = [&](ImplicitLocOpBuilder &b, Accumulators &accumulators, Value lhsAt, Value rhsAt) {
    SmallVector<Value> weights;
    for (int64_t j = 0; j < shape.vectors; ++j) {
      Value at = add(b, rhsAt, j * lanes);
      Value value = mask && !rhsIsPacked && j == shape.vectors - 1 ? emitMaskedLoad(b, rhsElement, rhs, at, mask)
                                                                    : emitLoad(b, rhsElement, rhs, at, lanes);
      weights.push_back(widen(b, value, rhsElement, accumulator));
    }
    for (int64_t i = 0; i < shape.rows; ++i) {
      if (!activeRows.empty() && !activeRows[i])
        continue;
      Value scalar = widen(b, emitLoad(b, lhsElement, lhs, add(b, lhsAt, i * lhsRowStride)), lhsElement, accumulator);
      Value splat = vector::BroadcastOp::create(b, vectorType, scalar);
      for (int64_t j = 0; j < shape.vectors; ++j) {
        Value &sum = accumulators[i * shape.vectors + j];
        sum = emitMultiplyAdd(b, hasFma, splat, weights[j], sum);
      }
    }
  };
  int64_t unroll = chooseUnroll(steps, shape.rows * shape.vectors);
  auto emitTrip = [&](ImplicitLocOpBuilder &b, Accumulators &accumulators, Value lhsAt, Value rhsAt) {
    for (int64_t u = 0; u < unroll; ++u)
      emitStep(b, accumulators, add(b, lhsAt, u * lhsStepStride), add(b, rhsAt, u * rhsStepStride));
  };
  if (steps == unroll) {
    emitTrip(b, accumulators, lhsBase, rhsBase);
    return accumulators;
  }
  auto loop = scf::ForOp::create(b, index(b, 0), index(b, steps), index(b, unroll), accumulators);
  ImplicitLocOpBuilder inner(b.getLoc(), OpBuilder::atBlockBegin(loop.getBody()));
  Value step = loop.getInductionVar();
  Accumulators carried(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
  auto scaled = [&](Value base, int64_t stride) -> Value {
    Value offset = stride == 1 ? step : arith::MulIOp::create(inner, step, index(inner, stride)).getResult();
    return arith::AddIOp::create(inner, base, offset);
  };
  emitTrip(inner, carried, scaled(lhsBase, lhsStepStride), scaled(rhsBase, rhsStepStride));
  scf::YieldOp::create(inner, carried);
  return Accumulators(loop.getResults().begin(), loop.getResults().end());
}

void RegisterTile::emitFinish(KernelFrame &frame, const Epilogue &epilogue, const Accumulators &accumulators, Value firstRow, Value firstColumn,
                              Value mask) const {
  for (int64_t i = 0; i < shape.rows; ++i)
    for (int64_t j = 0; j < shape.vectors; ++j)
      epilogue.emit(frame, accumulators[i * shape.vectors + j], add(frame.b, firstRow, i), add(frame.b, firstColumn, j * lanes),
                    j == shape.vectors - 1 ? mask : Value());
}

} // namespace fettle::codegen
