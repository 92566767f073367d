//===- AttentionGraph.cpp - functions of attentions that tests write -------===//

#include "tests/unit/passes/AttentionGraph.h"
#include "llvm/ADT/APFloat.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace llvm;

namespace fettle::test {

std::string denseBytes(StringRef element, ArrayRef<double> values) {
  const fltSemantics &semantics = element == "f16" ? APFloat::IEEEhalf() : element == "bf16" ? APFloat::BFloat() : APFloat::IEEEsingle();
  std::string bytes;
  for (double value : values) {
    APFloat number(value);
    bool isRounded;
    number.convert(semantics, APFloat::rmNearestTiesToEven, &isRounded);
    APInt bits = number.bitcastToAPInt();
    for (unsigned byte = 0; byte < bits.getBitWidth(); byte += 8)
      bytes += char(bits.extractBitsAsZExtValue(8, byte));
  }
  return "dense<\"0x" + toHex(bytes) + "\">";
}

static std::string typeOf(const AttentionGraph::Value &value) {
  std::string text = "tensor<";
  for (int64_t extent : value.shape)
    text += std::to_string(extent) + "x";
  return text + value.element + ">";
}

AttentionGraph::Value AttentionGraph::input(ArrayRef<int64_t> shape) {
  Value value = next(shape);
  arguments += (arguments.empty() ? "" : ", ") + value.name + ": " + typeOf(value);
  return value;
}

std::vector<double> AttentionGraph::draw(int64_t values) {
  std::normal_distribution<double> normal;
  std::vector<double> drawn(values);
  std::generate(drawn.begin(), drawn.end(), [&] { return normal(random); });
  return drawn;
}

AttentionGraph::Value AttentionGraph::constant(ArrayRef<int64_t> shape, ArrayRef<double> values) {
  Value value = next(shape);
  body += "  " + value.name + " = nn.constant " + denseBytes(element, values) + " : " + typeOf(value) + "\n";
  return value;
}

AttentionGraph::Value AttentionGraph::constant(ArrayRef<int64_t> shape) {
  const int64_t width = shape.back();
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  std::vector<double> values = draw(count);
  for (int64_t i = width; i < count; ++i)
    if (i / width % 2 == 1)
      values[i] = values[i - width];
  return constant(shape, values);
}

AttentionGraph::Value AttentionGraph::op(const Twine &text, ArrayRef<Value> operands, ArrayRef<int64_t> shape, const Twine &attributes,
                                         StringRef element) {
  Value value = next(shape, element);
  auto names = map_range(operands, [](const Value &operand) { return operand.name; });
  auto types = map_range(operands, [](const Value &operand) { return typeOf(operand); });
  std::string dictionary = attributes.str();
  body += "  " + value.name + " = nn." + text.str() + " " + llvm::join(names, ", ") + (dictionary.empty() ? "" : " {" + dictionary + "}") + " : (" +
          llvm::join(types, ", ") + ") -> " + typeOf(value) + "\n";
  return value;
}

AttentionGraph::Value AttentionGraph::product(const Value &x) {
  return op("matmul", {x, constant({channels, channels}, draw(channels * channels))}, x.shape);
}

AttentionGraph::Value AttentionGraph::split(const Value &x) {
  const int64_t tokens = x.shape[1];
  return op("transpose", {op("reshape", {x}, {1, tokens, heads, depth})}, {1, heads, tokens, depth}, "perm = array<i64: 0, 2, 1, 3>");
}

AttentionGraph::Value AttentionGraph::join(const Value &x) {
  const int64_t tokens = x.shape[2];
  return op("reshape", {op("transpose", {x}, {1, tokens, heads, depth}, "perm = array<i64: 0, 2, 1, 3>")}, {1, tokens, channels});
}

AttentionGraph::Value AttentionGraph::attend(const Value &x, const Value &keys, const Value &values, bool isCausal, const Value &mask) {
  SmallVector<Value> operands{split(product(x)), split(product(keys)), split(product(values))};
  if (!mask.name.empty())
    operands.push_back(mask);
  return product(join(op("attention", operands, operands[0].shape, isCausal ? "scale = 0.5 : f64, causal" : "scale = 0.5 : f64")));
}

AttentionGraph::Value AttentionGraph::readConstant(const Value &x) {
  Value query = split(x), keys = constant(query.shape);
  return add(x, join(op("attention", {query, keys, keys}, query.shape, "scale = 0.5 : f64")));
}

std::string AttentionGraph::text(ArrayRef<Value> results) const {
  auto names = map_range(results, [](const Value &result) { return result.name; });
  auto types = map_range(results, [](const Value &result) { return typeOf(result); });
  return "func.func @f(" + arguments + ") -> (" + llvm::join(types, ", ") + ") {\n" + body + "  return " + llvm::join(names, ", ") + " : " + llvm::join(types, ", ") +
         "\n}\n";
}

} // namespace fettle::test
