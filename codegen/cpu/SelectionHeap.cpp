//===- SelectionHeap.cpp - a binary heap in generated code ----------------===//

#include "codegen/cpu/SelectionHeap.h"
#include "codegen/common/Pointwise.h"
#include "codegen/common/PointwiseFamilies.h"

using namespace mlir;

namespace fettle::codegen {

SelectionHeap::Entry SelectionHeap::load(Value position) const {
  return {emitLoad(b, element, values, at(position)), memref::LoadOp::create(b, indices, at(position))};
}

void SelectionHeap::store(Value position, Entry entry) const {
  emitStore(b, element, entry.value, values, at(position));
  memref::StoreOp::create(b, entry.index, indices, at(position));
}

/// x > y, where NaN is greater than every number.
static Value isGreater(ImplicitLocOpBuilder &b, Type element, Value x, Value y) {
  if (!isa<FloatType>(element)) {
    auto predicate = isUnsignedElement(element) ? arith::CmpIPredicate::ugt : arith::CmpIPredicate::sgt;
    return arith::CmpIOp::create(b, predicate, x, y);
  }
  Value greater = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, x, y);
  Value onlyXIsNan = arith::AndIOp::create(b, arith::CmpFOp::create(b, arith::CmpFPredicate::UNO, x, x),
                                           arith::CmpFOp::create(b, arith::CmpFPredicate::ORD, y, y));
  return arith::OrIOp::create(b, greater, onlyXIsNan);
}

Value SelectionHeap::ranksBefore(Entry x, Entry y) const {
  Value before = isGreater(b, element, x.value, y.value), after = isGreater(b, element, y.value, x.value);
  if (smallest)
    std::swap(before, after);
  Value isLower = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x.index, y.index);
  Value isTie = arith::SelectOp::create(b, after, arith::ConstantOp::create(b, b.getBoolAttr(false)), isLower);
  return arith::OrIOp::create(b, before, isTie);
}

void SelectionHeap::siftDown(Value position, Value size) const {
  auto isAbove = [&](Entry x, Entry y) { return lastAtRoot ? ranksBefore(y, x) : ranksBefore(x, y); };
  Type index = b.getIndexType();
  auto ifExists = [&](Value exists, TypeRange types, llvm::function_ref<SmallVector<Value>()> then,
                      ValueRange otherwise) {
    auto branch = scf::IfOp::create(b, types, exists, /*withElseRegion=*/true);
    OpBuilder::InsertionGuard guard(b);
    b.setInsertionPointToStart(branch.thenBlock());
    scf::YieldOp::create(b, then());
    b.setInsertionPointToStart(branch.elseBlock());
    scf::YieldOp::create(b, otherwise);
    return branch.getResults();
  };
  auto before = [&](OpBuilder &, Location, ValueRange arguments) {
    Value parent = arguments[0], left = addIndex(b, mulIndex(b, parent, 2), 1);
    Value isFalse = arith::ConstantOp::create(b, b.getBoolAttr(false));
    Value hasLeft = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, left, size);
    ValueRange next =
        ifExists(hasLeft, {b.getI1Type(), index},
                 [&]() -> SmallVector<Value> {
                   Value right = addIndex(b, left, 1);
                   Value hasRight = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, right, size);
                   Value child =
                       ifExists(hasRight, {index},
                                [&]() -> SmallVector<Value> {
                                  return {arith::SelectOp::create(b, isAbove(load(right), load(left)), right, left)};
                                },
                                {left})[0];
                   return {isAbove(load(child), load(parent)), child};
                 },
                 {isFalse, parent});
    scf::ConditionOp::create(b, next[0], ValueRange{parent, next[1]});
  };
  auto after = [&](OpBuilder &, Location, ValueRange arguments) {
    swap(arguments[0], arguments[1]);
    scf::YieldOp::create(b, arguments[1]);
  };
  // The loop's variable is the entry's place; the condition hands on that and the child it changes places with.
  auto loop = scf::WhileOp::create(b, TypeRange{index, index}, ValueRange{position}, before, after);
  static_cast<void>(loop);
}

void SelectionHeap::heapify(Value size) const {
  Value parents = arith::DivUIOp::create(b, size, indexConstant(b, 2));
  emitFor(b, indexConstant(b, 0), parents, 1,
          [&](Value i) { siftDown(arith::SubIOp::create(b, addIndex(b, parents, -1), i), size); });
}

void SelectionHeap::swap(Value x, Value y) const {
  Entry first = load(x), second = load(y);
  store(x, second);
  store(y, first);
}

} // namespace fettle::codegen
