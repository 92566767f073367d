//===- ElementEmitter.cpp - one element of a value, as code ---------------===//

#include "codegen/common/ElementEmitter.h"
#include "codegen/common/ElementFamilies.h"
#include "codegen/common/Kernel.h"
#include "codegen/common/Pointwise.h"
#include "codegen/common/PointwiseFamilies.h"
#include "ir/support/HostTensor.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Dialect/Utils/StaticValueUtils.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace fettle::codegen {

/// Loop nests up to this many bodies are written out.
static constexpr int64_t unrollLimit = 32;

std::optional<std::string> ElementEmitter::whyNot(Operation *op) {
  if (isa<nn::LstmOp, nn::GruOp, nn::RnnOp, nn::CumSumOp, nn::TopKOp, nn::ScatterElementsOp, nn::ScatterNdOp,
          nn::NonMaxSuppressionOp, nn::MatchTokensOp, nn::DropTokensOp, nn::MergeTokensOp, nn::UnmergeTokensOp, nn::KernelOp>(op))
    return "'" + op->getName().getStringRef().str() + "' has no result that can be computed element by element";
  if (auto constant = dyn_cast<nn::ConstantOp>(op); constant && !cast<ElementsAttr>(constant.getValue()).isSplat() &&
                                                    cast<ElementsAttr>(constant.getValue()).getNumElements() > 1)
    return "a constant of several values must be an operand of the kernel";
  return std::nullopt;
}

SmallVector<IndexExpr> broadcastIndex(Value operand, ArrayRef<IndexExpr> index) {
  ArrayRef<int64_t> shape = shapeOf(operand);
  ArrayRef<IndexExpr> trailing = index.take_back(shape.size());
  SmallVector<IndexExpr> result;
  for (auto [extent, expr] : llvm::zip_equal(shape, trailing))
    result.push_back(extent == 1 ? IndexExpr(0) : expr);
  return result;
}

Type ElementEmitter::valueType(Type element) const {
  Type scalar = computeType(element);
  return lanes ? Type(VectorType::get({lanes}, scalar)) : scalar;
}

Lanes ElementEmitter::constant(Type element, double v) { return {b, emitConstant(b, valueType(element), v)}; }

Type ElementEmitter::accumulatorType(Type element) { return computeType(element); }

Lanes ElementEmitter::element(Value tensor, Index index) {
  return emit(tensor, space.linearize(index, shapeOf(tensor)), index);
}

Lanes ElementEmitter::at(Value tensor, const IndexExpr &position) { return emit(tensor, position, std::nullopt); }

Lanes ElementEmitter::scalarElement(Value tensor, Index index) {
  if (lanes == 0)
    return element(tensor, index);
  for (const IndexExpr &expr : index)
    space.needsScalars |= space.strideAlongVector(expr) != 0;
  int64_t saved = std::exchange(lanes, 0);
  Lanes result = element(tensor, index);
  lanes = saved;
  return result;
}

bool ElementEmitter::dominatesHere(Value value) const {
  Block *block = value.getParentBlock();
  for (Block *here = b.getInsertionBlock(); here; here = here->getParentOp()->getBlock()) {
    if (here == block)
      return true;
    if (isa<func::FuncOp>(here->getParentOp()))
      return false;
  }
  return false;
}

static Value emitSplatConstant(ElementEmitter &e, nn::ConstantOp constant) {
  HostTensor tensor = HostTensor::fromAttribute(cast<ElementsAttr>(constant.getValue()));
  Type element = tensor.elementType();
  if (isa<FloatType>(element))
    return emitConstant(e.b, e.valueType(element), tensor.doubleAt(0));
  return emitIntegerConstant(e.b, e.valueType(element), tensor.integerAt(0));
}

Lanes ElementEmitter::loadLeaf(Value tensor, const IndexExpr &position) {
  int64_t stride = space.strideAlongVector(position);
  Value start = space.materialize(position, /*ofFirstLane=*/true);
  if (lanes == 0)
    return {b, leaf(tensor, start, 0)};
  if (stride == 1)
    return {b, leaf(tensor, start, lanes)};
  space.needsScalars |= stride != 0;
  Value scalar = leaf(tensor, start, 0);
  return {b, vector::BroadcastOp::create(b, VectorType::get({lanes}, scalar.getType()), scalar)};
}

Lanes ElementEmitter::emit(Value tensor, const IndexExpr &position, std::optional<Index> index) {
  auto key = std::make_tuple(tensor.getAsOpaquePointer(), position, lanes);
  if (auto found = emitted.find(key); found != emitted.end() && dominatesHere(found->second))
    return {b, found->second};
  auto remember = [&](Lanes value) {
    emitted[key] = value;
    return value;
  };

  Operation *op = tensor.getDefiningOp();
  if (!op) {
    auto order = storageOrder.find(tensor);
    if (order == storageOrder.end())
      return remember(loadLeaf(tensor, position));
    SmallVector<IndexExpr> at = index ? SmallVector<IndexExpr>(*index) : space.delinearize(position, shapeOf(tensor));
    IndexExpr stored;
    for (int64_t axis : order->second)
      stored = stored * shapeOf(tensor)[axis] + at[axis];
    return remember(loadLeaf(tensor, stored));
  }
  if (auto constant = dyn_cast<nn::ConstantOp>(op))
    return remember({b, emitSplatConstant(*this, constant)});
  if (auto reshape = dyn_cast<nn::ReshapeOp>(op))
    return remember(at(reshape.getInput(), position));

  ArrayRef<int64_t> shape = shapeOf(tensor);
  SmallVector<IndexExpr> computed;
  auto indexHere = [&]() -> Index {
    if (index)
      return *index;
    if (computed.empty())
      computed = space.delinearize(position, shape);
    return computed;
  };
  if (isPointwise(op)) {
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      ArrayRef<int64_t> operandShape = shapeOf(operand);
      if (operandShape == shape)
        operands.push_back(emit(operand, position, index));
      else if (ShapedType::getNumElements(operandShape) == 1)
        operands.push_back(at(operand, 0));
      else
        operands.push_back(element(operand, broadcastIndex(operand, indexHere())));
    }
    return remember({b, emitPointwise(b, op, operands)});
  }
  for (auto family : {emitMovementElement, emitReductionElement, emitWindowElement, emitContractionElement,
                      emitNormalizationElement, emitGatherElement, emitResizeElement})
    if (MaybeLanes value = family(*this, op, indexHere()))
      return remember(*value);
  llvm_unreachable("whyNot refuses ops of no family");
}

Lanes ElementEmitter::guarded(ArrayRef<Value> conditions, llvm::function_ref<Lanes()> inside,
                              llvm::function_ref<Lanes()> outside) {
  Value all;
  for (Value condition : conditions) {
    if (std::optional<int64_t> known = getConstantIntValue(condition)) {
      if (*known == 0)
        return outside();
      continue;
    }
    all = all ? arith::AndIOp::create(b, all, condition) : condition;
  }
  if (!all)
    return inside();
  // The result's type is known only once a branch is emitted.
  auto branch = scf::IfOp::create(b, TypeRange{b.getIndexType()}, all, /*withElseRegion=*/true);
  auto fill = [&](Region &region, llvm::function_ref<Lanes()> value) {
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(&region.front());
    Lanes result = value();
    scf::YieldOp::create(b, ValueRange{Value(result)});
    return result.type();
  };
  Type type = fill(branch.getThenRegion(), inside);
  fill(branch.getElseRegion(), outside);
  branch->getResult(0).setType(type);
  return {b, branch->getResult(0)};
}

void ElementEmitter::requireInRange(const IndexExpr &expr, int64_t extent, SmallVectorImpl<Value> &conditions) {
  // -1 - expr < 0 says expr >= 0 in the form that isBelow knows how to cut.
  if (space.lowest(expr) < 0)
    conditions.push_back(space.isBelow(expr * -1 - 1, 0));
  if (space.highest(expr) >= extent)
    conditions.push_back(space.isBelow(expr, extent));
}

SmallVector<Value> ElementEmitter::loopFrom(ArrayRef<int64_t> extents, SmallVectorImpl<IndexExpr> &index, ValueRange values,
                                            LoopBody body) {
  unsigned depth = index.size();
  if (depth == extents.size())
    return body(index, values);
  int64_t extent = extents[depth];
  if (ShapedType::getNumElements(extents.drop_front(depth)) <= unrollLimit) {
    SmallVector<Value> carried(values);
    for (int64_t i = 0; i < extent; ++i) {
      index.push_back(i);
      carried = loopFrom(extents, index, carried, body);
      index.pop_back();
    }
    return carried;
  }
  auto nest = scf::ForOp::create(b, space.constant(0), space.constant(extent), space.constant(1), values);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(nest.getBody());
  index.push_back(space.symbol(nest.getInductionVar(), extent));
  SmallVector<Value> carried = loopFrom(extents, index, nest.getRegionIterArgs(), body);
  index.pop_back();
  scf::YieldOp::create(b, carried);
  return SmallVector<Value>(nest.getResults());
}

SmallVector<Value> ElementEmitter::loop(ArrayRef<int64_t> extents, ValueRange values, LoopBody body) {
  SmallVector<IndexExpr> index;
  return loopFrom(extents, index, values, body);
}

IndexExpr ElementEmitter::runtimeIndex(Value tensor, Index index, int64_t extent) {
  Lanes raw = scalarElement(tensor, index);
  Lanes i = resizeInteger(raw, 64, isUnsignedElement(elementOf(tensor)));
  Lanes count = i.integerConstant(extent), zero = i.integerConstant(0);
  i = select(i < zero, i + count, i);
  Value low = arith::MaxSIOp::create(b, Value(i), Value(zero));
  Value clamped = arith::MinSIOp::create(b, low, Value(i.integerConstant(extent - 1)));
  return space.symbol(arith::IndexCastOp::create(b, b.getIndexType(), clamped), extent);
}

Lanes ElementEmitter::indexValue(const IndexExpr &expr, Type element) {
  Value integer = arith::IndexCastOp::create(b, b.getI64Type(), space.materialize(expr));
  Type scalar = computeType(element);
  Value value = isa<FloatType>(scalar) ? Value(arith::SIToFPOp::create(b, scalar, integer))
                                       : Value(resizeInteger({b, integer}, scalar.getIntOrFloatBitWidth(), false));
  if (lanes)
    value = vector::BroadcastOp::create(b, VectorType::get({lanes}, scalar), value);
  return {b, value};
}

} // namespace fettle::codegen
