//===- Einsum.cpp - ONNX Einsum as matrix products ------------------------===//
//
// Operands are taken in from left to right. Of two operands, a label is
//   batch       in both, and needed later (in the result or another operand),
//   contracted  in both, and not needed later,
//   free        in one of them; summed at once if not needed later.
// With axes ordered [batch, free, contracted] x [batch, contracted, free] the
// step is one batched matrix product: "bij,bjk->bik" has batch b, free i and k,
// contracted j. Without contracted labels it is an elementwise product.
// A label twice in one operand means its diagonal, read as a strided slice:
// element (i, i) of an n x n matrix is element i (n + 1) of n^2.
//
//===----------------------------------------------------------------------===//

#include "ir/import/OperatorTable.h"
#include "ir/import/ops/Einsum.h"

using namespace mlir;

namespace fettle {

namespace {
struct Operand {
  Value value;
  std::string labels; ///< one per axis
};

class EinsumImporter {
public:
  explicit EinsumImporter(NodeImporter &node) : node(node) {}
  void run();

private:
  bool parse(std::string equation);
  std::string expandEllipsis(StringRef term, size_t rank);
  void takeDiagonals(Operand &operand);
  Operand sumOut(const Operand &operand, StringRef keep);
  /// Axes in the order of `labels`; those it does not have are inserted with extent 1.
  Value arrange(const Operand &operand, StringRef labels);
  Operand contract(const Operand &a, const Operand &b, StringRef needed);

  NodeImporter &node;
  std::vector<Operand> operands;
  std::string result;
  size_t ellipsisRank = 0;
};
} // namespace

/// The axes that "..." stands for get labels of their own, counted from the last.
std::string EinsumImporter::expandEllipsis(StringRef term, size_t rank) {
  size_t at = term.find("...");
  if (at == StringRef::npos)
    return term.str();
  size_t named = term.size() - 3;
  size_t count = rank == size_t(-1) ? ellipsisRank : rank >= named ? rank - named : 0;
  ellipsisRank = std::max(ellipsisRank, count);
  std::string labels;
  for (size_t i = count; i-- > 0;)
    labels += char(1 + i);
  return (term.take_front(at) + labels + term.drop_front(at + 3)).str();
}

bool EinsumImporter::parse(std::string equation) {
  llvm::erase(equation, ' ');
  auto [left, right] = StringRef(equation).split("->");
  SmallVector<StringRef> terms;
  left.split(terms, ',');
  if (terms.size() != node.numInputs())
    return false;
  std::string all;
  for (auto [i, term] : llvm::enumerate(terms)) {
    Value value = node.input(i);
    std::string labels = expandEllipsis(term, rankOf(value));
    if (int64_t(labels.size()) != rankOf(value) || ellipsisRank > 26)
      return false;
    operands.push_back({value, labels});
    all += labels;
  }
  if (StringRef(equation).contains("->")) {
    result = expandEllipsis(right, size_t(-1));
  } else {
    // Implicit form: the ellipsis, then labels that occur once, sorted.
    result = expandEllipsis("...", size_t(-1));
    std::string once;
    for (char label : all)
      if (std::isalpha(static_cast<unsigned char>(label)) && llvm::count(all, label) == 1)
        once += label;
    llvm::sort(once);
    result += once;
  }
  for (size_t i = 0; i < result.size(); ++i)
    if (all.find(result[i]) == std::string::npos || result.find(result[i], i + 1) != std::string::npos)
      return false;
  return llvm::all_of(all, [](char label) { return label <= 26 || std::isalpha(static_cast<unsigned char>(label)); });
}

void EinsumImporter::takeDiagonals(Operand &operand) {
  for (size_t i = 0; i < operand.labels.size(); ++i) {
    size_t j = operand.labels.find(operand.labels[i], i + 1);
    if (j == std::string::npos || node.failed())
      continue;
    int64_t extent = dimOf(operand.value, i);
    if (dimOf(operand.value, j) != extent)
      return node.fail("a label stands for the extents " + Twine(extent) + " and " + Twine(dimOf(operand.value, j)));
    std::vector<int64_t> perm, shape;
    std::string labels;
    for (size_t axis = 0; axis < operand.labels.size(); ++axis)
      if (axis != i && axis != j) {
        perm.push_back(axis);
        shape.push_back(dimOf(operand.value, axis));
        labels += operand.labels[axis];
      }
    perm.push_back(i);
    perm.push_back(j);
    shape.push_back(extent * extent);
    Value flat = node.reshape(node.transpose(operand.value, perm), shape);
    operand = {node.sliceAxis(flat, -1, 0, extent, extent + 1), labels + operand.labels[i]};
    i = size_t(-1); // axes have moved: look again from the first
  }
}

Operand EinsumImporter::sumOut(const Operand &operand, StringRef keep) {
  std::vector<int64_t> axes;
  std::string labels;
  for (auto [axis, label] : llvm::enumerate(operand.labels)) {
    if (keep.contains(label))
      labels += label;
    else
      axes.push_back(axis);
  }
  if (axes.empty())
    return operand;
  return {node.reduce(nn::ReduceKind::sum, operand.value, axes, /*keepDims=*/false), labels};
}

Value EinsumImporter::arrange(const Operand &operand, StringRef labels) {
  std::vector<int64_t> perm, missing;
  for (auto [at, label] : llvm::enumerate(labels)) {
    size_t axis = operand.labels.find(label);
    if (axis == std::string::npos)
      missing.push_back(at);
    else
      perm.push_back(axis);
  }
  return node.unsqueeze(node.transpose(operand.value, perm), missing);
}

Operand EinsumImporter::contract(const Operand &first, const Operand &second, StringRef needed) {
  Operand a = sumOut(first, (needed + second.labels).str()), b = sumOut(second, (needed + first.labels).str());
  std::string batch, freeA, freeB, contracted;
  for (char label : a.labels)
    (b.labels.find(label) == std::string::npos ? freeA : needed.contains(label) ? batch : contracted) += label;
  for (char label : b.labels)
    if (a.labels.find(label) == std::string::npos)
      freeB += label;
  std::string labels = batch + freeA + freeB;
  if (contracted.empty())
    return {node.mul(arrange(a, labels), arrange(b, labels)), labels};
  Value left = arrange(a, batch + freeA + contracted), right = arrange(b, batch + contracted + freeB);
  int64_t batchRank = batch.size(), rankA = freeA.size(), rankC = contracted.size(), rankB = freeB.size();
  std::vector<int64_t> shape, leftShape, rightShape;
  for (int64_t i = 0; i < batchRank; ++i) {
    leftShape.push_back(dimOf(left, i));
    rightShape.push_back(dimOf(right, i));
    shape.push_back(std::max(dimOf(left, i), dimOf(right, i)));
  }
  for (int64_t i = 0; i < rankC; ++i)
    if (dimOf(left, batchRank + rankA + i) != dimOf(right, batchRank + i))
      node.fail("a label stands for the extents " + Twine(dimOf(left, batchRank + rankA + i)) + " and " +
                Twine(dimOf(right, batchRank + i)));
  leftShape.push_back(extentOf(left, batchRank, batchRank + rankA));
  leftShape.push_back(extentOf(left, batchRank + rankA, batchRank + rankA + rankC));
  rightShape.push_back(extentOf(right, batchRank, batchRank + rankC));
  rightShape.push_back(extentOf(right, batchRank + rankC, batchRank + rankC + rankB));
  for (int64_t i = 0; i < rankA; ++i)
    shape.push_back(dimOf(left, batchRank + i));
  for (int64_t i = 0; i < rankB; ++i)
    shape.push_back(dimOf(right, batchRank + rankC + i));
  Value product = node.matmul(node.reshape(left, leftShape), node.reshape(right, rightShape));
  return {node.reshape(product, shape), labels};
}

void EinsumImporter::run() {
  std::string equation = node.text("equation", "");
  if (!parse(equation))
    return node.fail("the equation '" + equation + "' does not fit its operands");
  for (Operand &operand : operands)
    takeDiagonals(operand);
  Operand total = operands.front();
  for (size_t i = 1; i < operands.size() && !node.failed(); ++i) {
    std::string needed = result;
    for (size_t j = i + 1; j < operands.size(); ++j)
      needed += operands[j].labels;
    total = contract(total, operands[i], needed);
  }
  if (node.failed())
    return;
  node.setOutput(arrange(sumOut(total, result), result));
}

void importEinsum(NodeImporter &node) { EinsumImporter(node).run(); }

} // namespace fettle
