//===- RoundTrip.cpp - what is exported computes what it did --------------===//

#include "tests/unit/export/RoundTrip.h"
#include "ir/export/Export.h"
#include "ir/import/Import.h"
#include "ir/nn/Nn.h"
#include "ir/reference/Evaluate.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "tests/unit/import/ModelBuilder.h"
#include "tests/unit/reference/SameResults.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::test {

using Tensors = SmallVector<HostTensor>;

OwningOpRef<ModuleOp> parseMain(MLIRContext &context, StringRef text) {
  context.loadDialect<nn::NnDialect, func::FuncDialect>();
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(text, &context);
  EXPECT_TRUE(module) << text.str();
  if (module)
    for (auto function : module->getOps<func::FuncOp>())
      function.setName("main");
  return module;
}

RoundTrip expectRoundTrip(ModuleOp module, int64_t opset, double tolerance) {
  SCOPED_TRACE("opset " + std::to_string(opset));
  RoundTrip trip;
  ExportOptions options;
  options.opset = opset;
  options.name = "test";
  ExportResult exported = exportModule(module, options);
  trip.problems = std::move(exported.problems);
  trip.model = std::move(exported.model);
  if (!trip.model)
    return trip;
  for (const onnx::Node &node : trip.model->graph.nodes)
    trip.operators.push_back(node.op);
  ModelFolder folder;
  if (llvm::Error error = onnx::writeModel(*trip.model, folder.file())) {
    ADD_FAILURE() << llvm::toString(std::move(error));
    return trip;
  }
  ImportResult imported = importModel(*module.getContext(), folder.file(), {});
  for (const Problem &problem : imported.problems)
    ADD_FAILURE() << "import: " << problem.node << " (" << problem.op << "): " << problem.reason;
  if (!imported.module)
    return trip;
  auto before = module.lookupSymbol<func::FuncOp>("main"), after = imported.module->lookupSymbol<func::FuncOp>("main");
  EXPECT_EQ(before.getFunctionType(), after.getFunctionType());
  Tensors inputs = makeInputs(before);
  FailureOr<Tensors> wanted = reference::evaluate(before, inputs), actual = reference::evaluate(after, inputs);
  EXPECT_TRUE(succeeded(wanted) && succeeded(actual));
  if (succeeded(wanted) && succeeded(actual))
    for (auto [i, pair] : llvm::enumerate(llvm::zip_equal(*wanted, *actual)))
      expectSame(std::get<0>(pair), std::get<1>(pair), tolerance, "result " + Twine(i));
  return trip;
}

RoundTrip expectRoundTrip(StringRef text, int64_t opset, double tolerance) {
  SCOPED_TRACE(text.str());
  MLIRContext context;
  OwningOpRef<ModuleOp> module = parseMain(context, text);
  if (!module)
    return {};
  RoundTrip trip = expectRoundTrip(*module, opset, tolerance);
  // Weights are views of the context.
  if (trip.model)
    trip.model->graph.initializers.clear();
  return trip;
}

} // namespace fettle::test
