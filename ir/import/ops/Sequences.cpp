//===- Sequences.cpp - ONNX operators on sequences and optionals ----------===//
//
// Exporters write torch.split or a list of hidden states as a sequence. Where its
// length and every position are known, a sequence is only a way to name tensors,
// and nothing of it is left in the module. Inputs and outputs of a model must be
// tensors.
//
//===----------------------------------------------------------------------===//

#include "ir/import/OperatorTable.h"

using namespace mlir;

namespace fettle {

static void importSequenceConstruct(NodeImporter &node) {
  std::vector<Value> tensors;
  for (size_t i = 0; i < node.numInputs(); ++i)
    tensors.push_back(node.input(i));
  node.setSequence(0, tensors);
}

static void importSequenceEmpty(NodeImporter &node) { node.setSequence(0, {}); }

/// Position operand `i` in [0, size); `absent` where it is omitted. Negative ones count from the end.
static std::optional<int64_t> positionInput(NodeImporter &node, size_t i, int64_t size, int64_t absent) {
  if (!node.hasInput(i))
    return absent;
  std::vector<int64_t> given = node.constantIntegers(i);
  if (node.failed())
    return std::nullopt;
  if (given.size() != 1 || given[0] < -size || given[0] >= size) {
    node.fail("the position does not lie in a sequence of " + Twine(size));
    return std::nullopt;
  }
  return given[0] < 0 ? given[0] + size : given[0];
}

static void importSequenceAt(NodeImporter &node) {
  std::vector<Value> tensors = node.sequenceInput(0);
  node.input(1);
  if (std::optional<int64_t> at = positionInput(node, 1, tensors.size(), 0); at && !node.failed())
    node.setOutput(tensors[*at]);
}

static void importSequenceInsert(NodeImporter &node) {
  std::vector<Value> tensors = node.sequenceInput(0);
  Value tensor = node.input(1);
  // Position `size` appends too.
  int64_t size = tensors.size();
  std::vector<int64_t> given = node.hasInput(2) ? node.constantIntegers(2) : std::vector<int64_t>{size};
  if (node.failed())
    return;
  if (given.size() != 1 || given[0] < -size || given[0] > size)
    return node.fail("the position does not lie in a sequence of " + Twine(size));
  tensors.insert(tensors.begin() + (given[0] < 0 ? given[0] + size : given[0]), tensor);
  node.setSequence(0, tensors);
}

static void importSequenceErase(NodeImporter &node) {
  std::vector<Value> tensors = node.sequenceInput(0);
  if (tensors.empty())
    return node.fail("has nothing to erase from");
  if (std::optional<int64_t> at = positionInput(node, 1, tensors.size(), int64_t(tensors.size()) - 1)) {
    tensors.erase(tensors.begin() + *at);
    node.setSequence(0, tensors);
  }
}

static void importSequenceLength(NodeImporter &node) {
  node.setOutput(node.integers({int64_t(node.sequenceInput(0).size())}, {}));
}

static void importConcatFromSequence(NodeImporter &node) {
  std::vector<Value> tensors = node.sequenceInput(0);
  bool stacks = node.integer("new_axis", 0) != 0;
  int64_t rank = tensors.empty() ? 0 : rankOf(tensors.front());
  int64_t axis = node.normalizeAxis(node.integer("axis", 0), rank + (stacks ? 1 : 0));
  if (node.failed())
    return;
  if (stacks)
    for (Value &tensor : tensors)
      tensor = node.unsqueeze(tensor, {axis});
  node.setOutput(node.concat(tensors, axis));
}

/// Parts of one extent, or of the extents listed; without either, single slices (less their axis unless `keepdims`).
static void importSplitToSequence(NodeImporter &node) {
  Value input = node.input(0);
  int64_t axis = node.normalizeAxis(node.integer("axis", 0), rankOf(input)), extent = dimOf(input, axis);
  bool drops = !node.hasInput(1) && node.integer("keepdims", 1) == 0;
  std::vector<int64_t> sizes;
  int64_t each = 1;
  if (node.hasInput(1)) {
    Value split = node.input(1);
    sizes = node.constantIntegers(1);
    if (node.failed())
      return;
    if (rankOf(split) == 0) {
      each = sizes[0];
      sizes.clear();
    }
  }
  if (each < 1 || extent / each > 4096 || sizes.size() > 4096)
    return node.fail("parts of " + Twine(each) + " do not split an extent of " + Twine(extent));
  int64_t listed = 0;
  for (int64_t size : sizes)
    listed = size < 0 || size > extent ? -1 : listed < 0 ? listed : listed + size;
  if (!sizes.empty() && listed != extent)
    return node.fail("the parts do not make up the extent " + Twine(extent));
  if (sizes.empty())
    for (int64_t start = 0; start < extent; start += each)
      sizes.push_back(std::min(each, extent - start));
  std::vector<Value> parts;
  std::vector<int64_t> dropped = shapeOf(input).vec();
  if (!dropped.empty())
    dropped.erase(dropped.begin() + axis);
  int64_t start = 0;
  for (int64_t size : sizes) {
    Value part = node.sliceAxis(input, axis, start, size);
    parts.push_back(drops ? node.reshape(part, dropped) : part);
    start += size;
  }
  node.setSequence(0, parts);
}

//===--- Optionals: a value is there, or its operand is omitted -----------===//

static void importOptional(NodeImporter &node) {
  if (node.numInputs() == 0)
    return node.fail("an empty optional is not supported");
  node.setOutput(node.anyInput(0));
}

static void importOptionalHasElement(NodeImporter &node) {
  node.setOutput(node.scalar(node.hasInput(0) ? 1 : 0, node.boolean()));
}

ArrayRef<OperatorEntry> sequenceOperators() {
  static const char *note = "positions and lengths must follow from constants";
  static const OperatorEntry table[] = {
      {"", "ConcatFromSequence", 11, newestOpset, importConcatFromSequence, note},
      {"", "Optional", 15, newestOpset, importOptional, "with a value"},
      {"", "OptionalGetElement", 15, newestOpset, importOptional, "with a value"},
      {"", "OptionalHasElement", 15, newestOpset, importOptionalHasElement, ""},
      {"", "SequenceAt", 11, newestOpset, importSequenceAt, note},
      {"", "SequenceConstruct", 11, newestOpset, importSequenceConstruct, note},
      {"", "SequenceEmpty", 11, newestOpset, importSequenceEmpty, note},
      {"", "SequenceErase", 11, newestOpset, importSequenceErase, note},
      {"", "SequenceInsert", 11, newestOpset, importSequenceInsert, note},
      {"", "SequenceLength", 11, newestOpset, importSequenceLength, note},
      {"", "SplitToSequence", 11, newestOpset, importSplitToSequence, note},
  };
  return table;
}

} // namespace fettle
