//===- TilePrefetchTest.cpp - what tiles fetch while they multiply --------===//

#include "codegen/cpu/CompileModule.h"
#include "codegen/cpu/KernelBuilders.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>
#include <map>

using namespace fettle;
using namespace mlir;

namespace {

/// Fetches in the code of a kernel, for reading and for writing, by the buffer (argument of the function) that they go to.
struct Fetches {
  std::map<unsigned, int> reads, writes;
};

Fetches fetchesOf(const char *text) {
  MLIRContext context;
  context.loadDialect<nn::NnDialect, func::FuncDialect>();
  codegen::loadCodegenDialects(context);
  auto source = parseSourceString<ModuleOp>(text, &context);
  auto kernel = *source->lookupSymbol<func::FuncOp>("main").getBody().getOps<nn::KernelOp>().begin();
  OwningOpRef<ModuleOp> module = ModuleOp::create(kernel.getLoc());
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  EXPECT_TRUE(succeeded(codegen::buildContraction(kernel, llvm::cantFail(parseCpuTarget("cpu:x86-64-v4")), b)));
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

} // namespace
