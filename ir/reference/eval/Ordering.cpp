//===- Ordering.cpp - ops that compare elements with each other -----------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Rows.h"
#include <algorithm>
#include <cmath>
#include <numeric>

using namespace mlir;

namespace fettle::reference {

/// Calls use(greater, less) with strict orders on offsets into `input`. NaN
/// stands above all numbers in the first and above all in the second as well, so
/// that it comes first among the largest and last among the smallest.
template <typename Use> static void withOrders(const HostTensor &input, Use use) {
  if (isFloat(input)) {
    DoubleReader read(input);
    auto above = [read](int64_t a, int64_t b) {
      return read[a] > read[b] || (std::isnan(read[a]) && !std::isnan(read[b]));
    };
    use(above, [above](int64_t a, int64_t b) { return above(b, a); });
  } else if (isUnsigned64(input)) {
    IntegerReader read(input);
    use([read](int64_t a, int64_t b) { return uint64_t(read[a]) > uint64_t(read[b]); },
        [read](int64_t a, int64_t b) { return uint64_t(read[a]) < uint64_t(read[b]); });
  } else {
    IntegerReader read(input);
    use([read](int64_t a, int64_t b) { return read[a] > read[b]; },
        [read](int64_t a, int64_t b) { return read[a] < read[b]; });
  }
}

/// Comparisons with NaN are false: one that comes first stays, others never win.
template <typename Number, typename Reader> static void findExtrema(nn::ArgOp op, Reader read, HostTensor &result) {
  Rows rows(op.getInput().getType().getShape(), op.getAxis());
  IntegerWriter write(result);
  bool isMax = op.getKind() == nn::ArgKind::argmax, selectLast = op.getSelectLast();
  for (int64_t row = 0, end = result.numElements(); row < end; ++row) {
    int64_t start = rows.start(row), best = 0;
    for (int64_t i = 1; i < rows.length; ++i) {
      Number x = Number(read[start + i * rows.stride]), old = Number(read[start + best * rows.stride]);
      if ((isMax ? x > old : x < old) || (selectLast && x == old))
        best = i;
    }
    write.set(row, best);
  }
}

Results evaluateOp(nn::ArgOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  if (isFloat(operands[0]))
    findExtrema<double>(op, DoubleReader(operands[0]), result);
  else if (isUnsigned64(operands[0]))
    findExtrema<uint64_t>(op, IntegerReader(operands[0]), result);
  else
    findExtrema<int64_t>(op, IntegerReader(operands[0]), result);
  return {result};
}

Results evaluateOp(nn::TopKOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor values(op.getValues().getType()), indices(op.getIndices().getType());
  if (values.numElements() == 0)
    return {values, indices};
  Rows from(input.shape(), op.getAxis()), to(values.shape(), op.getAxis());
  int64_t size = elementBytes(input.elementType());
  IntegerWriter writeIndex(indices);
  std::vector<int64_t> order(from.length);
  for (int64_t row = 0; row < from.count; ++row) {
    int64_t start = from.start(row);
    std::iota(order.begin(), order.end(), 0);
    withOrders(input, [&](auto greater, auto less) {
      auto sortBy = [&](auto better) {
        std::sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
          int64_t x = start + a * from.stride, y = start + b * from.stride;
          return better(x, y) || (!better(y, x) && a < b);
        });
      };
      if (op.getSmallest())
        sortBy(less);
      else
        sortBy(greater);
    });
    for (int64_t i = 0; i < to.length; ++i) {
      int64_t at = to.start(row) + i * to.stride;
      writeIndex.set(at, order[i]);
      std::copy_n(input.bytes().data() + (start + order[i] * from.stride) * size, size,
                  values.mutableBytes().data() + at * size);
    }
  }
  return {values, indices};
}

/// A box by its corners.
struct Box {
  double top, left, bottom, right;
  double area() const { return (bottom - top) * (right - left); }
};

static Box readBox(const DoubleReader &boxes, int64_t at, bool isCenterPoint) {
  double a = boxes[at], b = boxes[at + 1], c = boxes[at + 2], d = boxes[at + 3];
  if (isCenterPoint) // x, y, width, height
    return {b - d / 2, a - c / 2, b + d / 2, a + c / 2};
  return {std::min(a, c), std::min(b, d), std::max(a, c), std::max(b, d)};
}

/// Intersection over union; 0 where the boxes do not overlap or have no area.
static double overlap(const Box &a, const Box &b) {
  double height = std::min(a.bottom, b.bottom) - std::max(a.top, b.top);
  double width = std::min(a.right, b.right) - std::max(a.left, b.left);
  if (height <= 0 || width <= 0 || a.area() <= 0 || b.area() <= 0)
    return 0;
  double shared = height * width;
  return shared / (a.area() + b.area() - shared);
}

Results evaluateOp(nn::NonMaxSuppressionOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  IntegerWriter write(result);
  int64_t rows = result.shape()[0], row = 0;
  for (int64_t i = 0; i < rows * 3; ++i)
    write.set(i, -1);
  DoubleReader boxes(operands[0]), scores(operands[1]);
  int64_t batches = operands[1].shape()[0], classes = operands[1].shape()[1], count = operands[1].shape()[2];
  double threshold = op.getScoreThreshold().convertToDouble(), limit = op.getIouThreshold().convertToDouble();
  for (int64_t batch = 0; batch < batches; ++batch) {
    for (int64_t label = 0; label < classes; ++label) {
      int64_t start = (batch * classes + label) * count;
      std::vector<int64_t> candidates;
      for (int64_t i = 0; i < count; ++i)
        if (scores[start + i] > threshold)
          candidates.push_back(i);
      std::sort(candidates.begin(), candidates.end(), [&](int64_t a, int64_t b) {
        double x = scores[start + a], y = scores[start + b];
        return x > y || (x == y && a < b);
      });
      std::vector<Box> chosen;
      for (int64_t i : candidates) {
        if (int64_t(chosen.size()) >= int64_t(op.getMaxPerClass()) || row == rows)
          break;
        Box box = readBox(boxes, (batch * count + i) * 4, op.getCenterPoint());
        if (llvm::any_of(chosen, [&](const Box &other) { return overlap(box, other) > limit; }))
          continue;
        chosen.push_back(box);
        write.set(row * 3, batch);
        write.set(row * 3 + 1, label);
        write.set(row * 3 + 2, i);
        ++row;
      }
    }
  }
  return {result};
}

} // namespace fettle::reference
