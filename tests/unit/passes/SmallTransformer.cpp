//===- SmallTransformer.cpp - a transformer as a function ------------------===//

#include "tests/unit/passes/SmallTransformer.h"
#include "mlir/IR/Builders.h"
#include "tests/unit/passes/AttentionGraph.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>
#include <random>

using namespace mlir;

namespace fettle::test {

/// Numbers that floats hold.
static Matrix makeRandom(std::mt19937 &random, int64_t rows, int64_t columns, double middle = 0, double spread = 0.5) {
  std::normal_distribution<float> normal(middle, spread);
  Matrix matrix(rows, columns);
  for (double &value : matrix.values)
    value = normal(random);
  return matrix;
}

std::vector<SmallTransformer::Layer> SmallTransformer::weights() const {
  std::mt19937 random(1);
  std::vector<Layer> all(layers);
  const int64_t keyChannels = depth() * keyHeads;
  for (Layer &layer : all) {
    auto product = [&](Matrix &weight, Matrix &bias, int64_t from, int64_t to) {
      weight = makeRandom(random, from, to);
      bias = makeRandom(random, 1, to);
    };
    product(layer.query, layer.queryBias, channels, channels);
    product(layer.key, layer.keyBias, channels, keyChannels);
    product(layer.value, layer.valueBias, channels, keyChannels);
    product(layer.output, layer.outputBias, channels, channels);
    product(layer.up, layer.upBias, channels, 2 * channels);
    product(layer.down, layer.downBias, 2 * channels, channels);
    layer.firstScale = makeRandom(random, 1, channels, 1);
    layer.firstBias = makeRandom(random, 1, channels);
    layer.secondScale = makeRandom(random, 1, channels, 1);
    layer.secondBias = makeRandom(random, 1, channels);
    layer.filter = makeRandom(random, channels, 3);
  }
  return all;
}

Matrix SmallTransformer::positions() const {
  std::mt19937 random(2);
  return makeRandom(random, tokens, channels);
}

std::pair<Matrix, Matrix> SmallTransformer::turns() const {
  Matrix cosines(tokens, depth()), sines(tokens, depth());
  for (int64_t token = 0; token < tokens; ++token)
    for (int64_t i = 0; i < depth(); ++i) {
      double angle = double(token) / std::pow(10, double(i % (depth() / 2)));
      cosines(token, i) = float(std::cos(angle));
      sines(token, i) = float(std::sin(angle));
    }
  return {cosines, sines};
}

int64_t SmallTransformer::protectedTokens() const {
  return head == Head::Two ? 2 : head == Head::Some && first + kept <= 4 ? first + kept : 0;
}

SmallVector<HostTensor> SmallTransformer::inputs(MLIRContext &context) const {
  Builder builder(&context);
  std::mt19937 random(3);
  SmallVector<HostTensor> tensors;
  Type type = element == "f16" ? builder.getF16Type() : element == "bf16" ? Type(builder.getBF16Type()) : builder.getF32Type();
  auto add = [&](ArrayRef<int64_t> shape, ArrayRef<double> values) {
    HostTensor tensor(RankedTensorType::get(shape, type));
    for (auto [i, value] : llvm::enumerate(values))
      tensor.setDouble(i, value);
    tensors.push_back(tensor);
  };
  add({batch, tokens, channels}, makeRandom(random, batch * tokens, channels, 0, 1).values);
  if (isPadded) {
    // The last third of the first sequence, one token less of the next.
    std::vector<double> flags;
    for (int64_t image = 0; image < batch; ++image)
      for (int64_t token = 0; token < tokens; ++token)
        flags.push_back(token < tokens - std::max<int64_t>(0, tokens / 3 - image));
    add({batch, tokens}, flags);
  }
  if (hasGivenPositions)
    add({1, tokens, channels}, positions().values);
  return tensors;
}

namespace {
class Writer {
public:
  explicit Writer(const SmallTransformer &net)
      : net(net), batch(net.batch), tokens(net.tokens), channels(net.channels), whole(type({batch, tokens, channels})) {}

  std::string text() {
    std::string arguments = "%x: " + whole;
    if (net.isPadded)
      arguments += ", %flags: " + type({batch, tokens});
    if (net.hasGivenPositions)
      arguments += ", %positions: " + type({1, tokens, channels});
    if (net.isPadded)
      writeMask();
    std::string x = "%x";
    for (const SmallTransformer::Layer &layer : net.weights())
      x = block(x, layer);
    auto [result, resultType] = head(x);
    line("return " + result + " : " + resultType);
    return "func.func @f(" + arguments + ") -> " + resultType + " {\n" + body + "}\n";
  }

private:
  std::string type(ArrayRef<int64_t> shape, StringRef element = "") const {
    std::string result = "tensor<";
    for (int64_t extent : shape)
      result += std::to_string(extent) + "x";
    return result + (element.empty() ? net.element : element.str()) + ">";
  }
  void line(const Twine &text) { body += ("  " + text + "\n").str(); }
  /// `op` with operands and attributes written out, whose types follow.
  std::string value(const Twine &op, const Twine &operands, StringRef result) {
    std::string name = "%v" + std::to_string(count++);
    line(name + " = nn." + op + " : (" + operands + ") -> " + result);
    return name;
  }
  std::string constant(ArrayRef<int64_t> shape, const Matrix &matrix) {
    std::string name = "%v" + std::to_string(count++);
    line(name + " = nn.constant " + denseBytes(net.element, matrix.values) + " : " + type(shape));
    return name;
  }
  std::string scalar(double value) {
    Matrix one(1, 1);
    one(0, 0) = value;
    return constant({}, one);
  }
  std::string product(const std::string &x, const Matrix &weight, const Matrix &bias) {
    std::string w = constant({weight.rows, weight.columns}, weight), b = constant({weight.columns}, bias);
    return value("matmul " + x + ", " + w + ", " + b,
                 type({batch, tokens, weight.rows}) + ", " + type({weight.rows, weight.columns}) + ", " + type({weight.columns}),
                 type({batch, tokens, weight.columns}));
  }
  std::string norm(const std::string &x, const Matrix &scale, const Matrix &bias) {
    std::string s = constant({channels}, scale), b = constant({channels}, bias), vector = type({channels});
    return value("layer_norm " + x + ", " + s + ", " + b +
                     " {axis = 2 : i64, epsilon = 1.0e-05 : f64, operandSegmentSizes = array<i32: 1, 1, 1>}",
                 whole + ", " + vector + ", " + vector, whole);
  }
  std::string binary(StringRef kind, const std::string &x, StringRef xType, const std::string &y, StringRef yType, StringRef result) {
    return value("binary " + kind + " " + x + ", " + y, xType + ", " + yType, result);
  }
  std::string add(const std::string &x, const std::string &y) { return binary("add", x, whole, y, whole, whole); }
  std::string reshape(const std::string &x, StringRef from, StringRef to) { return value("reshape " + x, from, to); }
  std::string slice(const std::string &x, StringRef from, ArrayRef<int64_t> starts, ArrayRef<int64_t> sizes) {
    return value("slice " + x + " {starts = array<i64: " + llvm::join(llvm::map_range(starts, [](int64_t i) { return std::to_string(i); }), ", ") +
                     ">, sizes = array<i64: " + llvm::join(llvm::map_range(sizes, [](int64_t i) { return std::to_string(i); }), ", ") +
                     ">, steps = array<i64: " + llvm::join(SmallVector<std::string>(sizes.size(), "1"), ", ") + ">}",
                 from, type(sizes));
  }

  void writeMask() {
    std::string inverse = binary("sub", scalar(1), type({}), "%flags", type({batch, tokens}), type({batch, tokens}));
    std::string scores = binary("mul", inverse, type({batch, tokens}), scalar(-10000), type({}), type({batch, tokens}));
    mask = reshape(scores, type({batch, tokens}), type({batch, 1, 1, tokens}));
  }
  /// [n, t, heads depth] as [n, heads, t, depth].
  std::string toHeads(const std::string &x, int64_t heads) {
    std::string apart = type({batch, tokens, heads, net.depth()});
    std::string split = reshape(x, type({batch, tokens, heads * net.depth()}), apart);
    return value("transpose " + split + " {perm = array<i64: 0, 2, 1, 3>}", apart, type({batch, heads, tokens, net.depth()}));
  }
  std::string turn(const std::string &x, int64_t heads) {
    const int64_t depth = net.depth(), half = depth / 2;
    auto [cosines, sines] = net.turns();
    std::string all = type({batch, heads, tokens, depth}), part = type({batch, heads, tokens, half}), table = type({tokens, depth});
    std::string low = slice(x, all, {0, 0, 0, 0}, {batch, heads, tokens, half});
    std::string high = slice(x, all, {0, 0, 0, half}, {batch, heads, tokens, half});
    std::string turned = value("concat " + value("unary neg " + high, part, part) + ", " + low + " {axis = 3 : i64}", part + ", " + part, all);
    std::string cosine = constant({tokens, depth}, cosines), sine = constant({tokens, depth}, sines);
    return binary("add", binary("mul", x, all, cosine, table, all), all, binary("mul", turned, all, sine, table, all), all, all);
  }
  std::string attention(const std::string &x, const SmallTransformer::Layer &layer) {
    const int64_t depth = net.depth(), keyChannels = net.keyHeads * depth;
    std::string placed = x;
    if (net.hasPositions)
      placed = binary("add", x, whole, constant({tokens, channels}, net.positions()), type({tokens, channels}), whole);
    if (net.hasGivenPositions)
      placed = binary("add", x, whole, "%positions", type({1, tokens, channels}), whole);
    std::string q, k, v;
    if (net.isPacked) {
      Matrix weight(channels, channels + 2 * keyChannels), bias(1, weight.columns);
      int64_t column = 0;
      for (auto [w, b] : {std::pair(&layer.query, &layer.queryBias), {&layer.key, &layer.keyBias}, {&layer.value, &layer.valueBias}})
        for (int64_t i = 0; i < w->columns; ++i, ++column) {
          bias(0, column) = (*b)(0, i);
          for (int64_t row = 0; row < channels; ++row)
            weight(row, column) = (*w)(row, i);
        }
      std::string packed = product(placed, weight, bias), packedType = type({batch, tokens, weight.columns});
      q = slice(packed, packedType, {0, 0, 0}, {batch, tokens, channels});
      k = slice(packed, packedType, {0, 0, channels}, {batch, tokens, keyChannels});
      v = slice(packed, packedType, {0, 0, channels + keyChannels}, {batch, tokens, keyChannels});
    } else {
      q = product(placed, layer.query, layer.queryBias);
      k = product(placed, layer.key, layer.keyBias);
      v = product(x, layer.value, layer.valueBias);
    }
    q = toHeads(q, net.heads);
    k = toHeads(k, net.keyHeads);
    v = toHeads(v, net.keyHeads);
    if (net.isRotary) {
      q = turn(q, net.heads);
      k = turn(k, net.keyHeads);
    }
    std::string queries = type({batch, net.heads, tokens, depth}), keys = type({batch, net.keyHeads, tokens, depth});
    std::string y = value("attention " + q + ", " + k + ", " + v + (mask.empty() ? "" : ", " + mask) + " {scale = 0.5 : f64}",
                          queries + ", " + keys + ", " + keys + (mask.empty() ? "" : ", " + type({batch, 1, 1, tokens})), queries);
    std::string back = type({batch, tokens, net.heads, depth});
    y = reshape(value("transpose " + y + " {perm = array<i64: 0, 2, 1, 3>}", queries, back), back, whole);
    y = product(y, layer.output, layer.outputBias);
    if (!net.zeroesPadding)
      return y;
    std::string flags = type({batch, tokens, 1}), bits = type({batch, tokens, 1}, "i1");
    std::string isPadding = value("compare eq " + reshape("%flags", type({batch, tokens}), flags) + ", " + scalar(0), flags + ", " + type({}), bits);
    return value("select " + isPadding + ", " + scalar(0) + ", " + y, bits + ", " + type({}) + ", " + whole, whole);
  }
  std::string convolution(const std::string &x, const Matrix &filter) {
    std::string turned = type({batch, channels, tokens});
    std::string y = value("transpose " + x + " {perm = array<i64: 0, 2, 1>}", whole, turned);
    y = value("conv " + y + ", " + constant({channels, 1, 3}, filter) + " {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, groups = " +
                  Twine(channels) + " : i64}",
              turned + ", " + type({channels, 1, 3}), turned);
    return value("transpose " + y + " {perm = array<i64: 0, 2, 1>}", turned, whole);
  }
  std::string mlp(const std::string &x, const SmallTransformer::Layer &layer) {
    std::string wide = type({batch, tokens, 2 * channels});
    return product(value("unary gelu " + product(x, layer.up, layer.upBias), wide, wide), layer.down, layer.downBias);
  }
  std::string block(std::string x, const SmallTransformer::Layer &layer) {
    if (net.isConvolved)
      x = add(x, convolution(x, layer.filter));
    if (net.isPreNorm) {
      std::string y = add(x, attention(norm(x, layer.firstScale, layer.firstBias), layer));
      return add(y, mlp(norm(y, layer.secondScale, layer.secondBias), layer));
    }
    std::string y = norm(add(x, attention(x, layer)), layer.firstScale, layer.firstBias);
    return norm(add(y, mlp(y, layer)), layer.secondScale, layer.secondBias);
  }
  /// The result and its type.
  std::pair<std::string, std::string> head(const std::string &x) {
    std::string row = type({batch, 1, channels}), vector = type({batch, channels});
    switch (net.head) {
    case Head::Some:
      return {slice(x, whole, {0, net.first, 0}, {batch, net.kept, channels}), type({batch, net.kept, channels})};
    case Head::Two: {
      std::string first = slice(x, whole, {0, 0, 0}, {batch, 1, channels}), second = slice(x, whole, {0, 1, 0}, {batch, 1, channels});
      return {binary("add", first, row, second, row, row), row};
    }
    case Head::Mean:
      return {value("reduce mean " + x + " {axes = array<i64: 1>}", whole, vector), vector};
    case Head::MaskedMean: {
      std::string flags = reshape("%flags", type({batch, tokens}), type({batch, tokens, 1}));
      std::string masked = binary("mul", x, whole, flags, type({batch, tokens, 1}), whole);
      std::string sum = value("reduce sum " + masked + " {axes = array<i64: 1>}", whole, vector);
      std::string number = value("reduce sum %flags {axes = array<i64: 1>, keep_dims}", type({batch, tokens}), type({batch, 1}));
      return {binary("div", sum, vector, number, type({batch, 1}), vector), vector};
    }
    case Head::All:
      break;
    }
    return {x, whole};
  }

  const SmallTransformer &net;
  int64_t batch, tokens, channels, count = 0;
  std::string whole, mask, body;
};
} // namespace

std::string SmallTransformer::text() const { return Writer(*this).text(); }

} // namespace fettle::test
