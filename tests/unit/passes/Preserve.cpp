//===- Preserve.cpp - do passes keep what a function computes? ------------===//

#include "tests/unit/passes/Preserve.h"
#include "ir/nn/Nn.h"
#include "ir/reference/Evaluate.h"
#include "ir/support/Origin.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tests/unit/reference/SameResults.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::test {

using Tensors = SmallVector<HostTensor>;

void loadDialects(MLIRContext &context) { context.loadDialect<nn::NnDialect, func::FuncDialect>(); }

/// Passes may leave out roundings to 16 bits between ops; each was half a step, and a few add up.
static double toleranceOf(Type element, double tolerance) {
  auto type = dyn_cast<FloatType>(element);
  return type && type.getWidth() == 16 ? std::max(tolerance, std::ldexp(4, -int(type.getFPMantissaWidth()) + 1)) : tolerance;
}

static std::vector<Tensors> evaluateAll(ModuleOp module) {
  std::vector<Tensors> results;
  for (auto function : module.getOps<func::FuncOp>()) {
    FailureOr<Tensors> result = reference::evaluate(function, makeInputs(function));
    EXPECT_TRUE(succeeded(result)) << function.getName().str();
    results.push_back(succeeded(result) ? *result : Tensors());
  }
  return results;
}

static void expectEqualResults(ModuleOp module, const std::vector<Tensors> &before, double tolerance, StringRef phase) {
  std::vector<Tensors> after = evaluateAll(module);
  ASSERT_EQ(before.size(), after.size());
  for (auto [index, function] : llvm::enumerate(module.getOps<func::FuncOp>())) {
    ASSERT_EQ(before[index].size(), after[index].size());
    for (size_t i = 0; i < before[index].size(); ++i)
      expectSame(before[index][i], after[index][i], toleranceOf(before[index][i].elementType(), tolerance),
                 function.getName() + " result " + Twine(i) + " after " + phase);
  }
}

static void runPasses(ModuleOp module, llvm::function_ref<void(OpPassManager &)> build) {
  PassManager passes(module.getContext());
  build(passes);
  ASSERT_TRUE(succeeded(passes.run(module)));
}

void expectPreserved(ModuleOp module, llvm::function_ref<void(OpPassManager &)> build, double tolerance) {
  std::vector<Tensors> before = evaluateAll(module);
  runPasses(module, build);
  expectEqualResults(module, before, tolerance, "the passes");
}

void expectPhasesPreserve(ModuleOp module, double tolerance) {
  std::vector<Tensors> before = evaluateAll(module);
  for (const PhaseInfo &info : phases()) {
    runPasses(module, [&](OpPassManager &passes) { buildPhase(passes, info.phase); });
    if (testing::Test::HasFatalFailure())
      return;
    expectEqualResults(module, before, tolerance, info.name);
  }
}

} // namespace fettle::test
