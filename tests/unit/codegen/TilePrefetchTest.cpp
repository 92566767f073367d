//===- TilePrefetchTest.cpp - what tiles fetch while they multiply --------===//

#include "codegen/cpu/CompileModule.h"
#include "codegen/cpu/KernelBuilders.h"
#include "tests/unit/codegen/RunKernel.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FormatVariadic.h"
#include <gtest/gtest.h>
#include <map>

using namespace fettle;
using namespace mlir;

namespace {

/// Fetches in the code of a kernel, for reading and for writing, by the buffer (argument of the function) that they go to.
struct Fetches {
  std::map<unsigned, int> reads, writes;
};

Fetches fetchesOf(const std::string &text, FailureOr<codegen::LoweredKernel> (*build)(nn::KernelOp, const CpuTarget &, OpBuilder &) = codegen::buildContraction) {
  MLIRContext context;
  context.loadDialect<nn::NnDialect, func::FuncDialect>();
  codegen::loadCodegenDialects(context);
  auto source = parseSourceString<ModuleOp>(text, &context);
  auto kernel = *source->lookupSymbol<func::FuncOp>("main").getBody().getOps<nn::KernelOp>().begin();
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  EXPECT_TRUE(succeeded(build(kernel, llvm::cantFail(parseCpuTarget("cpu:x86-64-v4")), b)));
  Fetches fetches;
  module->walk([&](memref::PrefetchOp op) {
    Value buffer = op.getMemref();
    while (Operation *view = buffer.getDefiningOp())
      buffer = view->getOperand(0);
    ++(op.getIsWrite() ? fetches.writes : fetches.reads)[cast<BlockArgument>(buffer).getArgNumber()];
  });
  return fetches;
}

// Tiles of 8 x 3 vectors: a turn of the loop fetches the three lines of a row. %a has the shape of the result, too, but is
// not read where the result is stored.
TEST(TilePrefetch, FetchesWhatIsAddedAndWhereItIsStored) {
  Fetches fetches = fetchesOf(R"(
func.func @main(%x: tensor<128x768xf32>, %w: tensor<768x768xf32>, %r: tensor<128x768xf32>) -> tensor<128x768xf32> {
  %0 = nn.kernel(%a = %x, %b = %w, %c = %r) attributes {kind = "matmul"} : (tensor<128x768xf32>, tensor<768x768xf32>, tensor<128x768xf32>) -> tensor<128x768xf32> {
    %1 = nn.matmul %a, %b : (tensor<128x768xf32>, tensor<768x768xf32>) -> tensor<128x768xf32>
    %2 = nn.binary add %1, %c : (tensor<128x768xf32>, tensor<128x768xf32>) -> tensor<128x768xf32>
    nn.yield %2 : tensor<128x768xf32>
  }
  return %0 : tensor<128x768xf32>
})");
  EXPECT_EQ(fetches.reads, (std::map<unsigned, int>{{2, 3}}));
  EXPECT_EQ(fetches.writes, (std::map<unsigned, int>{{3, 3}}));
}

// 64 steps, two in a turn, tiles of 28 rows of one vector: in the first half of 32 turns, two rows a turn.
TEST(TilePrefetch, LeavesOutNoRowWhereTurnsAreFew) {
  Fetches fetches = fetchesOf(R"(
func.func @main(%x: tensor<112x64xf32>, %w: tensor<64x16xf32>) -> tensor<112x16xf32> {
  %0 = nn.kernel(%a = %x, %b = %w) attributes {kind = "matmul"} : (tensor<112x64xf32>, tensor<64x16xf32>) -> tensor<112x16xf32> {
    %1 = nn.matmul %a, %b : (tensor<112x64xf32>, tensor<64x16xf32>) -> tensor<112x16xf32>
    nn.yield %1 : tensor<112x16xf32>
  }
  return %0 : tensor<112x16xf32>
})");
  EXPECT_EQ(fetches.reads, (std::map<unsigned, int>{}));
  EXPECT_EQ(fetches.writes, (std::map<unsigned, int>{{2, 2}}));
}

TEST(TilePrefetch, LeavesShortReductionsAlone) {
  Fetches fetches = fetchesOf(R"(
func.func @main(%x: tensor<128x16xf32>, %w: tensor<16x768xf32>) -> tensor<128x768xf32> {
  %0 = nn.kernel(%a = %x, %b = %w) attributes {kind = "matmul"} : (tensor<128x16xf32>, tensor<16x768xf32>) -> tensor<128x768xf32> {
    %1 = nn.matmul %a, %b : (tensor<128x16xf32>, tensor<16x768xf32>) -> tensor<128x768xf32>
    nn.yield %1 : tensor<128x768xf32>
  }
  return %0 : tensor<128x768xf32>
})");
  EXPECT_TRUE(fetches.reads.empty() && fetches.writes.empty());
}

Fetches fetchesOfDepthwise(int64_t height, int64_t width, int64_t channels, int64_t stride = 1) {
  std::string x = test::tensor({1, height, width, channels}), w = test::tensor({channels, 1, std::min<int64_t>(height, 3), 3});
  int64_t pad = height > 1;
  std::string y = test::tensor({1, (height - 1) / stride + 1, (width - 1) / stride + 1, channels});
  std::string types = llvm::formatv("({0}, {1}) -> {2}", x, w, y);
  return fetchesOf(llvm::formatv(R"(
func.func @main(%x: {0}) -> {1} {{
  %w = nn.constant dense<1.0> : {2}
  %0 = nn.kernel(%a = %x, %b = %w) attributes {{kind = "conv"} : {3} {{
    %1 = nn.conv %a, %b {{strides = array<i64: {4}, {4}>, pads = array<i64: {5}, 1, {5}, 1>, dilations = array<i64: 1, 1>, groups = {6} : i64, channels_last} : {3}
    nn.yield %1 : {1}
  }
  return %0 : {1}
})", x, y, w, types, stride, pad, channels),
                   codegen::buildDepthwise);
}

// A turn for a row of the window of 14 pixels fetches a third of the 15 lines that are new to the strip; once for each of the
// three spans: at the left edge, inside, and at the right edge.
TEST(DepthwisePrefetch, FetchesTheRowBelow) {
  EXPECT_EQ(fetchesOfDepthwise(56, 56, 144).reads, (std::map<unsigned, int>{{0, 3 * 5}}));
  const std::map<unsigned, int> none;
  EXPECT_EQ(fetchesOfDepthwise(14, 14, 576).reads, none);            // stays in the second level
  EXPECT_EQ(fetchesOfDepthwise(112, 112, 72).reads, none);           // vectors straddle lines
  EXPECT_EQ(fetchesOfDepthwise(112, 112, 96, /*stride=*/2).reads, none);
  EXPECT_EQ(fetchesOfDepthwise(1, 2000, 256).reads, none);           // there is no row below
}

} // namespace
