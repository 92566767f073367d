//===- DropUnreadTokensTest.cpp - heads that read one token ---------------===//

#include "passes/tokens/Passes.h"
#include "tests/unit/passes/FunctionTest.h"
#include "tests/unit/passes/SmallTransformer.h"

using namespace mlir;

namespace fettle::test {

namespace {

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
int64_t lastBlockMacs(const SmallTransformer &encoder) {
  int64_t c = encoder.channels, perToken = /*queries*/ c * c + /*attention*/ 2 * encoder.tokens * c + /*its product*/ c * c + /*mlp*/ 4 * c * c;
  return encoder.batch * (encoder.kept * perToken + encoder.tokens * 2 * c * c);
}

} // namespace

TEST_F(DropUnreadTokens, LastBlocks) {
  for (bool isPreNorm : {false, true})
    for (bool isPacked : {false, true})
      for (int64_t batch : {1, 2}) {
        SCOPED_TRACE((Twine(isPreNorm) + " " + Twine(isPacked) + " " + Twine(batch)).str());
        SmallTransformer encoder;
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
  SmallTransformer encoder;
  encoder.first = 3;
  encoder.kept = 4;
  encoder.batch = 2;
  parse(encoder.text());
  int64_t before = macs();
  run();
  EXPECT_EQ(macs(), before / 2 + lastBlockMacs(encoder));
}

TEST_F(DropUnreadTokens, AllTokens) {
  SmallTransformer encoder;
  encoder.kept = encoder.tokens;
  parse(encoder.text());
  int64_t before = macs(), ops = std::distance(function.front().begin(), function.front().end());
  run();
  EXPECT_EQ(macs(), before);
  EXPECT_LE(std::distance(function.front().begin(), function.front().end()), ops);
}

/// Running it again finds nothing more.
TEST_F(DropUnreadTokens, Twice) {
  parse(SmallTransformer().text());
  run();
  std::string once, twice;
  llvm::raw_string_ostream(once) << *module;
  run();
  llvm::raw_string_ostream(twice) << *module;
  EXPECT_EQ(once, twice);
}

} // namespace fettle::test
