//===- RegisterTile.cpp - the innermost loops of contractions -------------===//

#include "codegen/cpu/RegisterTile.h"
#include "codegen/common/Pointwise.h"
#include "codegen/cpu/LoopEmitter.h"
#include "ir/nn/Nn.h"
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

RegisterTile RegisterTile::choose(const CpuTarget &target, Type accumulator, int64_t rows, int64_t columns, Type lhsElement, Type rhsElement,
                                  std::optional<DotProduct> dot, int64_t vectors) {
  RegisterTile tile;
  tile.lanes = target.vectorBytes * 8 / accumulator.getIntOrFloatBitWidth();
  tile.columns = columns;
  int64_t columnVectors = llvm::divideCeil(columns, tile.lanes);
  TileStep step = dot ? TileStep{dot->parts(), dot->temporaries()} : multiplyAddStep(target);
  tile.shape = chooseTile(target, rows, columnVectors, step, vectors);
  tile.panelChoice = {rows, columnVectors, step.parts, step.temporaries, 0};
  tile.dot = dot;
  tile.accumulator = accumulator;
  tile.hasFma = target.hasFma;
  tile.lhsElement = lhsElement;
  tile.rhsElement = rhsElement ? rhsElement : accumulator;
  tile.rhsIsPacked = !rhsElement;
  return tile;
}

int64_t RegisterTile::packedSize(int64_t steps) const {
  return dot ? WordRun(*dot, steps).words() * shape.vectors * dot->weightBytes() : steps * panelColumns();
}

ZeroPointTable RegisterTile::zeroPointTable(int64_t entries, std::function<bool(int64_t, int64_t)> covers, std::string name) const {
  if (!dot || lhsZeroPoint + dot->inputOffset() == 0)
    return {};
  return {lhsZeroPoint + dot->inputOffset(), entries, std::move(covers), std::move(name)};
}

PackedWeights RegisterTile::pack(unsigned operand, WeightsView view, int64_t run, ZeroPointTable table) const {
  PackedWeights packed;
  if (dot) {
    WordPanels panels{std::move(view), WordRun(*dot, run), *dot, shape.vectors, std::move(table)};
    packed = {panels.pack(accumulator.getContext(), operand), panels.tableOffset(), panels.tableBytes()};
  } else {
    packed = {packPanels(operand, std::move(view), panelColumns(), accumulator)};
  }
  packed.packing.panels = panelChoice;
  MemRefType type = packed.packing.packedType;
  packed.packing.panels->bytes = type.getNumElements() * elementBytes(type.getElementType());
  return packed;
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

RegisterTile::Accumulators RegisterTile::emitStart(ImplicitLocOpBuilder &b) const {
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(VectorType::get({lanes}, accumulator)));
  return Accumulators(shape.rows * shape.vectors, zero);
}

void RegisterTile::emitAddBias(ImplicitLocOpBuilder &b, Accumulators &accumulators, Value bias, Type biasElement, Value firstColumn, Value mask) const {
  for (int64_t j = 0; j < shape.vectors; ++j) {
    Value at = add(b, firstColumn, j * lanes);
    Value value = mask && j == shape.vectors - 1 ? emitMaskedLoad(b, biasElement, bias, at, mask) : emitLoad(b, biasElement, bias, at, lanes);
    value = widen(b, value, biasElement, accumulator);
    for (int64_t i = 0; i < shape.rows; ++i) {
      Value &sum = accumulators[i * shape.vectors + j];
      sum = isa<FloatType>(accumulator) ? arith::AddFOp::create(b, sum, value).getResult() : arith::AddIOp::create(b, sum, value).getResult();
    }
  }
}

/// How many steps one trip of the reduction loop takes: enough work to hide the
/// loop's own instructions, and a divisor, so that no remainder loop is needed.
static int64_t chooseUnroll(int64_t steps, int64_t multiplyAdds) {
  for (int64_t unroll : {8, 7, 6, 5, 4, 3, 2})
    if (steps % unroll == 0 && unroll * multiplyAdds <= 72)
      return unroll;
  return 1;
}

void RegisterTile::emitAddZeroPoint(ImplicitLocOpBuilder &b, Accumulators &accumulators, int64_t row, Value entry, Value lessEntry) const {
  auto bytes = VectorType::get({lanes * 4}, b.getI8Type());
  auto load = [&](Value at, int64_t j) -> Value {
    Value value = vector::LoadOp::create(b, bytes, rhs, add(b, at, j * lanes * 4));
    return vector::BitCastOp::create(b, VectorType::get({lanes}, accumulator), value);
  };
  for (int64_t j = 0; j < shape.vectors; ++j) {
    Value &sum = accumulators[row * shape.vectors + j];
    Value value = load(entry, j);
    if (lessEntry)
      value = arith::SubIOp::create(b, value, load(lessEntry, j));
    sum = arith::AddIOp::create(b, sum, value);
  }
}

Value RegisterTile::emitWord(ImplicitLocOpBuilder &b, Value at) const {
  Type stored = cast<MemRefType>(lhs.getType()).getElementType();
  Value elements = vector::LoadOp::create(b, VectorType::get({dot->elements()}, stored), lhs, at);
  Value word = vector::BitCastOp::create(b, VectorType::get({1}, b.getI32Type()), elements);
  return vector::ExtractOp::create(b, word, 0);
}

Value RegisterTile::emitElement(ImplicitLocOpBuilder &b, Value at) const {
  Value element = widen(b, emitLoad(b, lhsElement, lhs, at), lhsElement, accumulator);
  if (lhsZeroPoint == 0)
    return element;
  return arith::SubIOp::create(b, element, arith::ConstantOp::create(b, b.getIntegerAttr(accumulator, lhsZeroPoint)));
}

Value RegisterTile::emitPatchedWord(ImplicitLocOpBuilder &b, const WordRun &run, int64_t word, Value rowBase,
                                    llvm::function_ref<bool(int64_t)> isInside) const {
  auto isRead = [&](int64_t step) { return step < run.length && (!isInside || isInside(step)); };
  int64_t first = run.offset(word), bits = 32 / run.elements;
  if (llvm::all_of(llvm::seq(first, first + run.elements), isRead))
    return emitWord(b, add(b, rowBase, first));
  uint32_t constant = 0;
  Value result;
  Type i32 = b.getI32Type(), narrow = b.getIntegerType(bits);
  for (int64_t i = 0; i < run.elements; ++i) {
    if (!run.counts(word, i))
      continue;
    if (!isRead(first + i)) {
      constant |= uint32_t(lhsZeroPoint & ((1 << bits) - 1)) << (bits * i);
      continue;
    }
    Value element = memref::LoadOp::create(b, lhs, add(b, rowBase, first + i));
    if (element.getType() != narrow)
      element = arith::BitcastOp::create(b, narrow, element);
    element = arith::ShLIOp::create(b, arith::ExtUIOp::create(b, i32, element), arith::ConstantIntOp::create(b, i32, bits * i));
    result = result ? arith::OrIOp::create(b, result, element).getResult() : element;
  }
  Value fixed = arith::ConstantIntOp::create(b, i32, int32_t(constant));
  return result ? arith::OrIOp::create(b, result, fixed).getResult() : fixed;
}

void RegisterTile::emitStep(ImplicitLocOpBuilder &b, Accumulators &accumulators, llvm::function_ref<Value(int64_t)> lhsOf, Value rhsAt, Value mask,
                            ArrayRef<bool> activeRows) const {
  SmallVector<DotProduct::Parts> weights;
  for (int64_t j = 0; j < shape.vectors; ++j) {
    if (dot) {
      weights.push_back(dot->emitWeights(b, rhs, add(b, rhsAt, j * dot->weightBytes())));
      continue;
    }
    Value at = add(b, rhsAt, j * lanes);
    Value value = mask && !rhsIsPacked && j == shape.vectors - 1 ? emitMaskedLoad(b, rhsElement, rhs, at, mask)
                                                                  : emitLoad(b, rhsElement, rhs, at, lanes);
    weights.push_back({widen(b, value, rhsElement, accumulator)});
  }
  auto vectorType = VectorType::get({lanes}, dot ? Type(b.getI32Type()) : accumulator);
  for (int64_t i = 0; i < shape.rows; ++i) {
    if (!activeRows.empty() && !activeRows[i])
      continue;
    Value splat = vector::BroadcastOp::create(b, vectorType, lhsOf(i));
    DotProduct::Parts inputs = dot ? dot->emitInput(b, splat) : DotProduct::Parts{splat};
    for (int64_t j = 0; j < shape.vectors; ++j) {
      Value &sum = accumulators[i * shape.vectors + j];
      sum = dot ? dot->emitStep(b, inputs, weights[j], sum) : emitMultiplyAdd(b, hasFma, splat, weights[j][0], sum);
    }
  }
}

RegisterTile::Accumulators RegisterTile::emitSteps(ImplicitLocOpBuilder &b, Accumulators accumulators, int64_t steps, Value lhsBase,
                                                   int64_t lhsRowStride, int64_t lhsStepStride, Value rhsBase, int64_t rhsStepStride, Value mask,
                                                   ArrayRef<bool> activeRows, const TilePrefetch &prefetch) const {
  int64_t trips = steps;
  if (dot) {
    // Whole words; what remains follows in straight-line code.
    trips = steps / stepsAtOnce();
    lhsStepStride = stepsAtOnce();
    rhsStepStride = packedSize(stepsAtOnce());
  }
  int64_t unroll = chooseUnroll(trips, shape.rows * shape.vectors * (dot ? dot->parts() : 1));
  auto emitTrip = [&](ImplicitLocOpBuilder &b, Accumulators &accumulators, Value lhsAt, Value rhsAt, const TilePrefetch &prefetch) {
    prefetch.emit(b, unroll * rhsStepStride);
    for (int64_t u = 0; u < unroll; ++u) {
      if (u > 0)
        emitSchedulingBarrier(b); // loads of the next step, moved here, would push sums out of registers
      auto lhsOf = [&](int64_t row) {
        Value at = add(b, lhsAt, u * lhsStepStride + row * lhsRowStride);
        return dot ? emitWord(b, at) : emitElement(b, at);
      };
      emitStep(b, accumulators, lhsOf, add(b, rhsAt, u * rhsStepStride), mask, activeRows);
    }
  };
  if (trips == unroll) {
    emitTrip(b, accumulators, lhsBase, rhsBase, prefetch);
  } else if (trips > 0) {
    auto loop = scf::ForOp::create(b, index(b, 0), index(b, trips), index(b, unroll), accumulators);
    ImplicitLocOpBuilder inner(b.getLoc(), OpBuilder::atBlockBegin(loop.getBody()));
    Value step = loop.getInductionVar();
    Accumulators carried(loop.getRegionIterArgs().begin(), loop.getRegionIterArgs().end());
    auto scaled = [&](Value base, int64_t stride) -> Value {
      Value offset = stride == 1 ? step : arith::MulIOp::create(inner, step, index(inner, stride)).getResult();
      return base ? arith::AddIOp::create(inner, base, offset).getResult() : offset;
    };
    Value rhsOffset = scaled(Value(), rhsStepStride);
    emitTrip(inner, carried, scaled(lhsBase, lhsStepStride), arith::AddIOp::create(inner, rhsBase, rhsOffset), prefetch.from(inner, rhsOffset));
    scf::YieldOp::create(inner, carried);
    accumulators.assign(loop.getResults().begin(), loop.getResults().end());
  }
  if (steps % stepsAtOnce() != 0) {
    WordRun run(*dot, steps);
    Value rhsAt = add(b, rhsBase, packedSize(trips * stepsAtOnce()));
    emitStep(b, accumulators, [&](int64_t row) { return emitPatchedWord(b, run, trips, add(b, lhsBase, row * lhsRowStride), {}); }, rhsAt, mask,
             activeRows);
  }
  return accumulators;
}

void RegisterTile::emitPatchedRun(ImplicitLocOpBuilder &b, Accumulators &accumulators, int64_t steps, Value lhsBase, int64_t lhsRowStride,
                                  Value rhsBase, llvm::function_ref<bool(int64_t, int64_t)> isInside) const {
  WordRun run(*dot, steps);
  for (int64_t word = 0; word < run.words(); ++word) {
    auto lhsOf = [&](int64_t row) {
      return emitPatchedWord(b, run, word, add(b, lhsBase, row * lhsRowStride), [&](int64_t step) { return isInside(row, step); });
    };
    emitStep(b, accumulators, lhsOf, add(b, rhsBase, packedSize(run.elements * word)), Value(), {});
  }
}

void RegisterTile::emitFinish(KernelFrame &frame, const Epilogue &epilogue, const Accumulators &accumulators, Value firstRow, Value firstColumn,
                              Value mask) const {
  SmallVector<Epilogue::Vector> vectors;
  for (int64_t i = 0; i < shape.rows; ++i)
    for (int64_t j = 0; j < shape.vectors; ++j)
      vectors.push_back({accumulators[i * shape.vectors + j], add(frame.b, firstRow, i), add(frame.b, firstColumn, j * lanes),
                         j == shape.vectors - 1 ? mask : Value(), /*followsLast=*/j > 0});
  epilogue.emit(frame, vectors);
}

} // namespace fettle::codegen
