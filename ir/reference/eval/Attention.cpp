//===- Attention.cpp - softmax(scale q k^T + mask) v ----------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Strided.h"
#include <cmath>

using namespace mlir;

namespace fettle::reference {

Results evaluateOp(nn::AttentionOp op, Operands operands) {
  HostTensor result(op.getOutput().getType());
  ArrayRef<int64_t> queryShape = operands[0].shape(), keyShape = operands[1].shape();
  int64_t heads = queryShape[1], kvHeads = keyShape[1], s = queryShape[2], t = keyShape[2], d = queryShape[3];
  int64_t e = result.shape()[3], headsPerKey = heads / kvHeads;
  double scale = op.getScale().convertToDouble(), softcap = op.getSoftcap().convertToDouble();
  DoubleReader query(operands[0]), key(operands[1]), value(operands[2]);
  const HostTensor *mask = optionalOperand(op, operands, 3);
  std::optional<DoubleReader> bias;
  Shape maskStrides(4, 0);
  if (mask) {
    bias.emplace(*mask);
    maskStrides = broadcastStrides(mask->shape(), {queryShape[0], heads, s, t});
  }
  DoubleWriter write(result);
  std::vector<double> scores(t), sums(e);
  for (int64_t row = 0, rows = queryShape[0] * heads * s; row < rows; ++row) {
    int64_t i = row % s, head = row / s % heads, n = row / s / heads;
    int64_t keys = (n * kvHeads + head / headsPerKey) * t; // first key and value row of this head
    int64_t visible = op.getCausal() ? std::min(t, std::max<int64_t>(i + t - s + 1, 0)) : t;
    double greatest = -HUGE_VAL;
    for (int64_t j = 0; j < visible; ++j) {
      double score = 0;
      for (int64_t l = 0; l < d; ++l)
        score += query[row * d + l] * key[(keys + j) * d + l];
      score *= scale;
      if (softcap > 0)
        score = softcap * std::tanh(score / softcap);
      if (bias)
        score += (*bias)[n * maskStrides[0] + head * maskStrides[1] + i * maskStrides[2] + j * maskStrides[3]];
      scores[j] = score;
      greatest = std::isnan(score) || score > greatest ? score : greatest;
    }
    std::fill(sums.begin(), sums.end(), 0);
    double total = 0;
    // A row that sees nothing, by causality or by the mask, stays zero.
    for (int64_t j = 0; greatest != -HUGE_VAL && j < visible; ++j) {
      double weight = std::exp(scores[j] - greatest);
      total += weight;
      for (int64_t l = 0; l < e; ++l)
        sums[l] += weight * value[(keys + j) * e + l];
    }
    for (int64_t l = 0; l < e; ++l)
      write.set(row * e + l, greatest == -HUGE_VAL ? 0 : sums[l] / total);
  }
  return {result};
}

} // namespace fettle::reference
