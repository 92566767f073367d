//===- RecurrentBuilderTest.cpp - LSTM, GRU and simple recurrent layers ---===//

#include "tests/unit/codegen/RunKernel.h"
#include "llvm/Support/FormatVariadic.h"
#include "gtest/gtest.h"

using namespace fettle;
using namespace fettle::test;

namespace {
struct Case {
  const char *op; ///< lstm, gru, rnn
  int64_t steps, batch, inputs, hidden;
  bool bias = false, lengths = false, h0 = false, c0 = false, peephole = false;
  const char *attributes = "";
  const char *direction = "forward";
  bool constantWeights = true;
  const char *activations = "";
};
} // namespace

static std::string text(const Case &c) {
  llvm::StringRef op = c.op;
  int64_t gates = op == "lstm" ? 4 : op == "gru" ? 3 : 1;
  std::string names, types, arguments;
  auto operand = [&](llvm::StringRef name, std::string type, bool weight = false) {
    arguments += (arguments.empty() ? "%" : ", %") + name.str() + ": " + type + (weight ? " {test.weight}" : "");
    names += (names.empty() ? "%" : ", %") + name.str();
    types += (types.empty() ? "" : ", ") + type;
  };
  operand("x", llvm::formatv("tensor<{0}x{1}x{2}xf32>", c.steps, c.batch, c.inputs));
  operand("w", llvm::formatv("tensor<{0}x{1}xf32>", gates * c.hidden, c.inputs), c.constantWeights);
  operand("r", llvm::formatv("tensor<{0}x{1}xf32>", gates * c.hidden, c.hidden), c.constantWeights);
  std::string state = llvm::formatv("tensor<{0}x{1}xf32>", c.batch, c.hidden);
  if (c.bias)
    operand("b", llvm::formatv("tensor<{0}xf32>", 2 * gates * c.hidden));
  if (c.lengths)
    operand("n", llvm::formatv("tensor<{0}xi32>", c.batch));
  if (c.h0)
    operand("h", state);
  if (c.c0)
    operand("c", state);
  if (c.peephole)
    operand("p", llvm::formatv("tensor<{0}xf32>", 3 * c.hidden));
  std::string y = llvm::formatv("tensor<{0}x{1}x{2}xf32>", c.steps, c.batch, c.hidden), results = y + ", " + state;
  std::string segments = llvm::formatv("1, 1, 1, {0}, {1}, {2}", int(c.bias), int(c.lengths), int(c.h0));
  std::string activations = gates == 4   ? R"("Sigmoid", "Tanh", "Tanh")"
                            : gates == 3 ? R"("Sigmoid", "Tanh")"
                                         : R"("Tanh")";
  if (*c.activations)
    activations = c.activations;
  if (gates == 4) {
    results += ", " + state;
    segments += llvm::formatv(", {0}, {1}", int(c.c0), int(c.peephole));
  }
  return llvm::formatv("func.func @f({0}) -> ({1}) {{\n  %0:{2} = nn.{3} {4} {5} {{activations = [{6}]{7}, "
                       "operandSegmentSizes = array<i32: {8}>} : ({9}) -> ({1})\n"
                       "  return {10} : {1}\n}",
                       arguments, results, gates == 4 ? 3 : 2, op, c.direction, names, activations, c.attributes,
                       segments, types, gates == 4 ? "%0#0, %0#1, %0#2" : "%0#0, %0#1");
}

static void expectCase(const Case &c, MatchOptions options = {}) {
  options.low = -0.6;
  options.high = c.lengths ? 9 : 0.6; // lengths are drawn from the same range as the values
  if (c.lengths)
    options.absolute = options.relative = 1e-3;
  expectMatchesReference(text(c), codegen::buildRecurrent, options);
}

TEST(RecurrentBuilder, Shapes) {
  for (const char *op : {"lstm", "gru", "rnn"})
    for (auto [steps, batch, inputs, hidden] : {std::array<int64_t, 4>{1, 1, 1, 1},
                                                {3, 1, 4, 5},
                                                {11, 1, 10, 32},
                                                {9, 2, 7, 20},
                                                {4, 5, 6, 16},
                                                {3, 27, 5, 40}})
      expectCase({op, steps, batch, inputs, hidden, true});
}

TEST(RecurrentBuilder, Options) {
  for (const char *op : {"lstm", "gru", "rnn"}) {
    bool lstm = llvm::StringRef(op) == "lstm";
    expectCase({op, 5, 2, 3, 18});
    expectCase({op, 5, 2, 3, 18, true, false, true, lstm});
    expectCase({op, 5, 2, 3, 18, true, false, true, lstm, false, "", "backward"});
    expectCase({op, 5, 6, 3, 18, true, false, true, lstm, false, "", "backward"});
    expectCase({op, 6, 3, 2, 5, true, true});
    expectCase({op, 6, 5, 2, 5, true, true, false, false, false, "", "backward"});
    expectCase({op, 5, 2, 3, 18, true, false, false, false, false, ", clip = 0.2 : f64"});
    expectCase({op, 5, 2, 3, 18, true, false, false, false, false, "", "forward", /*constantWeights=*/false});
  }
  expectCase({"gru", 5, 2, 3, 18, true, false, true, false, false, ", linear_before_reset"});
  expectCase({"gru", 5, 7, 3, 18, true, false, true, false, false, ", linear_before_reset"});
  expectCase({"lstm", 5, 2, 3, 18, true, false, true, true, true});
  expectCase({"lstm", 5, 2, 3, 18, true, false, true, true, true, ", input_forget"});
}

TEST(RecurrentBuilder, Activations) {
  for (const char *name :
       {"Relu", "LeakyRelu", "ThresholdedRelu", "HardSigmoid", "Elu", "Softsign", "Softplus", "Sigmoid"}) {
    std::string quoted = '"' + std::string(name) + '"';
    Case c{"rnn", 3, 2, 3, 9, true};
    c.activations = quoted.c_str();
    expectCase(c);
  }
}

TEST(RecurrentBuilder, OtherVectorWidths) {
  for (const char *target : {"cpu:x86-64-v2", "cpu:x86-64-v3"}) {
    MatchOptions options;
    options.target = target;
    expectCase({"lstm", 3, 2, 3, 10, true}, options);
    expectCase({"gru", 3, 6, 3, 10, true}, options);
  }
}

// Both directions of a layer: tiles of the second follow those of the first, in calls of any number of them.
TEST(RecurrentBuilder, TwoLayersInOneKernel) {
  for (int64_t batch : {1, 3, 14}) {
    std::string x = tensor({7, batch, 5}), y = tensor({7, batch, 20}), last = tensor({batch, 20}), w = tensor({60, 5}), r = tensor({60, 20});
    std::string layer = llvm::formatv("{{activations = [\"Sigmoid\", \"Tanh\"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0>} : ({0}, {1}, {2}) -> ({3}, {4})\n",
                                      x, w, r, y, last);
    std::string text = llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}, %r: {2} {{test.weight}, %v: {1} {{test.weight}, %s: {2} {{test.weight}) -> ({3}, {4}, {3}, {4}) {{\n",
                                     x, w, r, y, last);
    text += "  %0:2 = nn.gru forward %x, %w, %r " + layer + "  %1:2 = nn.gru backward %x, %v, %s " + layer +
            "  return %0#0, %0#1, %1#0, %1#1 : " + y + ", " + last + ", " + y + ", " + last + "\n}";
    KernelRun run(text, codegen::buildRecurrent);
    ASSERT_TRUE(run.built());
    EXPECT_EQ(run.tiles(), 2 * (batch < 4 ? batch : 2));
    std::vector<HostTensor> operands;
    for (mlir::RankedTensorType type : run.inputTypes())
      operands.push_back(randomTensor(type, operands.size(), -0.6, 0.6));
    std::vector<HostTensor> expected = run.reference(operands);
    for (int64_t tilesPerCall : {int64_t(1), int64_t(2), run.tiles()}) {
      std::vector<HostTensor> actual = run.run(operands, tilesPerCall);
      for (size_t i = 0; i < expected.size(); ++i)
        expectClose(actual[i], expected[i], {});
    }
  }
}

// Batch-first input and output: transposes vanish into strides.
TEST(RecurrentBuilder, BatchFirst) {
  expectMatchesReference(R"(
    func.func @f(%x: tensor<3x5x4xf32>, %w: tensor<24x4xf32> {test.weight}, %r: tensor<24x6xf32> {nn.weight}) -> tensor<3x5x6xf32> {
      %t = nn.transpose %x {perm = array<i64: 1, 0, 2>} : (tensor<3x5x4xf32>) -> tensor<5x3x4xf32>
      %y, %h, %c = nn.lstm forward %t, %w, %r {activations = ["Sigmoid", "Tanh", "Tanh"], operandSegmentSizes = array<i32: 1, 1, 1, 0, 0, 0, 0, 0>} : (tensor<5x3x4xf32>, tensor<24x4xf32>, tensor<24x6xf32>) -> (tensor<5x3x6xf32>, tensor<3x6xf32>, tensor<3x6xf32>)
      %o = nn.transpose %y {perm = array<i64: 1, 0, 2>} : (tensor<5x3x6xf32>) -> tensor<3x5x6xf32>
      return %o : tensor<3x5x6xf32>
    })",
                         codegen::buildRecurrent);
}

// Half precision is computed in single; weights are widened when they are packed.
TEST(RecurrentBuilder, HalfPrecision) {
  MatchOptions options;
  options.relative = options.absolute = 4e-3;
  for (const char *direction : {"forward", "backward"})
    for (Case c : {Case{"gru", 5, 2, 20, 7, true}, Case{"lstm", 3, 6, 3, 18, true, false, true, true}}) {
      c.direction = direction;
      std::string half = text(c);
      for (size_t at; (at = half.find("xf32")) != std::string::npos;)
        half.replace(at, 4, "xf16");
      expectMatchesReference(half, codegen::buildRecurrent, options);
    }
}
