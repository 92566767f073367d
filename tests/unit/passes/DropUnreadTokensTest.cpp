//===- DropUnreadTokensTest.cpp - heads that read one token ---------------===//

#include "passes/tokens/Passes.h"
#include "tests/unit/passes/FunctionTest.h"
#include "llvm/ADT/StringExtras.h"
#include <random>

using namespace mlir;

namespace fettle::test {

namespace {

/// Writes a vision transformer's encoder with random weights, and a head that reads `kept` tokens.
class Encoder {
public:
  int64_t batch = 1, tokens = 9, heads = 2, channels = 8, layers = 2;
  bool isPreNorm = true, isPacked = true;
  int64_t first = 0, kept = 1; ///< the tokens that the head reads

  std::string text() {
    std::string x = "%x";
    for (int64_t layer = 0; layer < layers; ++layer)
      x = block(x);
    std::string head = next();
    line(head + " = nn.slice " + x + " {starts = array<i64: 0, " + std::to_string(first) + ", 0>, sizes = array<i64: " + std::to_string(batch) +
         ", " + std::to_string(kept) + ", " + std::to_string(channels) + ">, steps = array<i64: 1, 1, 1>} : (" + type() + ") -> " + type({batch, kept, channels}));
    line("return " + head + " : " + type({batch, kept, channels}));
    return "func.func @f(%x: " + type() + ") -> " + type({batch, kept, channels}) + " {\n" + body + "}\n";
  }

private:
  static std::string type(ArrayRef<int64_t> shape) {
    std::string result = "tensor<";
    for (int64_t extent : shape)
      result += std::to_string(extent) + "x";
    return result + "f32>";
  }
  std::string type() const { return type({batch, tokens, channels}); }
  void line(const std::string &text) { body += "  " + text + "\n"; }
  std::string next() { return "%v" + std::to_string(count++); }

  std::string constant(ArrayRef<int64_t> shape) {
    int64_t elements = 1;
    for (int64_t extent : shape)
      elements *= extent;
    std::vector<float> values(elements);
    std::normal_distribution<float> normal(0, 0.5f);
    for (float &value : values)
      value = normal(random);
    std::string name = next();
    StringRef bytes(reinterpret_cast<const char *>(values.data()), values.size() * sizeof(float));
    line(name + " = nn.constant dense<\"0x" + llvm::toHex(bytes) + "\"> : " + type(shape));
    return name;
  }
  std::string product(const std::string &x, int64_t from, int64_t to) {
    std::string weight = constant({from, to}), bias = constant({to}), y = next();
    line(y + " = nn.matmul " + x + ", " + weight + ", " + bias + " : (" + type({batch, tokens, from}) + ", " + type({from, to}) + ", " + type({to}) +
         ") -> " + type({batch, tokens, to}));
    return y;
  }
  std::string norm(const std::string &x) {
    std::string scale = constant({channels}), bias = constant({channels}), y = next();
    line(y + " = nn.layer_norm " + x + ", " + scale + ", " + bias + " {axis = 2 : i64, epsilon = 1.0e-05 : f64, operandSegmentSizes = array<i32: 1, 1, 1>} : (" +
         type() + ", " + type({channels}) + ", " + type({channels}) + ") -> " + type());
    return y;
  }
  std::string add(const std::string &x, const std::string &y) {
    std::string z = next();
    line(z + " = nn.binary add " + x + ", " + y + " : (" + type() + ", " + type() + ") -> " + type());
    return z;
  }
  std::string column(const std::string &packed, int64_t part) {
    std::string y = next();
    line(y + " = nn.slice " + packed + " {starts = array<i64: 0, 0, " + std::to_string(part * channels) + ">, sizes = array<i64: " + std::to_string(batch) + ", " +
         std::to_string(tokens) + ", " + std::to_string(channels) + ">, steps = array<i64: 1, 1, 1>} : (" + type({batch, tokens, 3 * channels}) + ") -> " + type());
    return y;
  }
  std::string toHeads(const std::string &x) {
    std::string split = next(), y = next();
    std::string apart = type({batch, tokens, heads, channels / heads});
    line(split + " = nn.reshape " + x + " : (" + type() + ") -> " + apart);
    line(y + " = nn.transpose " + split + " {perm = array<i64: 0, 2, 1, 3>} : (" + apart + ") -> " + type({batch, heads, tokens, channels / heads}));
    return y;
  }
  std::string attention(const std::string &x) {
    std::string parts[3];
    std::string packed = isPacked ? product(x, channels, 3 * channels) : "";
    for (int64_t part = 0; part < 3; ++part)
      parts[part] = toHeads(isPacked ? column(packed, part) : product(x, channels, channels));
    std::string y = next(), moved = next(), joined = next();
    std::string apart = type({batch, heads, tokens, channels / heads}), back = type({batch, tokens, heads, channels / heads});
    line(y + " = nn.attention " + parts[0] + ", " + parts[1] + ", " + parts[2] + " {scale = 0.5 : f64} : (" + apart + ", " + apart + ", " + apart + ") -> " + apart);
    line(moved + " = nn.transpose " + y + " {perm = array<i64: 0, 2, 1, 3>} : (" + apart + ") -> " + back);
    line(joined + " = nn.reshape " + moved + " : (" + back + ") -> " + type());
    return product(joined, channels, channels);
  }
  std::string mlp(const std::string &x) {
    std::string hidden = product(x, channels, 2 * channels), y = next(), wide = type({batch, tokens, 2 * channels});
    line(y + " = nn.unary gelu " + hidden + " : (" + wide + ") -> " + wide);
    return product(y, 2 * channels, channels);
  }
  std::string block(const std::string &x) {
    if (isPreNorm) {
      std::string y = add(x, attention(norm(x)));
      return add(y, mlp(norm(y)));
    }
    std::string y = norm(add(x, attention(x)));
    return norm(add(y, mlp(y)));
  }

  std::mt19937 random{1};
  int64_t count = 0;
  std::string body;
};

class DropUnreadTokens : public FunctionTest {
protected:
  int64_t macs() {
    int64_t sum = 0;
    module->walk([&](nn::NnOpInterface op) { sum += op.getMacs(); });
    return sum;
  }
  void run() {
    expectPreserved(*module, [](OpPassManager &passes) { passes.nest<func::FuncOp>().addPass(createDropUnreadTokensPass()); }, 1e-6);
  }
};

/// Multiply-accumulates of the last block where `kept` of `t` tokens are read, all keys and values but no other queries.
int64_t lastBlockMacs(const Encoder &encoder) {
  int64_t c = encoder.channels, perToken = /*queries*/ c * c + /*attention*/ 2 * encoder.tokens * c + /*its product*/ c * c + /*mlp*/ 4 * c * c;
  return encoder.batch * (encoder.kept * perToken + encoder.tokens * 2 * c * c);
}

} // namespace

TEST_F(DropUnreadTokens, LastBlocks) {
  for (bool isPreNorm : {false, true})
    for (bool isPacked : {false, true})
      for (int64_t batch : {1, 2}) {
        SCOPED_TRACE((Twine(isPreNorm) + " " + Twine(isPacked) + " " + Twine(batch)).str());
        Encoder encoder;
        encoder.batch = batch;
        encoder.isPreNorm = isPreNorm;
        encoder.isPacked = isPacked;
        parse(encoder.text());
        int64_t before = macs();
        run();
        // The first block is all as it was.
        EXPECT_EQ(macs(), before / 2 + lastBlockMacs(encoder));
      }
}

TEST_F(DropUnreadTokens, TokensInTheMiddle) {
  Encoder encoder;
  encoder.first = 3;
  encoder.kept = 4;
  encoder.batch = 2;
  parse(encoder.text());
  int64_t before = macs();
  run();
  EXPECT_EQ(macs(), before / 2 + lastBlockMacs(encoder));
}

TEST_F(DropUnreadTokens, AllTokens) {
  Encoder encoder;
  encoder.kept = encoder.tokens;
  parse(encoder.text());
  int64_t before = macs(), ops = std::distance(function.front().begin(), function.front().end());
  run();
  EXPECT_EQ(macs(), before);
  EXPECT_LE(std::distance(function.front().begin(), function.front().end()), ops);
}

/// Running it again finds nothing more.
TEST_F(DropUnreadTokens, Twice) {
  parse(Encoder().text());
  run();
  std::string once, twice;
  llvm::raw_string_ostream(once) << *module;
  run();
  llvm::raw_string_ostream(twice) << *module;
  EXPECT_EQ(once, twice);
}

} // namespace fettle::test
