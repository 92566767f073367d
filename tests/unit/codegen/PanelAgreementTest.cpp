//===- PanelAgreementTest.cpp - one packing for several kernels -----------===//

#include "codegen/cpu/PanelAgreement.h"
#include "codegen/cpu/CompileModule.h"
#include "codegen/cpu/EqualConstants.h"
#include "codegen/cpu/TileShape.h"
#include "mlir/Parser/Parser.h"
#include "mlir/Pass/PassManager.h"
#include "passes/Pipelines.h"
#include "llvm/Support/FormatVariadic.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::codegen {
namespace {

/// A kernel's wish, and its width where nobody else is asked.
struct Wish {
  PanelChoice choice;
  int64_t alone;
};

Wish wish(const CpuTarget &target, int64_t rows, int64_t columnVectors) {
  TileStep step = multiplyAddStep(target);
  return {{rows, columnVectors, step.parts, step.temporaries, 16 << 10}, chooseTile(target, rows, columnVectors).vectors};
}

double loss(const CpuTarget &target, const PanelChoice &kernel, int64_t vectors) {
  TileStep step{kernel.parts, kernel.temporaries};
  auto cycles = [&](int64_t vectors) {
    return tileCycles(kernel.rows, kernel.columnVectors, step, chooseTile(target, kernel.rows, kernel.columnVectors, step, vectors));
  };
  return cycles(vectors) / cycles(0) - 1;
}

TEST(PanelAgreement, CostsNextToNothing) {
  for (const char *name : {"cpu:x86-64-v2", "cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:aarch64"}) {
    CpuTarget target = llvm::cantFail(parseCpuTarget(name));
    for (int64_t columnVectors : {1, 2, 5, 12, 36, 80})
      for (const std::vector<int64_t> &rows : {std::vector<int64_t>{49, 196, 784}, {1, 64}, {1, 2, 3, 5, 7}}) {
        llvm::SmallVector<PanelChoice> group;
        for (int64_t count : rows)
          group.push_back(wish(target, count, columnVectors).choice);
        for (auto [kernel, width] : llvm::zip_equal(group, agreeOnPanels(target, group))) {
          EXPECT_GE(width, 1) << name;
          EXPECT_LE(width, columnVectors) << name;
          EXPECT_LE(loss(target, kernel, width), mostLoss) << name << ' ' << kernel.rows << " x " << columnVectors;
        }
      }
  }
}

TEST(PanelAgreement, BatchesOfANetworkShare) {
  CpuTarget target = llvm::cantFail(parseCpuTarget("cpu:x86-64-v4"));
  for (int64_t columnVectors : {4, 6, 10, 24, 80}) {
    llvm::SmallVector<PanelChoice> group;
    for (int64_t rows : {49, 196, 784})
      group.push_back(wish(target, rows, columnVectors).choice);
    llvm::SmallVector<int64_t> widths = agreeOnPanels(target, group);
    EXPECT_TRUE(llvm::all_equal(widths)) << columnVectors;
  }
}

TEST(PanelAgreement, ARowThatWaitsForItsWeightsTakesAnyWidth) {
  CpuTarget target = llvm::cantFail(parseCpuTarget("cpu:x86-64-v4"));
  llvm::SmallVector<PanelChoice> group{wish(target, 1, 63).choice, wish(target, 4, 63).choice};
  EXPECT_FALSE(llvm::all_equal(agreeOnPanels(target, group)));
  for (PanelChoice &kernel : group)
    kernel.bytes = 5 << 20;
  EXPECT_TRUE(llvm::all_equal(agreeOnPanels(target, group)));
}

TEST(PanelAgreement, OneKernelKeepsItsBest) {
  CpuTarget target = llvm::cantFail(parseCpuTarget("cpu:x86-64-v3"));
  for (int64_t rows : {1, 14, 196}) {
    Wish only = wish(target, rows, 20);
    EXPECT_EQ(agreeOnPanels(target, {only.choice}).front(), only.alone);
  }
}

/// A product with `rows` rows, as the kernels phase leaves it.
OwningOpRef<ModuleOp> makeProduct(MLIRContext &context, int64_t rows) {
  std::string text = llvm::formatv("func.func @main(%x: tensor<{0}x64xf32>) -> tensor<{0}x1280xf32> {{\n"
                                   "  %w = nn.constant dense<0.5> : tensor<64x1280xf32>\n"
                                   "  %0 = nn.matmul %x, %w : (tensor<{0}x64xf32>, tensor<64x1280xf32>) -> tensor<{0}x1280xf32>\n"
                                   "  return %0 : tensor<{0}x1280xf32>\n}",
                                   rows);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  PassManager passManager(&context);
  buildPhase(passManager, Phase::Kernels);
  EXPECT_TRUE(module && succeeded(passManager.run(*module)));
  return module;
}

TEST(PanelAgreement, WeightsAreStoredOnce) {
  MLIRContext context;
  loadCodegenDialects(context);
  CpuTarget target = llvm::cantFail(parseCpuTarget("cpu:x86-64-v4"));
  ASSERT_NE(chooseTile(target, 4, 80).vectors, chooseTile(target, 784, 80).vectors) << "nothing to agree on";
  OwningOpRef<ModuleOp> small = makeProduct(context, 4), large = makeProduct(context, 784);
  auto compile = [&](ArrayRef<ModuleOp> modules) { return llvm::cantFail(compileModule(modules, target, {})); };
  int64_t once = 64 * 1280 * 4;
  EXPECT_EQ(compile(*small).weightsBytes, once);
  CompiledModel both = compile({*small, *large});
  EXPECT_EQ(both.weightsBytes, once);
  EXPECT_EQ(both.specializations[1].steps[0].arguments[1].offset, 0);
  EXPECT_EQ(both.kernels.size(), 2u);
  // Nothing of it stays behind.
  EXPECT_EQ(compile({*small, *small}).kernels.size(), 1u);
  EXPECT_EQ(agreedPanelVectors(*small->lookupSymbol<func::FuncOp>("main").getOps<nn::KernelOp>().begin()), 0);
}

TEST(EqualConstants, AreFoundByTheirBytes) {
  MLIRContext context;
  context.loadDialect<nn::NnDialect>();
  HostTensor tensor(RankedTensorType::get({1024}, Float32Type::get(&context)));
  for (int64_t i = 0; i < 1024; ++i)
    tensor.setDouble(i, i);
  ElementsAttr first = tensor.toAttribute("w"), copy = tensor.toAttribute("w");
  ElementsAttr reshaped = tensor.reshaped({32, 32}).toAttribute("w");
  HostTensor other(tensor.type());
  other.setDouble(7, 1);
  EqualConstants equals;
  ASSERT_NE(first, copy);
  EXPECT_EQ(equals.find(first), first);
  EXPECT_EQ(equals.find(copy), first);
  EXPECT_EQ(equals.find(reshaped), reshaped);
  EXPECT_NE(equals.find(other.toAttribute("w")), first);
}

} // namespace
} // namespace fettle::codegen
