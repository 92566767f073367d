//===- SelectionEmitter.cpp - top_k and non_max_suppression ---------------===//

#include "codegen/common/Pointwise.h"
#include "codegen/cpu/SelectionHeap.h"
#include "codegen/cpu/SequentialEmitters.h"

using namespace mlir;

namespace fettle::codegen {

// The k best of a row stand in the result's own row as a heap with the worst of
// them at its root, which each better element replaces: n log k steps. Taking
// the worst off to the end, one after the other, then leaves them in order.
int64_t emitTopK(FlatFrame &frame, nn::TopKOp op, const SequentialBuffers &buffers) {
  ImplicitLocOpBuilder &b = frame.b;
  Type element = op.getValues().getType().getElementType();
  AxisRows from(op.getInput().getType().getShape(), op.getAxis()),
      to(op.getValues().getType().getShape(), op.getAxis());
  int64_t k = to.length;
  return emitRowTiles(frame, from, [&](Value row) {
    Value start = from.start(b, row);
    SelectionHeap heap{b,         element,          buffers.outputs[0], buffers.outputs[1], to.start(b, row),
                       to.stride, op.getSmallest(), /*lastAtRoot=*/true};
    auto entryOf = [&](Value i) -> SelectionHeap::Entry {
      Value value = emitLoad(b, element, buffers.inputs[0], addIndex(b, start, mulIndex(b, i, from.stride)));
      return {value, arith::IndexCastOp::create(b, b.getI64Type(), i)};
    };
    Value size = indexConstant(b, k), root = indexConstant(b, 0);
    emitFor(b, 0, k, 1, [&](Value i) { heap.store(i, entryOf(i)); });
    heap.heapify(size);
    emitFor(b, k, from.length, 1, [&](Value i) {
      SelectionHeap::Entry entry = entryOf(i);
      emitIf(b, heap.ranksBefore(entry, heap.load(root)), [&] {
        heap.store(root, entry);
        heap.siftDown(root, size);
      });
    });
    emitFor(b, 0, k - 1, 1, [&](Value i) {
      Value last = arith::SubIOp::create(b, indexConstant(b, k - 1), i);
      heap.swap(root, last);
      heap.siftDown(root, last);
    });
  });
}

namespace {
/// A box by its corners, in double as the reference has it: which boxes are kept must not depend on rounding.
struct Box {
  Value top, left, bottom, right;
};
} // namespace

static Box emitBox(ImplicitLocOpBuilder &b, Type element, Value boxes, Value at, bool isCenterPoint) {
  Value c[4];
  for (int64_t i = 0; i < 4; ++i) {
    c[i] = emitLoad(b, element, boxes, addIndex(b, at, i));
    if (!c[i].getType().isF64())
      c[i] = arith::ExtFOp::create(b, b.getF64Type(), c[i]);
  }
  if (!isCenterPoint)
    return {arith::MinimumFOp::create(b, c[0], c[2]), arith::MinimumFOp::create(b, c[1], c[3]),
            arith::MaximumFOp::create(b, c[0], c[2]), arith::MaximumFOp::create(b, c[1], c[3])};
  Value half = arith::ConstantOp::create(b, b.getF64FloatAttr(0.5)); // x, y, width, height
  Value w = arith::MulFOp::create(b, c[2], half), h = arith::MulFOp::create(b, c[3], half);
  return {arith::SubFOp::create(b, c[1], h), arith::SubFOp::create(b, c[0], w), arith::AddFOp::create(b, c[1], h),
          arith::AddFOp::create(b, c[0], w)};
}

/// i1: intersection over union exceeds `limit`. Boxes that do not overlap or have no area have 0.
static Value emitOverlaps(ImplicitLocOpBuilder &b, const Box &x, const Box &y, double limit) {
  auto sub = [&](Value p, Value q) -> Value { return arith::SubFOp::create(b, p, q); };
  auto mul = [&](Value p, Value q) -> Value { return arith::MulFOp::create(b, p, q); };
  Value zero = arith::ConstantOp::create(b, b.getF64FloatAttr(0)),
        most = arith::ConstantOp::create(b, b.getF64FloatAttr(limit));
  auto area = [&](const Box &box) { return mul(sub(box.bottom, box.top), sub(box.right, box.left)); };
  Value height = sub(arith::MinimumFOp::create(b, x.bottom, y.bottom), arith::MaximumFOp::create(b, x.top, y.top));
  Value width = sub(arith::MinimumFOp::create(b, x.right, y.right), arith::MaximumFOp::create(b, x.left, y.left));
  Value areaX = area(x), areaY = area(y), shared = mul(height, width);
  Value isPositive = arith::ConstantOp::create(b, b.getBoolAttr(true));
  for (Value value : {height, width, areaX, areaY})
    isPositive = arith::AndIOp::create(b, isPositive, arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, value, zero));
  Value ratio = arith::DivFOp::create(b, shared, sub(arith::AddFOp::create(b, areaX, areaY), shared));
  ratio = arith::SelectOp::create(b, isPositive, ratio, zero);
  return arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, ratio, most);
}

// Per image and class: candidates above the threshold become a heap; the best is
// taken until enough are kept, and kept if it overlaps none kept before, which
// are found in the result's own rows.
int64_t emitNonMaxSuppression(FlatFrame &frame, nn::NonMaxSuppressionOp op, const SequentialBuffers &buffers) {
  ImplicitLocOpBuilder &b = frame.b;
  ArrayRef<int64_t> scoresShape = op.getScores().getType().getShape();
  int64_t batches = scoresShape[0], classes = scoresShape[1], count = scoresShape[2],
          rows = op.getOutput().getType().getDimSize(0);
  Type element = op.getScores().getType().getElementType(), boxElement = op.getBoxes().getType().getElementType(),
       i64 = b.getI64Type(), index = b.getIndexType();
  Value output = buffers.outputs[0], zero = indexConstant(b, 0), one = indexConstant(b, 1);
  Value values = frame.scratch(storageType(element), std::max<int64_t>(1, count)),
        indices = frame.scratch(i64, std::max<int64_t>(1, count));
  Value threshold = arith::ConstantOp::create(b, b.getF64FloatAttr(op.getScoreThreshold().convertToDouble()));
  auto store = [&](Value value, Value row, int64_t column) {
    memref::StoreOp::create(b, arith::IndexCastOp::create(b, i64, value).getResult(), output,
                            ValueRange{addIndex(b, mulIndex(b, row, 3), column)});
  };
  auto boxAt = [&](Value image, Value box) {
    return emitBox(b, boxElement, buffers.inputs[0], mulIndex(b, addIndex(b, mulIndex(b, image, count), box), 4),
                   op.getCenterPoint());
  };
  auto less = [&](Value x, Value y) -> Value { return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, x, y); };
  // One class: fills result rows from `firstRow` on and returns the next free one.
  auto emitClass = [&](Value image, Value label, Value firstRow) -> Value {
    SelectionHeap heap{b, element, values, indices, zero, 1, /*smallest=*/false, /*lastAtRoot=*/false};
    Value start = mulIndex(b, addIndex(b, mulIndex(b, image, classes), label), count);
    Value size = emitFor(b, 0, count, 1, zero, [&](Value i, ValueRange carried) -> CarriedValues {
      Value score = emitLoad(b, element, buffers.inputs[1], addIndex(b, start, i));
      Value wide = score.getType().isF64() ? score : Value(arith::ExtFOp::create(b, b.getF64Type(), score));
      Value isCandidate = arith::CmpFOp::create(b, arith::CmpFPredicate::OGT, wide, threshold);
      emitIf(b, isCandidate, [&] { heap.store(carried[0], {score, arith::IndexCastOp::create(b, i64, i)}); });
      return {arith::AddIOp::create(b, carried[0], arith::IndexCastUIOp::create(b, index, isCandidate))};
    })[0];
    heap.heapify(size);
    Value most = indexConstant(b, std::min<int64_t>(rows, op.getMaxPerClass()));
    Value endRow = minIndex(b, arith::AddIOp::create(b, firstRow, most), indexConstant(b, rows));
    auto before = [&](OpBuilder &, Location, ValueRange arguments) { // candidates left, next row
      Value goesOn = arith::AndIOp::create(b, less(zero, arguments[0]), less(arguments[1], endRow));
      scf::ConditionOp::create(b, goesOn, arguments);
    };
    auto after = [&](OpBuilder &, Location, ValueRange arguments) {
      Value last = arith::SubIOp::create(b, arguments[0], one), row = arguments[1];
      Value candidate = arith::IndexCastOp::create(b, index, heap.load(zero).index);
      heap.swap(zero, last);
      heap.siftDown(zero, last);
      Box box = boxAt(image, candidate);
      Value isFalse = arith::ConstantOp::create(b, b.getBoolAttr(false));
      Value isCovered = emitFor(b, firstRow, row, 1, isFalse, [&](Value kept, ValueRange carried) -> CarriedValues {
        Value other = arith::IndexCastOp::create(
            b, index, memref::LoadOp::create(b, output, ValueRange{addIndex(b, mulIndex(b, kept, 3), 2)}));
        return {arith::OrIOp::create(
            b, carried[0], emitOverlaps(b, box, boxAt(image, other), op.getIouThreshold().convertToDouble()))};
      })[0];
      Value isKept = arith::XOrIOp::create(b, isCovered, arith::ConstantOp::create(b, b.getBoolAttr(true)));
      emitIf(b, isKept, [&] {
        store(image, row, 0);
        store(label, row, 1);
        store(candidate, row, 2);
      });
      scf::YieldOp::create(
          b, ValueRange{last, arith::AddIOp::create(b, row, arith::IndexCastUIOp::create(b, index, isKept))});
    };
    return scf::WhileOp::create(b, TypeRange{index, index}, ValueRange{size, firstRow}, before, after).getResult(1);
  };
  emitFor(b, frame.begin(), frame.end(), 1, [&](Value) {
    Value unused = arith::ConstantOp::create(b, b.getI64IntegerAttr(-1));
    emitFor(b, 0, rows * 3, 1, [&](Value i) { memref::StoreOp::create(b, unused, output, ValueRange{i}); });
    emitFor(b, 0, batches, 1, zero, [&](Value image, ValueRange nextRow) {
      return emitFor(b, 0, classes, 1, nextRow,
                     [&](Value label, ValueRange row) -> CarriedValues { return {emitClass(image, label, row[0])}; });
    });
  });
  return 1;
}

} // namespace fettle::codegen
