//===- StepCostTest.cpp - estimates that sharing is decided by ------------===//

#include "codegen/cpu/StepCost.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace fettle;

namespace {
/// The first kernel of a text, which must outlive it.
struct Parsed {
  explicit Parsed(const char *text) {
    context.loadDialect<mlir::func::FuncDialect, nn::NnDialect>();
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    kernel = *module->lookupSymbol<mlir::func::FuncOp>("main").getBody().getOps<nn::KernelOp>().begin();
  }
  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  nn::KernelOp kernel;
};

int64_t estimate(const char *kernelText, const char *targetName, const codegen::LoweredKernel &lowered = {}) {
  return codegen::estimateNanoseconds(Parsed(kernelText).kernel, lowered, llvm::cantFail(parseCpuTarget(targetName)));
}

const char *const product = R"(
func.func @main(%x: tensor<64x512xf32>, %w: tensor<512x512xf32>) -> tensor<64x512xf32> {
  %0 = nn.kernel(%a = %x, %b = %w) attributes {kind = "matmul"} : (tensor<64x512xf32>, tensor<512x512xf32>) -> tensor<64x512xf32> {
    %1 = nn.matmul %a, %b : (tensor<64x512xf32>, tensor<512x512xf32>) -> tensor<64x512xf32>
    nn.yield %1 : tensor<64x512xf32>
  }
  return %0 : tensor<64x512xf32>
})";

const char *const bytes = R"(
func.func @main(%x: tensor<64x512xui8>, %w: tensor<512x512xi8>) -> tensor<64x512xi32> {
  %0 = nn.kernel(%a = %x, %b = %w) attributes {kind = "matmul"} : (tensor<64x512xui8>, tensor<512x512xi8>) -> tensor<64x512xi32> {
    %1 = nn.matmul %a, %b : (tensor<64x512xui8>, tensor<512x512xi8>) -> tensor<64x512xi32>
    nn.yield %1 : tensor<64x512xi32>
  }
  return %0 : tensor<64x512xi32>
})";

const char *const halves = R"(
func.func @main(%x: tensor<64x512xbf16>, %w: tensor<512x512xbf16>) -> tensor<64x512xf32> {
  %0 = nn.kernel(%a = %x, %b = %w) attributes {kind = "matmul"} : (tensor<64x512xbf16>, tensor<512x512xbf16>) -> tensor<64x512xf32> {
    %1 = nn.matmul %a, %b {f32_sums} : (tensor<64x512xbf16>, tensor<512x512xbf16>) -> tensor<64x512xf32>
    nn.yield %1 : tensor<64x512xf32>
  }
  return %0 : tensor<64x512xf32>
})";

const char *const activation = R"(
func.func @main(%x: tensor<4096xf32>) -> tensor<4096xf32> {
  %0 = nn.kernel(%a = %x) attributes {kind = "map"} : (tensor<4096xf32>) -> tensor<4096xf32> {
    %1 = nn.unary relu %a : (tensor<4096xf32>) -> tensor<4096xf32>
    nn.yield %1 : tensor<4096xf32>
  }
  return %0 : tensor<4096xf32>
})";

// 64 x 512 x 512 multiply-adds, 16 lanes, two units, 3.5 GHz: 150 us, and 1.3 MB at 16 bytes a cycle: 23 us.
TEST(StepCost, CountsInstructionsAndBytes) {
  EXPECT_NEAR(estimate(product, "cpu:x86-64-v4"), 173000, 2000);
  EXPECT_LT(estimate(activation, "cpu:x86-64-v4"), 1000);
}

TEST(StepCost, NarrowerVectorsTakeLongerAndDotProductsLess) {
  EXPECT_GT(estimate(product, "cpu:x86-64-v3"), 1.8 * estimate(product, "cpu:x86-64-v4") - 25000);
  EXPECT_GT(estimate(product, "cpu:x86-64-v2"), 3 * estimate(product, "cpu:x86-64-v3"));
  EXPECT_LT(estimate(bytes, "cpu:x86-64-v4+vnni"), estimate(bytes, "cpu:x86-64-v4") / 2);
  EXPECT_LT(estimate(halves, "cpu:x86-64-v4+bf16"), 0.6 * estimate(product, "cpu:x86-64-v4+bf16"));
  EXPECT_GT(estimate(halves, "cpu:x86-64-v4"), 0.9 * estimate(product, "cpu:x86-64-v4") - 25000);
}

TEST(StepCost, BuildersKnowBetter) {
  codegen::LoweredKernel lowered;
  lowered.cycles = 35000;
  EXPECT_EQ(estimate(product, "cpu:x86-64-v4", lowered), 10000);
}

TEST(StepCost, CountsWeightsAsTheyArePacked) {
  Parsed parsed(product);
  EXPECT_EQ(codegen::countBytes(parsed.kernel, {}), 4 * (64 * 512 + 512 * 512 + 64 * 512));
  codegen::LoweredKernel lowered;
  lowered.packings.push_back({/*operand=*/1, mlir::MemRefType::get({4 * 512 * 512}, mlir::Float32Type::get(&parsed.context)), nullptr, "in panels"});
  EXPECT_EQ(codegen::countBytes(parsed.kernel, lowered), 4 * (64 * 512 + 4 * 512 * 512 + 64 * 512));
}
} // namespace
