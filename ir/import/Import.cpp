//===- Import.cpp - ONNX model to nn module -------------------------------===//

#include "ir/import/Import.h"
#include "ir/import/Emitter.h"
#include "ir/import/GraphImporter.h"
#include "ir/import/Inputs.h"
#include "ir/import/NodeImporter.h"
#include "ir/import/OperatorTable.h"
#include "ir/support/Origin.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;

namespace fettle {

/// IR versions before 3 named no opset.
static void completeOpsets(onnx::Model &model, ImportResult &result) {
  if (model.opsets.empty())
    model.opsets[""] = 1;
  for (const auto &entry : model.opsets)
    result.opsets.emplace_back(entry.getKey().str(), entry.getValue());
  llvm::sort(result.opsets);
}

/// Adds the results of @main and its terminator.
static void importOutputs(const onnx::Graph &graph, Scope &scope, GraphImporter &importer, func::FuncOp main,
                          OpBuilder &builder) {
  std::vector<std::string> names;
  for (const onnx::ValueInfo &output : graph.outputs) {
    if (output.kind != "tensor")
      importer.report({output.name, "Output", 0, "is a " + output.kind + ", not a tensor",
                       "export the model with plain tensors"});
    names.push_back(output.name);
  }
  if (names.empty())
    importer.report({"", "", 0, "the model has no outputs", "export it again"});
  std::vector<Value> values;
  for (const std::string &name : names) {
    if (name.empty())
      importer.report({"", "", 0, "an output of the model has no name", "export it again"});
    Value value = importer.lookupAll({name}, scope, {name, "Output", 0, "", ""}).front();
    if (value && isSequence(value))
      importer.report({name, "Output", 0, "is a sequence, not a tensor", "export the model with plain tensors"});
    else if (value)
      values.push_back(value);
  }
  if (values.size() != names.size())
    return;
  func::ReturnOp::create(builder, main.getLoc(), values);
  main.setType(builder.getFunctionType(main.getArgumentTypes(), ValueRange(values).getTypes()));
  for (auto [i, name] : llvm::enumerate(names))
    main.setResultAttr(i, "nn.name", builder.getStringAttr(name));
}

ImportResult importModel(MLIRContext &context, StringRef path, const Bindings &bindings) {
  context.loadDialect<nn::NnDialect, func::FuncDialect>();
  ImportResult result;
  llvm::Expected<std::shared_ptr<onnx::Model>> read = onnx::readModel(path);
  if (!read) {
    std::error_code code;
    std::string message;
    llvm::handleAllErrors(read.takeError(), [&](const llvm::ErrorInfoBase &error) {
      message = error.message();
      code = error.convertToErrorCode();
    });
    result.unreadable = code != llvm::inconvertibleErrorCode();
    result.problems.push_back({"", "", 0, message, ""});
    return result;
  }
  onnx::Model &model = **read;
  completeOpsets(model, result);
  result.nodes = model.graph.nodes.size();

  OpBuilder builder(&context);
  Location unknown = builder.getUnknownLoc();
  OwningOpRef<ModuleOp> module = ModuleOp::create(unknown);
  builder.setInsertionPointToEnd(module->getBody());
  auto main = func::FuncOp::create(builder, unknown, "main", builder.getFunctionType({}, {}));
  builder.setInsertionPointToEnd(main.addEntryBlock());
  auto poison = nn::ConstantOp::create(
      builder, unknown, DenseElementsAttr::get(RankedTensorType::get({}, builder.getF32Type()), 0.0f));

  GraphImporter importer(builder, model, poison, result.problems);
  if (int64_t opset = model.opsets.lookup(""); opset > newestOpset) {
    importer.report({"", "", opset, "the model uses opset " + std::to_string(opset) + "; the newest known is " +
                                        std::to_string(newestOpset),
                     "export or convert it to opset " + std::to_string(newestOpset) + " or older"});
    model.opsets[""] = newestOpset; // what else is wrong is worth knowing too
  }
  Scope scope;
  scope.opsets = &model.opsets;
  for (BoundInput &input : bindInputs(&context, model.graph, bindings, importer)) {
    Value value;
    if (input.constant) {
      value = nn::ConstantOp::create(builder, makeOriginLocation(&context, {input.name, "Input"}),
                                     input.constant->toAttribute(input.name));
    } else if (input.type) {
      unsigned index = main.getNumArguments();
      if (succeeded(main.insertArgument(index, input.type, {}, unknown)))
        value = main.getArgument(index);
      main.setArgAttr(index, "nn.name", builder.getStringAttr(input.name));
    }
    if (!scope.values.try_emplace(input.name, value).second)
      importer.report({input.name, "Input", 0, "the model has two inputs of this name", "export it again"});
  }
  importer.importGraph(model.graph, scope);
  importOutputs(model.graph, scope, importer, main, builder);
  if (!result.problems.empty())
    return result;
  // Sequences have been looked through, and nothing reads them any more.
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(main.front())))
    if (isa<UnrealizedConversionCastOp>(op) && op.use_empty())
      op.erase();
  poison.erase();
  result.module = std::move(module);
  return result;
}

} // namespace fettle
