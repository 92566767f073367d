//===- Gathering.cpp - ONNX operators that read or write by index ---------===//

#include "ir/import/OperatorTable.h"
#include <map>

using namespace mlir;

namespace fettle {

static void importGather(NodeImporter &node) {
  Value input = node.input(0);
  node.setOutput(node.gather(input, node.input(1), node.normalizeAxis(node.integer("axis", 0), rankOf(input))));
}

static void importGatherElements(NodeImporter &node) {
  Value input = node.input(0);
  int64_t axis = node.normalizeAxis(node.integer("axis", 0), rankOf(input));
  node.setOutput(node.create<nn::GatherElementsOp>(input, node.input(1), axis));
}

static void importGatherNd(NodeImporter &node) {
  node.setOutput(node.create<nn::GatherNdOp>(node.input(0), node.input(1), node.integer("batch_dims", 0)));
}

static nn::ScatterKind scatterKind(NodeImporter &node) {
  std::string reduction = node.text("reduction", "none");
  if (reduction == "add")
    return nn::ScatterKind::accumulate;
  if (reduction == "mul")
    return nn::ScatterKind::multiply;
  if (reduction == "min")
    return nn::ScatterKind::minimum;
  if (reduction == "max")
    return nn::ScatterKind::maximum;
  if (reduction != "none")
    node.fail("knows no reduction '" + reduction + "'");
  return nn::ScatterKind::replace;
}

static void importScatterElements(NodeImporter &node) {
  Value input = node.input(0);
  int64_t axis = node.normalizeAxis(node.integer("axis", 0), rankOf(input));
  node.setOutput(
      node.create<nn::ScatterElementsOp>(scatterKind(node), input, node.input(1), node.input(2), axis));
}

static void importScatterNd(NodeImporter &node) {
  node.setOutput(node.create<nn::ScatterNdOp>(scatterKind(node), node.input(0), node.input(1), node.input(2)));
}

/// Writes `update` [b, ..., s, ...] into a cache [b, ..., t, ...] from position write_indices[b] on along an axis,
/// around its end in mode circular. One index per element of the update says where it goes.
static void importTensorScatter(NodeImporter &node) {
  Value cache = node.input(0), update = node.input(1);
  int64_t rank = rankOf(update), axis = node.normalizeAxis(node.integer("axis", -2), rank);
  std::string mode = node.text("mode", "linear");
  if (mode != "linear" && mode != "circular")
    return node.fail("knows no mode '" + mode + "'");
  if (node.failed() || axis == 0 || rankOf(cache) != rank)
    return node.fail("needs a cache and an update of one rank, with the batch first");
  std::vector<int64_t> perBatch(rank, 1);
  perBatch[0] = dimOf(update, 0);
  Value positions = node.countUp(dimOf(update, axis), axis, rank);
  if (Value starts = node.optionalInput(2))
    positions = node.add(positions, node.reshape(node.cast(starts, node.i64()), perBatch));
  if (mode == "circular")
    positions = node.binary(nn::BinaryKind::mod, positions, node.scalar(dimOf(cache, axis), node.i64()));
  Value indices = node.broadcast(positions, shapeOf(update));
  node.setOutput(node.create<nn::ScatterElementsOp>(nn::ScatterKind::replace, cache, indices, update, axis));
}

//===--- Results whose extent depends on data -----------------------------===//

/// Where a constant is not zero: coordinates [rank, count], row-major.
static void importNonZero(NodeImporter &node) {
  std::optional<HostTensor> input = node.constantInput(0);
  if (!input)
    return;
  ArrayRef<int64_t> shape = input->shape();
  std::vector<int64_t> hits;
  for (int64_t i = 0; i < input->numElements(); ++i)
    if (input->doubleAt(i) != 0)
      hits.push_back(i);
  int64_t rank = shape.size(), count = hits.size();
  std::vector<int64_t> coordinates(rank * count);
  for (int64_t i = 0; i < count; ++i) {
    int64_t rest = hits[i];
    for (int64_t axis = rank; axis-- > 0; rest /= shape[axis])
      coordinates[axis * count + i] = rest % shape[axis];
  }
  node.setOutput(node.integers(coordinates, {rank, count}));
}

/// Keeps the slices whose condition, a constant, is true.
static void importCompress(NodeImporter &node) {
  Value input = node.input(0);
  std::optional<HostTensor> condition = node.constantInput(1);
  if (!condition)
    return;
  int64_t axis = 0;
  if (node.hasAttribute("axis"))
    axis = node.normalizeAxis(node.integer("axis", 0), rankOf(input));
  else
    input = node.reshape(input, {elementsOf(input)});
  std::vector<int64_t> kept;
  for (int64_t i = 0; i < condition->numElements(); ++i)
    if (condition->integerAt(i) != 0)
      kept.push_back(i);
  if (!kept.empty() && kept.back() >= dimOf(input, axis))
    return node.fail("the condition is longer than the extent " + Twine(dimOf(input, axis)));
  node.setOutput(node.gather(input, node.integers(kept), axis));
}

/// The distinct slices of a constant along an axis (or its distinct elements),
/// in order of value or of first appearance, with the indices of first
/// appearance, the inverse and the counts.
static void importUnique(NodeImporter &node) {
  std::optional<HostTensor> given = node.constantInput(0);
  if (!given)
    return;
  HostTensor input = *given;
  int64_t axis = 0;
  if (node.hasAttribute("axis"))
    axis = node.normalizeAxis(node.integer("axis", 0), input.shape().size());
  else
    input = input.reshaped({input.numElements()});
  if (node.failed())
    return;
  ArrayRef<int64_t> shape = input.shape();
  int64_t extent = shape[axis], outer = 1, inner = 1;
  for (int64_t i = 0; i < int64_t(shape.size()); ++i)
    (i < axis ? outer : inner) *= i == axis ? 1 : shape[i];
  std::map<std::vector<double>, int64_t> seen; // slice to its first appearance
  std::vector<const std::vector<double> *> sliceAt(extent);
  std::vector<int64_t> counts(extent);
  for (int64_t at = 0; at < extent; ++at) {
    std::vector<double> slice;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t i = 0; i < inner; ++i)
        slice.push_back(input.doubleAt((o * extent + at) * inner + i));
    auto found = seen.try_emplace(std::move(slice), at).first;
    sliceAt[at] = &found->first;
    ++counts[found->second];
  }
  std::vector<int64_t> firsts, ranks(extent), inverse(extent), sortedCounts;
  for (const auto &entry : seen)
    firsts.push_back(entry.second);
  if (node.integer("sorted", 1) == 0)
    llvm::sort(firsts);
  for (auto [i, first] : llvm::enumerate(firsts)) {
    ranks[first] = i;
    sortedCounts.push_back(counts[first]);
  }
  for (int64_t at = 0; at < extent; ++at)
    inverse[at] = ranks[seen.at(*sliceAt[at])];
  node.setOutput(0, node.gather(node.constant(input), node.integers(firsts), axis));
  node.setOutput(1, node.integers(firsts));
  node.setOutput(2, node.integers(inverse));
  node.setOutput(3, node.integers(sortedCounts));
}

ArrayRef<OperatorEntry> gatherOperators() {
  static const OperatorEntry table[] = {
      {"", "Compress", 9, newestOpset, importCompress, "the condition must follow from constants"},
      {"", "Gather", 1, newestOpset, importGather, ""},
      {"", "GatherElements", 11, newestOpset, importGatherElements, ""},
      {"", "GatherND", 11, newestOpset, importGatherNd, ""},
      {"", "NonZero", 9, newestOpset, importNonZero, "the input must follow from constants"},
      {"", "Scatter", 9, newestOpset, importScatterElements, ""},
      {"", "ScatterElements", 11, newestOpset, importScatterElements, ""},
      {"", "ScatterND", 11, newestOpset, importScatterNd, ""},
      {"", "TensorScatter", 24, newestOpset, importTensorScatter, ""},
      {"", "Unique", 11, newestOpset, importUnique, "the input must follow from constants"},
  };
  return table;
}

} // namespace fettle
