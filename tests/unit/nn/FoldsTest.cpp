//===- FoldsTest.cpp - ops that fold away ---------------------------------===//

#include "ir/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace fettle;

/// The names of the ops that folding leaves of a body from %x to the returned value, terminator excluded.
static std::vector<std::string> folded(StringRef from, StringRef body, StringRef result, StringRef to) {
  MLIRContext context;
  context.loadDialect<nn::NnDialect, func::FuncDialect>();
  std::string text =
      ("func.func @f(%x: " + from + ") -> " + to + " {\n" + body + "\nreturn " + result + " : " + to + "\n}").str();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(module);
  if (!module)
    return {};
  EXPECT_TRUE(succeeded(applyPatternsGreedily(*module, RewritePatternSet(&context))));
  std::vector<std::string> names;
  for (Operation &op : module->lookupSymbol<func::FuncOp>("f").getBody().front().without_terminator())
    names.push_back(op.getName().stripDialect().str());
  return names;
}

using Names = std::vector<std::string>;

TEST(NnFolds, IdentitiesVanish) {
  EXPECT_EQ(folded("tensor<2x3xf32>",
                   "%0 = nn.reshape %x : (tensor<2x3xf32>) -> tensor<2x3xf32>\n"
                   "%1 = nn.cast %0 : (tensor<2x3xf32>) -> tensor<2x3xf32>\n"
                   "%2 = nn.broadcast %1 : (tensor<2x3xf32>) -> tensor<2x3xf32>\n"
                   "%3 = nn.concat %2 {axis = 1 : i64} : (tensor<2x3xf32>) -> tensor<2x3xf32>\n"
                   "%4 = nn.slice %3 {starts = array<i64: 0, 0>, sizes = array<i64: 2, 3>, steps = array<i64: 1, 1>} "
                   ": (tensor<2x3xf32>) -> tensor<2x3xf32>",
                   "%4", "tensor<2x3xf32>"),
            Names());
}

TEST(NnFolds, ReversingSliceStays) {
  EXPECT_EQ(folded("tensor<3xf32>",
                   "%0 = nn.slice %x {starts = array<i64: 2>, sizes = array<i64: 3>, steps = "
                   "array<i64: -1>} : (tensor<3xf32>) -> tensor<3xf32>",
                   "%0", "tensor<3xf32>"),
            Names({"slice"}));
}

TEST(NnFolds, ReshapesAndTransposesCombine) {
  EXPECT_EQ(folded("tensor<2x3xf32>",
                   "%0 = nn.reshape %x : (tensor<2x3xf32>) -> tensor<6xf32>\n"
                   "%1 = nn.reshape %0 : (tensor<6xf32>) -> tensor<3x2xf32>",
                   "%1", "tensor<3x2xf32>"),
            Names({"reshape"}));
  EXPECT_EQ(folded("tensor<2x3x4xf32>",
                   "%0 = nn.transpose %x {perm = array<i64: 1, 2, 0>} : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>\n"
                   "%1 = nn.transpose %0 {perm = array<i64: 2, 0, 1>} : (tensor<3x4x2xf32>) -> tensor<2x3x4xf32>",
                   "%1", "tensor<2x3x4xf32>"),
            Names());
  EXPECT_EQ(folded("tensor<2x3x4xf32>",
                   "%0 = nn.transpose %x {perm = array<i64: 1, 2, 0>} : (tensor<2x3x4xf32>) -> tensor<3x4x2xf32>\n"
                   "%1 = nn.transpose %0 {perm = array<i64: 1, 2, 0>} : (tensor<3x4x2xf32>) -> tensor<4x2x3xf32>",
                   "%1", "tensor<4x2x3xf32>"),
            Names({"transpose"}));
}

TEST(NnFolds, ReshapedConstantsAreConstants) {
  EXPECT_EQ(folded("tensor<1xf32>",
                   "%0 = nn.constant dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf32>\n"
                   "%1 = nn.reshape %0 : (tensor<4xf32>) -> tensor<2x2xf32>",
                   "%1", "tensor<2x2xf32>"),
            Names({"constant"}));
}
