//===- Recurrent.cpp - ONNX LSTM, GRU and RNN -----------------------------===//
//
// ONNX packs the directions of a layer into one tensor per operand; nn has one
// op per direction. Each operand is cut along its axis of directions, and the
// results are put together again: Y [t, dirs, n, h], Y_h and Y_c [dirs, n, h]
// (batch first with layout = 1). Layers of f16 and bf16 are computed in f32, as
// runtimes do: their state would lose a little at every step otherwise.
//
//===----------------------------------------------------------------------===//

#include "ir/import/OperatorTable.h"

using namespace mlir;

namespace fettle {

namespace {
class RecurrentImporter {
public:
  RecurrentImporter(NodeImporter &node, unsigned activationsPerDirection, std::vector<std::string> defaults)
      : node(node), perDirection(activationsPerDirection), defaults(std::move(defaults)) {}

  /// The operands of one direction, null where omitted.
  struct Direction {
    nn::DirectionKind kind;
    Value x, w, r, bias, lengths, h0, c0, peephole;
    ArrayAttr activations;
    APFloat clip{0.0};
  };
  using Build = llvm::function_ref<SmallVector<Value>(const Direction &)>;
  /// Runs `build` once per direction and joins what it gives: y, y_h and, from an LSTM, y_c.
  void run(Build build);

private:
  Value ofDirection(Value packed, int64_t index, int64_t axis);
  Value widened(Value input);
  ArrayAttr activations(int64_t direction);

  NodeImporter &node;
  unsigned perDirection;
  std::vector<std::string> defaults;
};
} // namespace

/// Entry `index` of the axis of directions, which is dropped.
Value RecurrentImporter::ofDirection(Value packed, int64_t index, int64_t axis) {
  if (!packed || node.failed())
    return packed;
  if (index >= dimOf(packed, axis) || axis >= rankOf(packed)) {
    node.fail("an operand of shape " + formatShape(shapeOf(packed)) + " has no part for direction " + Twine(index));
    return packed;
  }
  Value part = node.sliceAxis(packed, axis, index, 1);
  std::vector<int64_t> shape = shapeOf(packed).vec();
  shape.erase(shape.begin() + axis);
  return widened(node.reshape(part, shape));
}

Value RecurrentImporter::widened(Value input) {
  return elementOf(input).isF16() || elementOf(input).isBF16() ? node.cast(input, node.f32()) : input;
}

ArrayAttr RecurrentImporter::activations(int64_t direction) {
  std::vector<std::string> names = node.textsAttribute("activations").value_or(std::vector<std::string>());
  std::vector<Attribute> result;
  for (unsigned i = 0; i < perDirection; ++i) {
    size_t at = direction * perDirection + i;
    std::string name = at < names.size() ? names[at] : defaults[i];
    result.push_back(StringAttr::get(node.context(), name));
  }
  if (node.hasAttribute("activation_alpha") || node.hasAttribute("activation_beta"))
    node.fail("activations with parameters (activation_alpha, activation_beta) are not supported");
  return ArrayAttr::get(node.context(), result);
}

void RecurrentImporter::run(Build build) {
  bool batchFirst = node.integer("layout", 0) != 0;
  std::string named = node.text("direction", "forward");
  if (named != "forward" && named != "reverse" && named != "bidirectional")
    return node.fail("knows no direction '" + named + "'");
  Value x = node.input(0), lengths = node.optionalInput(4);
  if (rankOf(x) != 3)
    return node.fail("needs a sequence of rank 3, not " + formatShape(shapeOf(x)));
  Type element = elementOf(x);
  if (element.isF64())
    return node.fail("is not supported in double precision", "convert the model to float32");
  x = widened(x);
  if (batchFirst)
    x = node.transpose(x, {1, 0, 2});
  if (lengths)
    lengths = node.cast(lengths, node.i32());
  int64_t stateAxis = batchFirst ? 1 : 0, count = named == "bidirectional" ? 2 : 1;
  std::vector<SmallVector<Value>> results;
  for (int64_t i = 0; i < count && !node.failed(); ++i) {
    Direction direction;
    direction.kind = named == "reverse" || i == 1 ? nn::DirectionKind::backward : nn::DirectionKind::forward;
    direction.x = x;
    direction.w = ofDirection(node.input(1), i, 0);
    direction.r = ofDirection(node.input(2), i, 0);
    direction.bias = ofDirection(node.optionalInput(3), i, 0);
    direction.lengths = lengths;
    direction.h0 = ofDirection(node.optionalInput(5), i, stateAxis);
    direction.c0 = ofDirection(node.optionalInput(6), i, stateAxis);
    direction.peephole = ofDirection(node.optionalInput(7), i, 0);
    direction.activations = activations(i);
    direction.clip = APFloat(node.real("clip", 0));
    results.push_back(build(direction));
  }
  if (node.failed())
    return;
  for (size_t output = 0; output < results.front().size(); ++output) {
    // [t, n, h] gains the directions before n; a state [n, h] gains them first (batch first: after the batch).
    int64_t axis = output == 0 ? 1 : 0;
    std::vector<Value> parts;
    for (SmallVector<Value> &direction : results)
      parts.push_back(node.unsqueeze(direction[output], {axis}));
    Value joined = node.concat(parts, axis);
    if (batchFirst)
      joined = output == 0 ? node.transpose(joined, {2, 0, 1, 3}) : node.transpose(joined, {1, 0, 2});
    node.setOutput(output, element == elementOf(joined) ? joined : node.cast(joined, element));
  }
}

static void importLstm(NodeImporter &node) {
  bool inputForget = node.integer("input_forget", 0) != 0;
  RecurrentImporter(node, 3, {"Sigmoid", "Tanh", "Tanh"}).run([&](const RecurrentImporter::Direction &d) {
    return node.createMany<nn::LstmOp>(3, d.x, d.w, d.r, d.bias, d.lengths, d.h0, d.c0, d.peephole, d.kind,
                                       d.activations, d.clip, inputForget);
  });
}

static void importGru(NodeImporter &node) {
  bool linear = node.integer("linear_before_reset", 0) != 0;
  RecurrentImporter(node, 2, {"Sigmoid", "Tanh"}).run([&](const RecurrentImporter::Direction &d) {
    return node.createMany<nn::GruOp>(2, d.x, d.w, d.r, d.bias, d.lengths, d.h0, d.kind, d.activations, d.clip,
                                      linear);
  });
}

static void importRnn(NodeImporter &node) {
  RecurrentImporter(node, 1, {"Tanh"}).run([&](const RecurrentImporter::Direction &d) {
    return node.createMany<nn::RnnOp>(2, d.x, d.w, d.r, d.bias, d.lengths, d.h0, d.kind, d.activations, d.clip);
  });
}

ArrayRef<OperatorEntry> recurrentOperators() {
  static const char *note = "activations without parameters, no double";
  static const OperatorEntry table[] = {
      {"", "GRU", 7, newestOpset, importGru, note},
      {"", "LSTM", 7, newestOpset, importLstm, note},
      {"", "RNN", 7, newestOpset, importRnn, note},
  };
  return table;
}

} // namespace fettle
