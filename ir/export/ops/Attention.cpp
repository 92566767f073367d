//===- Attention.cpp - attention as products and a softmax ----------------===//
//
// ONNX's Attention is newer than the opsets written here. The composition is the one that exporters of frameworks
// write, which runtimes fuse again: softmax(scale q k^T + mask) v. A row of scores that is hidden as a whole gives
// zeros in nn and 0 / 0 in Softmax; where a mask may hide one, such rows are replaced.
//
//===----------------------------------------------------------------------===//

#include "ir/export/ExportTable.h"
#include <limits>

using namespace mlir;

namespace fettle {

/// [n, shared, t, d] as [n, heads, t, d], each head repeated for the query heads that read it.
static Term repeatHeads(NodeWriter &writer, Term input, int64_t heads) {
  ArrayRef<int64_t> shape = input.shape();
  int64_t shared = shape[1];
  if (shared == heads)
    return input;
  Term single = writer.reshape(input, {shape[0], shared, 1, shape[2], shape[3]});
  Term repeated = writer.expand(single, {shape[0], shared, heads / shared, shape[2], shape[3]});
  return writer.reshape(repeated, {shape[0], heads, shape[2], shape[3]});
}

/// -inf where query i does not see key j, 0 elsewhere: [s, t].
static Term causalMask(NodeWriter &writer, int64_t s, int64_t t, Type element) {
  HostTensor mask(RankedTensorType::get({s, t}, element));
  for (int64_t i = 0; i < s; ++i)
    for (int64_t j = std::max<int64_t>(i + t - s + 1, 0); j < t; ++j)
      mask.setDouble(i * t + j, -std::numeric_limits<double>::infinity());
  return writer.constant(mask);
}

/// Whether the mask could be -inf along a whole row. A constant is looked at; of a computed mask it is known only if no
/// constant behind it is -inf, and an input may be anything.
static bool mayHideRows(Value mask) {
  double infinity = std::numeric_limits<double>::infinity();
  if (std::optional<HostTensor> known = knownTensor(mask)) {
    int64_t row = known->shape().empty() ? 1 : known->shape().back();
    for (int64_t start = 0; start < known->numElements(); start += row) {
      bool isHidden = row > 0;
      for (int64_t i = start; isHidden && i < start + row; ++i)
        isHidden = known->doubleAt(i) == -infinity;
      if (isHidden)
        return true;
    }
    return false;
  }
  llvm::DenseSet<Value> seen;
  SmallVector<Value> stack = {mask};
  while (!stack.empty()) {
    Value value = stack.pop_back_val();
    if (!seen.insert(value).second)
      continue;
    Operation *producer = value.getDefiningOp();
    if (!producer) {
      if (isa<FloatType>(typeOf(value).getElementType()))
        return true;
      continue; // a condition: what it selects is seen on the way
    }
    if (std::optional<HostTensor> known = knownTensor(value)) {
      for (int64_t i = 0; isa<FloatType>(known->elementType()) && i < known->numElements(); ++i)
        if (known->doubleAt(i) == -infinity)
          return true;
      continue;
    }
    stack.append(producer->operand_begin(), producer->operand_end());
  }
  return false;
}

static void writeAttention(NodeWriter &writer, nn::AttentionOp op) {
  Term query = writer.term(op.getQuery()), mask = writer.term(op.getMask());
  int64_t n = query.shape()[0], heads = query.shape()[1], s = query.shape()[2], t = typeOf(op.getKey()).getDimSize(2);
  Term key = repeatHeads(writer, writer.term(op.getKey()), heads);
  Term value = repeatHeads(writer, writer.term(op.getValue()), heads);
  Type element = query.element();
  Term turned = writer.transpose(key, {0, 1, 3, 2});
  Term scores = writer.apply("MatMul", {query, turned}, {n, heads, s, t});
  scores = writer.scaled(scores, op.getScale().convertToDouble());
  if (double softcap = op.getSoftcap().convertToDouble(); softcap > 0)
    scores = writer.scaled(writer.unary("Tanh", writer.scaled(scores, 1 / softcap)), softcap);
  if (mask)
    scores = writer.add(scores, mask);
  if (op.getCausal() && s > 1)
    scores = writer.add(scores, causalMask(writer, s, t, element));
  Term weights = writer.unary("Softmax", scores, Attributes().with("axis", int64_t(-1)));
  bool mayHide = (op.getCausal() && t < s) || (mask && mayHideRows(op.getMask()));
  if (mayHide) {
    Term greatest = writer.reduce("ReduceMax", scores, {3}, /*keepDims=*/true);
    Term hidden = writer.equal(greatest, writer.scalarLike(-std::numeric_limits<double>::infinity(), greatest));
    weights = writer.where(hidden, writer.scalarLike(0, weights), weights);
  }
  writer.setResult(writer.apply("MatMul", {weights, value}, writer.resultType().getShape()));
}

ArrayRef<ExportEntry> attentionExports() {
  static const ExportEntry table[] = {exportEntry<nn::AttentionOp, writeAttention>()};
  return table;
}

} // namespace fettle
