//===- Layer.cpp - one line of a layer list -------------------------------===//

#include "tests/bench/Layer.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/Support/FormatVariadic.h"

namespace fettle::bench {

static std::string tensor(llvm::StringRef shape, llvm::StringRef element = "f32") {
  return llvm::formatv("tensor<{0}x{1}>", shape, element);
}

namespace {

/// Writes the function of a contraction.
class Contraction {
public:
  /// Shapes as "1x56x56x64"; `channels` is the last extent of the output.
  Contraction(Precision precision, std::string input, std::string weight, std::string output, int64_t channels)
      : isInteger(precision == Precision::Int8), isHalf(precision == Precision::Bf16),
        x(tensor(input, isInteger ? "ui8" : isHalf ? "bf16" : "f32")), w(tensor(weight, isInteger ? "i8" : isHalf ? "bf16" : "f32")), sums(tensor(output, isInteger ? "i32" : "f32")),
        floats(tensor(output)), bytes(tensor(output, "ui8")), halves(tensor(output, "bf16")), channels(channels) {}

  std::string write(llvm::StringRef op, llvm::StringRef attributes, bool isActivated) const {
    std::string bias = tensor(std::to_string(channels), "i32"), factors = tensor(std::to_string(channels));
    std::string head = llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}", x, w);
    if (isInteger)
      head += llvm::formatv(", %b: {0} {{test.weight}, %m: {1} {{test.weight}", bias, factors);
    std::string body = llvm::formatv("  %0 = nn.{0} %x, %w{1}{2} : ({3}, {4}{5}) -> {6}\n", op, isInteger ? ", %b" : "",
                                     attributes, x, w, isInteger ? ", " + bias : "", sums);
    if (isInteger)
      return head + ") -> " + bytes + " {\n" + body + requantize(factors);
    body += isActivated ? llvm::formatv("  %1 = nn.unary relu %0 : ({0}) -> {0}\n", sums).str() : "";
    std::string value = isActivated ? "%1" : "%0", type = sums;
    if (isHalf) {
      body += llvm::formatv("  %h = nn.cast {0} {{flushes} : ({1}) -> {2}\n", value, sums, halves);
      value = "%h";
      type = halves;
    }
    return head + ") -> " + type + " {\n" + body + "  return " + value + " : " + type + "\n}";
  }

private:
  std::string requantize(llvm::StringRef factors) const {
    return llvm::formatv("  %1 = nn.cast %0 : ({0}) -> {1}\n  %2 = nn.binary mul %1, %m : ({1}, {2}) -> {1}\n"
                         "  %one = nn.constant dense<1.0> : tensor<f32>\n  %z = nn.constant dense<3> : tensor<ui8>\n"
                         "  %3 = nn.quantize %2, %one, %z : ({1}, tensor<f32>, tensor<ui8>) -> {3}\n  return %3 : {3}\n}",
                         sums, floats, factors, bytes);
  }

  bool isInteger, isHalf;
  std::string x, w, sums, floats, bytes, halves;
  int64_t channels;
};

using Numbers = llvm::ArrayRef<int64_t>;

Layer makeProduct(Numbers v, Precision precision) {
  auto shape = [](int64_t rows, int64_t columns) { return std::to_string(rows) + "x" + std::to_string(columns); };
  Contraction contraction(precision, shape(v[0], v[1]), shape(v[1], v[2]), shape(v[0], v[2]), v[2]);
  return {contraction.write("matmul", precision == Precision::Bf16 ? " {f32_sums}" : "", /*isActivated=*/false), double(v[0]) * v[1] * v[2]};
}

Layer makeConvolution(Numbers v, Precision precision) {
  int64_t h = v[0], w = v[1], c = v[2], o = v[3], window = v[4], stride = v[5], groups = v[6], pad = window / 2;
  auto extent = [&](int64_t x) { return (x + 2 * pad - window) / stride + 1; };
  std::string x = llvm::formatv("1x{0}x{1}x{2}", h, w, c), y = llvm::formatv("1x{0}x{1}x{2}", extent(h), extent(w), o);
  std::string weight = llvm::formatv("{0}x{1}x{2}x{2}", o, c / groups, window);
  std::string attributes =
      llvm::formatv(" {{strides = array<i64: {0}, {0}>, pads = array<i64: {1}, {1}, {1}, {1}>, dilations = array<i64: 1, 1>, "
                    "groups = {2} : i64, channels_last{3}}",
                    stride, pad, groups, precision == Precision::Bf16 ? ", f32_sums" : "");
  return {Contraction(precision, x, weight, y, o).write("conv", attributes, /*isActivated=*/true),
          double(extent(h)) * extent(w) * o * (c / groups) * window * window};
}

Layer makeAttention(Numbers v, llvm::StringRef attributes) {
  int64_t heads = v[0], keyHeads = v[1], queries = v[2], keys = v[3], width = v[4];
  std::string q = tensor(llvm::formatv("1x{0}x{1}x{2}", heads, queries, width).str());
  std::string k = tensor(llvm::formatv("1x{0}x{1}x{2}", keyHeads, keys, width).str());
  return {llvm::formatv("func.func @f(%q: {0}, %k: {1}, %v: {1}) -> {0} {{\n"
                        "  %0 = nn.attention %q, %k, %v {{scale = 0.3 : f64{2}} : ({0}, {1}, {1}) -> {0}\n  return %0 : {0}\n}",
                        q, k, attributes),
          2.0 * heads * queries * keys * width};
}

Layer makeSoftmax(Numbers v) {
  std::string x = tensor(llvm::formatv("{0}x{1}", v[0], v[1]).str());
  return {llvm::formatv("func.func @f(%x: {0}) -> {0} {{\n  %0 = nn.softmax %x {{axis = {1} : i64} : ({0}) -> {0}\n"
                        "  return %0 : {0}\n}",
                        x, v[2])};
}

Layer makeMean(Numbers v) {
  std::string x = tensor(llvm::formatv("{0}x{1}", v[0], v[1]).str()), y = tensor(std::to_string(v[v[2] == 0 ? 1 : 0]));
  return {llvm::formatv("func.func @f(%x: {0}) -> {1} {{\n  %0 = nn.reduce mean %x {{axes = array<i64: {2}>} : ({0}) -> {1}\n"
                        "  return %0 : {1}\n}",
                        x, y, v[2])};
}

Layer makeLayerNorm(Numbers v) {
  std::string x = tensor(llvm::formatv("{0}x{1}", v[0], v[1]).str()), scale = tensor(std::to_string(v[1]));
  return {llvm::formatv("func.func @f(%x: {0}, %s: {1}, %b: {1}) -> {0} {{\n  %0 = nn.layer_norm %x, %s, %b {{axis = 1 : i64, "
                        "epsilon = 1.0e-5 : f64, operandSegmentSizes = array<i32: 1, 1, 1>} : ({0}, {1}, {1}) -> {0}\n"
                        "  return %0 : {0}\n}",
                        x, scale)};
}

/// An image's tokens behind a protected one, a quarter of which is merged into others. A squared difference counts as
/// one multiply-add.
Layer makeMatch(Numbers v) {
  int64_t tokens = v[0], width = v[1], sources = (tokens - 1) / 2;
  std::string x = tensor(llvm::formatv("1x{0}x{1}", tokens, width).str()), y = tensor(llvm::formatv("1x{0}", tokens).str(), "i32");
  return {llvm::formatv("func.func @f(%x: {0}) -> {1} {{\n  %0 = nn.match_tokens %x {{remove = {2} : i64, protect = 1 : i64} : ({0}) -> {1}\n"
                        "  return %0 : {1}\n}",
                        x, y, tokens / 4),
          double(sources) * (tokens - 1 - sources) * width};
}

/// LSTM (four gates) or GRU (three), forward, with biases and without initial states.
Layer makeRecurrent(Numbers v, int64_t gates) {
  int64_t steps = v[0], batch = v[1], inputs = v[2], hidden = v[3];
  bool isLstm = gates == 4;
  std::string x = tensor(llvm::formatv("{0}x{1}x{2}", steps, batch, inputs).str());
  std::string w = tensor(llvm::formatv("{0}x{1}", gates * hidden, inputs).str());
  std::string r = tensor(llvm::formatv("{0}x{1}", gates * hidden, hidden).str());
  std::string b = tensor(std::to_string(2 * gates * hidden));
  std::string state = tensor(llvm::formatv("{0}x{1}", batch, hidden).str());
  std::string y = tensor(llvm::formatv("{0}x{1}x{2}", steps, batch, hidden).str());
  std::string results = y + ", " + state + (isLstm ? ", " + state : "");
  return {llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}, %r: {2} {{test.weight}, %b: {3}) -> ({4}) {{\n"
                        "  %0:{5} = nn.{6} forward %x, %w, %r, %b {{activations = [\"Sigmoid\", \"Tanh\"{7}], "
                        "operandSegmentSizes = array<i32: 1, 1, 1, 1, 0, 0{8}>} : ({0}, {1}, {2}, {3}) -> ({4})\n"
                        "  return %0#0, %0#1{9} : {4}\n}",
                        x, w, r, b, results, isLstm ? 3 : 2, isLstm ? "lstm" : "gru", isLstm ? ", \"Tanh\"" : "",
                        isLstm ? ", 0, 0" : "", isLstm ? ", %0#2" : ""),
          double(steps) * batch * gates * hidden * (inputs + hidden)};
}

/// A kind of layer: its name, how many numbers stand before the count, and what is made of them.
struct Kind {
  llvm::StringLiteral name;
  size_t numbers;
  Layer (*make)(Numbers numbers, Precision precision);
  bool isContraction = false;
};

const Kind kinds[] = {
    {"gemm", 3, makeProduct, true},
    {"conv", 7, makeConvolution, true},
    {"attention", 5, [](Numbers v, Precision) { return makeAttention(v, ""); }},
    {"causal_attention", 5, [](Numbers v, Precision) { return makeAttention(v, ", causal"); }},
    {"softmax", 3, [](Numbers v, Precision) { return makeSoftmax(v); }},
    {"mean", 3, [](Numbers v, Precision) { return makeMean(v); }},
    {"layer_norm", 2, [](Numbers v, Precision) { return makeLayerNorm(v); }},
    {"match_tokens", 2, [](Numbers v, Precision) { return makeMatch(v); }},
    {"lstm", 4, [](Numbers v, Precision) { return makeRecurrent(v, 4); }},
    {"gru", 4, [](Numbers v, Precision) { return makeRecurrent(v, 3); }},
};

} // namespace

std::optional<Layer> parseLayer(llvm::StringRef line, Precision precision) {
  llvm::SmallVector<llvm::StringRef> words;
  line.split(words, ' ', -1, /*KeepEmpty=*/false);
  const Kind *kind = llvm::find_if(kinds, [&](const Kind &kind) { return kind.name == words[0]; });
  if (kind == std::end(kinds) || words.size() != kind->numbers + 2 || (precision != Precision::F32 && !kind->isContraction))
    return std::nullopt;
  bool hasAxis = kind->name == "softmax" || kind->name == "mean";
  llvm::SmallVector<int64_t> numbers;
  for (auto [index, word] : llvm::enumerate(llvm::drop_begin(words))) {
    int64_t number;
    bool isAxis = hasAxis && index == 2;
    if (word.getAsInteger(10, number) || number < (isAxis ? 0 : 1) || (isAxis && number > 1))
      return std::nullopt;
    numbers.push_back(number);
  }
  bool isDepthwise = kind->name == "conv" && numbers[6] > 1 && numbers[6] == numbers[2];
  if (isDepthwise && precision == Precision::Bf16)
    return std::nullopt; // stays in single precision (Bf16Products.cpp)
  Layer layer = kind->make(numbers, precision);
  layer.count = numbers.back();
  return layer;
}

} // namespace fettle::bench
