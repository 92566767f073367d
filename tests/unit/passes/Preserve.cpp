//===- Preserve.cpp - do passes keep what a function computes? ------------===//

#include "tests/unit/passes/Preserve.h"
#include "ir/nn/Nn.h"
#include "ir/reference/Evaluate.h"
#include "ir/support/Origin.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;

namespace fettle::test {

using Tensors = SmallVector<HostTensor>;

void loadDialects(MLIRContext &context) { context.loadDialect<nn::NnDialect, func::FuncDialect>(); }

/// Floats are normal, integers in 0..3 (valid as indices almost everywhere), booleans even.
static Tensors makeInputs(func::FuncOp function) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  Tensors inputs;
  for (Type type : function.getArgumentTypes()) {
    HostTensor tensor(cast<RankedTensorType>(type));
    for (int64_t i = 0; i < tensor.numElements(); ++i)
      if (isa<FloatType>(tensor.elementType()))
        tensor.setDouble(i, normal(random));
      else
        tensor.setInteger(i, random() % (tensor.elementType().isInteger(1) ? 2 : 4));
    inputs.push_back(tensor);
  }
  return inputs;
}

static void compare(const HostTensor &before, const HostTensor &after, double tolerance, StringRef what) {
  ASSERT_EQ(before.type(), after.type()) << what.str();
  if (!isa<FloatType>(before.elementType())) {
    EXPECT_EQ(before.bytes(), after.bytes()) << what.str();
    return;
  }
  // Passes may leave out roundings to 16 bits between ops; each was half a step, and a few add up.
  auto element = cast<FloatType>(before.elementType());
  if (element.getWidth() == 16)
    tolerance = std::max(tolerance, std::ldexp(4, -int(element.getFPMantissaWidth()) + 1));
  double largest = 0, error = 0;
  for (int64_t i = 0; i < before.numElements(); ++i) {
    double x = before.doubleAt(i), y = after.doubleAt(i);
    if (std::isfinite(x))
      largest = std::max(largest, std::abs(x));
    if (!(x == y || (std::isnan(x) && std::isnan(y))))
      error = std::isfinite(x - y) ? std::max(error, std::abs(x - y)) : INFINITY;
  }
  EXPECT_LE(error, tolerance * std::max(largest, 1e-6)) << what.str() << ": largest value " << largest;
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
      compare(before[index][i], after[index][i], tolerance, (function.getName() + " result " + Twine(i) + " after " + phase).str());
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
