//===- ElementReduction.cpp - elements of reductions ----------------------===//

#include "codegen/common/ElementFamilies.h"
#include "codegen/common/PointwiseFamilies.h"
#include "codegen/common/VectorMath.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using fettle::nn::ReduceKind;

namespace fettle::codegen {

Lanes extremeConstant(ElementEmitter &e, Type element, bool lowest) {
  if (isa<FloatType>(element))
    return e.constant(element, lowest ? -std::numeric_limits<double>::infinity() : std::numeric_limits<double>::infinity());
  unsigned width = element.getIntOrFloatBitWidth();
  int64_t top = int64_t(uint64_t(1) << (width - 1));
  bool isUnsigned = isUnsignedElement(element);
  int64_t v = isUnsigned ? (lowest ? 0 : -1) : (lowest ? -top : top - 1);
  return {e.b, emitIntegerConstant(e.b, e.valueType(element), v)};
}

static nn::BinaryKind combination(ReduceKind kind) {
  switch (kind) {
  case ReduceKind::max: return nn::BinaryKind::max;
  case ReduceKind::min: return nn::BinaryKind::min;
  case ReduceKind::prod: return nn::BinaryKind::mul;
  default: return nn::BinaryKind::add;
  }
}

/// What is summed: |x|, x^2, x, or (log_sum_exp) exp(x - largest).
static Lanes term(ReduceKind kind, Lanes x, Type element, std::optional<Lanes> largest) {
  switch (kind) {
  case ReduceKind::l1: return emitUnary(nn::UnaryKind::abs, x, element, 0, 0);
  case ReduceKind::l2:
  case ReduceKind::sum_square: return x * x;
  case ReduceKind::log_sum_exp: return {x.builder(), emitExp(x.builder(), x - *largest)};
  default: return x;
  }
}

static Lanes emitReduce(ElementEmitter &e, nn::ReduceOp op, ElementEmitter::Index index) {
  Value input = op.getInput();
  Type element = elementOf(input);
  ArrayRef<int64_t> shape = shapeOf(input), axes = op.getAxes();
  ReduceKind kind = op.getKind();
  SmallVector<int64_t> extents;
  for (int64_t axis : axes)
    extents.push_back(shape[axis]);
  // Functions of reals are computed as such even over integers.
  bool isReal = llvm::is_contained({ReduceKind::l2, ReduceKind::log_sum, ReduceKind::log_sum_exp}, kind);
  Type computed = isReal && !isa<FloatType>(element) ? Type(e.b.getF64Type()) : element;

  auto inputAt = [&](ElementEmitter::Index reduced) {
    SmallVector<IndexExpr> source;
    unsigned kept = 0, r = 0;
    for (int64_t axis = 0; axis < int64_t(shape.size()); ++axis) {
      bool isReduced = llvm::is_contained(axes, axis);
      source.push_back(isReduced ? reduced[r++] : index[kept]);
      kept += !isReduced || op.getKeepDims();
    }
    Lanes x = e.element(input, source);
    return computed == element ? x : emitCast(x, element, computed);
  };
  auto fold = [&](nn::BinaryKind combine, Lanes initial, llvm::function_ref<Lanes(Lanes)> map) -> Lanes {
    SmallVector<Value> result = e.loop(extents, ValueRange{Value(initial)}, [&](ElementEmitter::Index at, ValueRange carried) {
      Lanes next = emitBinary(combine, {e.b, carried[0]}, map(inputAt(at)), computed, computed);
      return SmallVector<Value>{Value(next)};
    });
    return {e.b, result[0]};
  };

  std::optional<Lanes> largest;
  if (kind == ReduceKind::log_sum_exp) {
    Lanes found = fold(nn::BinaryKind::max, extremeConstant(e, computed, true), [](Lanes x) { return x; });
    // All -inf (or nothing at all): subtracting 0 keeps exp(-inf) = 0.
    largest = select(abs(found) == std::numeric_limits<double>::infinity(), 0.0, found);
  }
  Lanes initial = kind == ReduceKind::max   ? extremeConstant(e, computed, true)
                  : kind == ReduceKind::min ? extremeConstant(e, computed, false)
                                           : e.constant(computed, kind == ReduceKind::prod ? 1.0 : 0.0);
  Lanes result = fold(combination(kind), initial, [&](Lanes x) { return term(kind, x, computed, largest); });
  int64_t count = ShapedType::getNumElements(extents);
  switch (kind) {
  case ReduceKind::mean:
    result = emitBinary(nn::BinaryKind::div, result, e.constant(computed, double(count)), computed, computed);
    break;
  case ReduceKind::l2: result = sqrt(result); break;
  case ReduceKind::log_sum: result = {e.b, emitLog(e.b, result)}; break;
  case ReduceKind::log_sum_exp: result = Lanes(e.b, emitLog(e.b, result)) + *largest; break;
  default: break;
  }
  return computed == element ? result : emitCast(result, computed, element);
}

static Lanes emitArg(ElementEmitter &e, nn::ArgOp op, ElementEmitter::Index index) {
  Value input = op.getInput();
  Type element = elementOf(input), indexType = e.b.getI64Type();
  int64_t axis = op.getAxis();
  bool isMax = op.getKind() == nn::ArgKind::argmax;
  SmallVector<IndexExpr> source(index);
  if (!op.getKeepDims())
    source.insert(source.begin() + axis, IndexExpr(0));
  source[axis] = 0;
  Lanes first = e.element(input, source);
  SmallVector<Value> found = e.loop(
      {shapeOf(input)[axis] - 1}, ValueRange{Value(first), Value(e.constant(indexType, 0))},
      [&](ElementEmitter::Index at, ValueRange carried) {
        source[axis] = at[0] + 1;
        Lanes x = e.element(input, source), best(e.b, carried[0]);
        nn::CompareKind better = isMax ? (op.getSelectLast() ? nn::CompareKind::ge : nn::CompareKind::gt)
                                       : (op.getSelectLast() ? nn::CompareKind::le : nn::CompareKind::lt);
        Lanes wins = emitCompare(better, x, best, element);
        Lanes where = select(wins, e.indexValue(source[axis], indexType), {e.b, carried[1]});
        return SmallVector<Value>{Value(select(wins, x, best)), Value(where)};
      });
  return {e.b, found[1]};
}

MaybeLanes emitReductionElement(ElementEmitter &e, Operation *op, ElementEmitter::Index index) {
  return TypeSwitch<Operation *, MaybeLanes>(op)
      .Case([&](nn::ReduceOp reduce) { return emitReduce(e, reduce, index); })
      .Case([&](nn::ArgOp arg) { return emitArg(e, arg, index); })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace fettle::codegen
