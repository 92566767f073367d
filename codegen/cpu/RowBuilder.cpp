//===- RowBuilder.cpp - softmax, layer norm, reductions -------------------===//
//
// All three are a few passes over a row: softmax takes the maximum, then the sum
// of exp(x - maximum), then divides; layer norm takes the mean, then the mean
// square of what is left, then scales. RowSpace gives the loops and decides
// whether vectors lie along the row or across rows. A pass carries several
// accumulators per row, so that additions overlap; float sums are therefore
// reassociated (NumericClass loose). What a later pass needs again is kept in a
// scratch row that fits the first-level cache, or computed again where it does not.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/VectorMath.h"
#include "codegen/cpu/KernelBuilders.h"
#include "codegen/cpu/RegisterTile.h"
#include "codegen/cpu/RowSpace.h"
#include "codegen/cpu/TransposeLanes.h"

using namespace mlir;

namespace fettle::codegen {

/// Scratch of one unit, in bytes; longer rows are computed again.
static constexpr int64_t maxScratchBytes = 64 * 1024;
static constexpr double log2OfE = 1.4426950408889634;
/// Elements of one tile.
static constexpr int64_t tileElements = 32 * 1024;

namespace {

class RowEmitter {
public:
  RowEmitter(nn::KernelOp kernel, const CpuTarget &target) : kernel(kernel), target(target) {}

  LogicalResult analyze();
  LoweredKernel emit(OpBuilder &moduleBuilder);

private:
  using Spot = RowSpace::Spot;

  LogicalResult analyzeOutputs(ArrayRef<int64_t> shape, ArrayRef<int64_t> reducedAxes);
  void emitReduce(nn::ReduceOp op);
  void emitSoftmax(nn::SoftmaxOp op);
  void emitLayerNorm(nn::LayerNormOp op);

  // Emission of expressions in the space.
  Value read(const FusedExpression &expression, const ElementPosition &position) {
    return expression.emit(b(), position, [&](BlockArgument argument) { return frame->flat(argument); });
  }
  void storeOutputs(const ElementPosition &position, Value rootResult);
  void store(const Spot &spot, Value value) {
    vector::StoreOp::create(b(), value, scratch, ValueRange{spot.bufferIndex});
  }
  Value load(const Spot &spot) {
    return vector::LoadOp::create(b(), vectorType(), scratch, ValueRange{spot.bufferIndex});
  }

  // Statistics: one value per part; a single one, in all lanes, if lanes are reduced.
  CarriedValues combine(CarriedValues parts, vector::CombiningKind kind);
  Value statistic(const CarriedValues &values, const Spot &spot) {
    return values.size() == 1 ? values[0] : values[spot.part];
  }

  ImplicitLocOpBuilder &b() { return frame->b; }
  VectorType vectorType() { return VectorType::get(space->lanes(), compute); }
  Value splat(double value) {
    return arith::ConstantOp::create(b(),
                                     DenseElementsAttr::get(vectorType(), Attribute(b().getFloatAttr(compute, value))));
  }
  Value add(Value x, Value y) { return arith::AddFOp::create(b(), x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b(), x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b(), x, y); }
  Value mulAdd(Value x, Value y, Value z) { return emitMultiplyAdd(b(), target.hasFma, x, y, z); }
  /// max(x, y) in one instruction; a NaN in x is lost, which the sum that follows finds again.
  Value fastMax(Value x, Value y) {
    return arith::SelectOp::create(b(), arith::CmpFOp::create(b(), arith::CmpFPredicate::OGT, x, y), x, y);
  }

  nn::KernelOp kernel;
  const CpuTarget &target;
  Operation *root = nullptr;
  Type compute;
  FusedExpression source;
  std::optional<FusedExpression> scale, bias;
  SmallVector<std::pair<unsigned, FusedExpression>> outputs; ///< kernel result, its value
  std::optional<RowSpace> space;
  std::optional<FlatFrame> frame;
  Value scratch;
  bool scratchFits = false;
};

} // namespace

/// The view of a reduction's result over positions of its input.
static StridedView overInput(const StridedView &view, ArrayRef<int64_t> shape, ArrayRef<int64_t> axes, bool keepDims) {
  StridedView result;
  result.offset = view.offset;
  int64_t from = 0;
  for (int64_t axis = 0; axis < int64_t(shape.size()); ++axis) {
    bool isReduced = llvm::is_contained(axes, axis);
    result.shape.push_back(shape[axis]);
    result.strides.push_back(isReduced ? 0 : view.strides[from]);
    from += !isReduced || keepDims;
  }
  return result;
}

LogicalResult RowEmitter::analyzeOutputs(ArrayRef<int64_t> shape, ArrayRef<int64_t> reducedAxes) {
  auto reduce = dyn_cast<nn::ReduceOp>(root);
  auto yield = cast<nn::YieldOp>(kernel.getBody().front().getTerminator());
  for (auto [i, value] : llvm::enumerate(yield.getValues())) {
    FailureOr<FusedExpression> expression = FusedExpression::getAtRoot(value, root->getResult(0));
    if (failed(expression)) {
      // A producer that the kernel gives out as well is stored in the last pass.
      expression = FusedExpression::get(value);
      if (failed(expression) || reduce || expression->shape() != shape)
        return failure();
    }
    if (reduce && failed(expression->rewrite([&](const StridedView &view) {
          return std::optional(overInput(view, shape, reducedAxes, reduce.getKeepDims()));
        })))
      return failure();
    outputs.push_back({i, std::move(*expression)});
  }
  return success();
}

LogicalResult RowEmitter::analyze() {
  root = findRoot(kernel.getBody().front());
  if (!isa_and_nonnull<nn::ReduceOp, nn::SoftmaxOp, nn::LayerNormOp>(root))
    return failure();
  Value input = root->getOperand(0);
  auto type = cast<RankedTensorType>(input.getType());
  compute = computeType(type.getElementType());
  if (!isa<Float32Type, Float64Type>(compute) || type.getNumElements() == 0)
    return failure();
  SmallVector<int64_t> shape(type.getShape()), axes;
  if (auto op = dyn_cast<nn::ReduceOp>(root)) {
    axes.assign(op.getAxes().begin(), op.getAxes().end());
  } else if (auto op = dyn_cast<nn::SoftmaxOp>(root)) {
    axes.push_back(op.getAxis());
  } else {
    auto norm = cast<nn::LayerNormOp>(root);
    for (int64_t axis = norm.getAxis(); axis < type.getRank(); ++axis)
      axes.push_back(axis);
    for (auto [operand, expression] : {std::pair(norm.getScale(), &scale), std::pair(norm.getBias(), &bias)}) {
      if (!operand)
        continue;
      FailureOr<FusedExpression> over = FusedExpression::get(operand);
      if (failed(over) ||
          failed(over->rewrite([&](const StridedView &view) { return std::optional(view.broadcastTo(shape)); })))
        return failure();
      *expression = std::move(*over);
    }
  }
  // Rows this short leave most lanes empty: the loop builder computes them side by side
  // (measured, softmax over pairs: 20 times faster).
  int64_t rowElements = 1;
  for (int64_t axis : axes)
    rowElements *= shape[axis];
  if (!axes.empty() && axes.back() + 1 == type.getRank() && rowElements <= (isa<nn::ReduceOp>(root) ? 8 : 3))
    return failure();
  FailureOr<FusedExpression> over = FusedExpression::get(input);
  if (failed(over) || failed(analyzeOutputs(shape, axes)))
    return failure();
  source = std::move(*over);
  SmallVector<FusedExpression *> all{&source};
  for (std::optional<FusedExpression> *optional : {&scale, &bias})
    if (*optional)
      all.push_back(&**optional);
  for (auto &output : outputs)
    all.push_back(&output.second);
  space.emplace(shape, axes, all, target.vectorBytes * 8 / compute.getIntOrFloatBitWidth());
  scratchFits = space->bufferElements() * compute.getIntOrFloatBitWidth() / 8 <= maxScratchBytes;
  return success();
}

LoweredKernel RowEmitter::emit(OpBuilder &moduleBuilder) {
  frame.emplace(kernel, moduleBuilder);
  int64_t units = space->units(), perTile = std::clamp<int64_t>(tileElements / space->elementsPerUnit(), 1, units);
  emitFor(b(), frame->begin(), frame->end(), 1, [&](Value tile) {
    Value first = mulIndex(b(), tile, perTile);
    Value last = minIndex(b(), addIndex(b(), first, perTile), indexConstant(b(), units));
    space->emitUnits(b(), first, last, [&] {
      llvm::TypeSwitch<Operation *>(root)
          .Case([&](nn::ReduceOp op) { emitReduce(op); })
          .Case([&](nn::SoftmaxOp op) { emitSoftmax(op); })
          .Case([&](nn::LayerNormOp op) { emitLayerNorm(op); });
    });
  });
  return {frame->function, int64_t(llvm::divideCeil(units, perTile)), {}};
}

void RowEmitter::storeOutputs(const ElementPosition &position, Value rootResult) {
  for (auto &[i, expression] : outputs) {
    Value value = expression.emit(
        b(), position, [&](BlockArgument argument) { return frame->flat(argument); }, rootResult);
    expression.emitStore(b(), position, value, frame->flatOutput(i));
  }
}

static Value combineTwo(ImplicitLocOpBuilder &b, vector::CombiningKind kind, Value x, Value y) {
  switch (kind) {
  case vector::CombiningKind::ADD:
    return arith::AddFOp::create(b, x, y);
  case vector::CombiningKind::MUL:
    return arith::MulFOp::create(b, x, y);
  case vector::CombiningKind::MAXIMUMF:
    return arith::MaximumFOp::create(b, x, y);
  case vector::CombiningKind::MAXNUMF: // where fastMax is good enough
    return arith::SelectOp::create(b, arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y), x, y);
  default:
    return arith::MinimumFOp::create(b, x, y);
  }
}

CarriedValues RowEmitter::combine(CarriedValues parts, vector::CombiningKind kind) {
  if (!space->lanesAreReduced())
    return parts;
  while (parts.size() > 1) {
    CarriedValues halves;
    for (size_t i = 0; i + 1 < parts.size(); i += 2)
      halves.push_back(combineTwo(b(), kind, parts[i], parts[i + 1]));
    if (parts.size() % 2)
      halves.push_back(parts.back());
    parts = halves;
  }
  Value scalar = kind == vector::CombiningKind::MAXNUMF
                     ? emitLargestLane(b(), parts[0])
                     : Value(vector::ReductionOp::create(b(), kind, parts[0], arith::FastMathFlags::reassoc));
  return {vector::BroadcastOp::create(b(), vectorType(), scalar)};
}

void RowEmitter::emitReduce(nn::ReduceOp op) {
  using Kind = nn::ReduceKind;
  Kind kind = op.getKind();
  double infinity = std::numeric_limits<double>::infinity();
  auto combining = kind == Kind::prod  ? vector::CombiningKind::MUL
                   : kind == Kind::max ? vector::CombiningKind::MAXIMUMF
                   : kind == Kind::min ? vector::CombiningKind::MINIMUMF
                                       : vector::CombiningKind::ADD;
  double initial = kind == Kind::prod ? 1 : kind == Kind::max ? -infinity : kind == Kind::min ? infinity : 0;
  CarriedValues shift; // log_sum_exp: the maximum, or 0 where that is infinite
  if (kind == Kind::log_sum_exp) {
    shift =
        combine(space->fold(b(), splat(-infinity),
                            [&](const Spot &spot, Value best) { return fastMax(read(source, spot.position), best); }),
                vector::CombiningKind::MAXNUMF);
    for (Value &value : shift) {
      Value finite =
          arith::CmpFOp::create(b(), arith::CmpFPredicate::OLT, math::AbsFOp::create(b(), value), splat(infinity));
      value = arith::SelectOp::create(b(), finite, value, splat(0));
    }
  }
  CarriedValues total = space->fold(b(), splat(initial), [&](const Spot &spot, Value sum) -> Value {
    Value x = read(source, spot.position);
    switch (kind) {
    case Kind::l1:
      return add(sum, math::AbsFOp::create(b(), x));
    case Kind::l2:
    case Kind::sum_square:
      return mulAdd(x, x, sum);
    case Kind::log_sum_exp:
      return add(sum, emitExp(b(), sub(x, statistic(shift, spot))));
    default:
      return combineTwo(b(), combining, sum, x);
    }
  });
  total = combine(total, combining);
  for (auto [part, position] : llvm::enumerate(space->resultPositions(b()))) {
    Value value = total[part];
    switch (kind) {
    case Kind::mean:
      value = arith::DivFOp::create(b(), value, splat(space->reducedElements()));
      break;
    case Kind::l2:
      value = math::SqrtOp::create(b(), value);
      break;
    case Kind::log_sum:
      value = emitLog(b(), value);
      break;
    case Kind::log_sum_exp:
      value = add(emitLog(b(), value), shift[part]);
      break;
    default:
      break;
    }
    if (position.lanes == 0)
      value = vector::ExtractOp::create(b(), value, ArrayRef<int64_t>{0});
    storeOutputs(position, value);
  }
}

void RowEmitter::emitSoftmax(nn::SoftmaxOp op) {
  double infinity = std::numeric_limits<double>::infinity();
  CarriedValues best =
      combine(space->fold(b(), splat(-infinity),
                          [&](const Spot &spot, Value best) { return fastMax(read(source, spot.position), best); }),
              vector::CombiningKind::MAXNUMF);
  bool keep = scratchFits && !op.getLog();
  if (keep && !scratch)
    scratch = frame->scratch(compute, space->bufferElements());
  auto shiftedExp = [&](const Spot &spot) {
    Value x = sub(read(source, spot.position), statistic(best, spot));
    return compute.isF32() ? emitExp2(b(), mul(x, splat(log2OfE))) : emitExp(b(), x);
  };
  CarriedValues sum = combine(space->fold(b(), splat(0),
                                          [&](const Spot &spot, Value sum) {
                                            Value e = shiftedExp(spot);
                                            if (keep)
                                              store(spot, e);
                                            return add(sum, e);
                                          }),
                              vector::CombiningKind::ADD);
  for (auto [i, value] : llvm::enumerate(sum))
    value = op.getLog() ? add(best[i], emitLog(b(), value)) : Value(arith::DivFOp::create(b(), splat(1), value));
  space->forEach(b(), [&](const Spot &spot) {
    Value statisticHere = statistic(sum, spot);
    Value result = op.getLog() ? sub(read(source, spot.position), statisticHere)
                               : mul(keep ? load(spot) : shiftedExp(spot), statisticHere);
    storeOutputs(spot.position, result);
  });
}

void RowEmitter::emitLayerNorm(nn::LayerNormOp op) {
  bool keep = scratchFits && !(source.isPlainRead() && source.elementType() == compute);
  if (keep && !scratch)
    scratch = frame->scratch(compute, space->bufferElements());
  bool first = true; // the pass that fills the scratch row
  auto value = [&](const Spot &spot) {
    if (keep && !first)
      return load(spot);
    Value x = read(source, spot.position);
    if (keep)
      store(spot, x);
    return x;
  };
  Value count = splat(space->reducedElements());
  CarriedValues mean;
  if (!op.getRms()) {
    mean = combine(space->fold(b(), splat(0), [&](const Spot &spot, Value sum) { return add(sum, value(spot)); }),
                   vector::CombiningKind::ADD);
    for (Value &sum : mean)
      sum = arith::DivFOp::create(b(), sum, count);
    first = false;
  }
  auto centered = [&](const Spot &spot) {
    Value x = value(spot);
    return op.getRms() ? x : sub(x, statistic(mean, spot));
  };
  CarriedValues deviation = combine(space->fold(b(), splat(0),
                                                [&](const Spot &spot, Value sum) {
                                                  Value x = centered(spot);
                                                  return mulAdd(x, x, sum);
                                                }),
                                    vector::CombiningKind::ADD);
  first = false;
  for (Value &sum : deviation) {
    Value variance = add(arith::DivFOp::create(b(), sum, count), splat(op.getEpsilon().convertToDouble()));
    sum = arith::DivFOp::create(b(), splat(1), math::SqrtOp::create(b(), variance));
  }
  space->forEach(b(), [&](const Spot &spot) {
    Value result = mul(centered(spot), statistic(deviation, spot));
    if (scale && bias)
      result = mulAdd(result, read(*scale, spot.position), read(*bias, spot.position));
    else if (scale)
      result = mul(result, read(*scale, spot.position));
    else if (bias)
      result = add(result, read(*bias, spot.position));
    storeOutputs(spot.position, result);
  });
}

FailureOr<LoweredKernel> buildRows(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  RowEmitter emitter(kernel, target);
  if (failed(emitter.analyze()))
    return failure();
  return emitter.emit(b);
}

} // namespace fettle::codegen
