//===- SplitProducts.cpp - products of which some columns have fewer readers -===//
//
// One product gives queries, keys and values of all tokens, since it reads its input once that way (merge-products). Where the
// queries of one token only are read, that is the wrong bargain:
//   x [Wq Wk Wv]  =  x[0:1] Wq,  x [Wk Wv]
// What is read of a value is a hull, and that of the product is all of it. So the product is split first, and the ranges are found
// again.
//
//===----------------------------------------------------------------------===//

#include "passes/tokens/SplitProducts.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

namespace {
/// Neighbouring columns that are read in the same rows.
struct Columns {
  Box rows; ///< of all axes but the last
  Range range;
  SmallVector<SliceOp> readers;
};
} // namespace

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static bool isOwnConstant(Value value) { return value.getDefiningOp<ConstantOp>() && value.hasOneUse(); }

/// The columns of a product by their rows, left to right; empty if anything but slices of disjoint or equal columns reads it.
static SmallVector<Columns> columnsOf(MatMulOp op, const ReadRanges &ranges) {
  SmallVector<Columns> parts;
  for (OpOperand &use : op.getOutput().getUses()) {
    auto slice = dyn_cast<SliceOp>(use.getOwner());
    if (!slice || !isWindow(slice))
      return {};
    Box rows = ranges.readBy(use);
    Range range = rows.pop_back_val();
    parts.push_back({rows, range, {slice}});
  }
  llvm::stable_sort(parts, [](const Columns &a, const Columns &b) { return a.range.begin < b.range.begin; });
  SmallVector<Columns> merged;
  for (Columns &part : parts) {
    Columns *last = merged.empty() ? nullptr : &merged.back();
    if (last && last->rows == part.rows && part.range.begin <= last->range.end) {
      last->range.end = std::max(last->range.end, part.range.end);
      last->readers.push_back(part.readers.front());
    } else if (last && part.range.begin < last->range.end) {
      return {};
    } else {
      merged.push_back(std::move(part));
    }
  }
  return merged;
}

static bool isSplittable(MatMulOp op) {
  Value bias = op.getBias();
  return isOwnConstant(op.getRhs()) && typeOf(op.getRhs()).getRank() == 2 && (!bias || (bias.getDefiningOp<ConstantOp>() && typeOf(bias).getRank() == 1));
}

/// Positions of one axis, all of the others.
static Value cutAxis(OpBuilder &builder, Value value, int64_t axis, Range range) {
  SmallVector<int64_t> starts(typeOf(value).getRank(), 0), sizes(typeOf(value).getShape()), steps(starts.size(), 1);
  starts[axis] = range.begin;
  sizes[axis] = range.size();
  return SliceOp::create(builder, value.getLoc(), value, starts, sizes, steps).getOutput();
}

static void split(MatMulOp op, ArrayRef<Columns> parts) {
  OpBuilder builder(op);
  int64_t last = typeOf(op.getOutput()).getRank() - 1, weightAxis = op.getTransposeRhs() ? 0 : 1;
  for (const Columns &part : parts) {
    Value bias = op.getBias();
    if (bias && typeOf(bias).getDimSize(0) == typeOf(op.getOutput()).getDimSize(last))
      bias = cutAxis(builder, bias, 0, part.range);
    Value weight = cutAxis(builder, op.getRhs(), weightAxis, part.range);
    auto product = MatMulOp::create(builder, op.getLoc(), op.getLhs(), weight, bias, op.getTransposeLhs(), op.getTransposeRhs());
    product.setZeroPoint(op.getZeroPoint());
    for (SliceOp reader : part.readers) {
      SmallVector<int64_t> starts(reader.getStarts());
      starts[last] -= part.range.begin;
      reader.setStarts(starts);
      reader.getInputMutable().assign(product.getOutput());
    }
  }
  op.erase();
}

bool splitProducts(func::FuncOp function, const ReadRanges &ranges) {
  SmallVector<std::pair<MatMulOp, SmallVector<Columns>>> products;
  for (MatMulOp op : function.getOps<MatMulOp>()) {
    SmallVector<Columns> parts = isSplittable(op) ? columnsOf(op, ranges) : SmallVector<Columns>();
    if (parts.size() < 2)
      continue;
    double now = double(numElements(ranges.computed(op.getOutput()))), then = 0;
    for (const Columns &part : parts)
      then += double(numElements(part.rows)) * double(part.range.size());
    if (then <= now * 7 / 8)
      products.push_back({op, std::move(parts)});
  }
  // Not before all are found: `ranges` hold for the ops as they were.
  for (auto &[op, parts] : products)
    split(op, parts);
  return !products.empty();
}

} // namespace fettle
