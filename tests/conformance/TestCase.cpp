//===- TestCase.cpp - one folder of the ONNX operator cases ---------------===//
#include "tests/conformance/TestCase.h"
#include "ir/import/Import.h"
#include "ir/nn/Nn.h"
#include "ir/onnx/ElementTypes.h"
#include "ir/onnx/Model.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "tests/conformance/Comparison.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Regex.h"

using namespace mlir;

namespace fettle::conformance {

static llvm::Expected<HostTensor> readTensorFile(MLIRContext &context, const std::string &path) {
  auto tensor = onnx::readTensor(path);
  if (!tensor)
    return tensor.takeError();
  return toHostTensor(&context, *tensor);
}

/// Reads input_0.pb, input_1.pb... or output_0.pb... of a test data set.
static llvm::Expected<std::vector<HostTensor>> readTensors(MLIRContext &context, llvm::StringRef folder,
                                                           llvm::StringRef kind) {
  std::vector<HostTensor> tensors;
  for (;;) {
    std::string path = (folder + "/test_data_set_0/" + kind + "_" + Twine(tensors.size()) + ".pb").str();
    if (!llvm::sys::fs::exists(path))
      return tensors;
    auto tensor = readTensorFile(context, path);
    if (!tensor)
      return tensor.takeError();
    tensors.push_back(*tensor);
  }
}

/// Names of the graph inputs that a caller must give: those without an initializer.
static llvm::Expected<std::vector<std::string>> inputNames(const std::string &model) {
  auto parsed = onnx::readModel(model);
  if (!parsed)
    return parsed.takeError();
  llvm::StringSet<> initialized;
  for (const onnx::Tensor &tensor : (*parsed)->graph.initializers)
    initialized.insert(tensor.name);
  std::vector<std::string> names;
  for (const onnx::ValueInfo &input : (*parsed)->graph.inputs)
    if (!initialized.contains(input.name))
      names.push_back(input.name);
  return names;
}

static std::string describe(llvm::ArrayRef<Problem> problems) {
  std::string text;
  for (const Problem &problem : problems) {
    text += text.empty() ? "" : "; ";
    text += problem.op.empty() ? problem.reason : problem.op + ": " + problem.reason;
  }
  return text;
}

/// Binds the inputs that the problems' remedies name in "--const NAME=". False if there is none that is not bound yet.
static bool bindConstants(llvm::ArrayRef<Problem> problems, const llvm::StringMap<HostTensor> &values,
                          Bindings &bindings) {
  llvm::Regex remedy("--const ([^=]+)=");
  bool bound = false;
  for (const Problem &problem : problems) {
    llvm::SmallVector<llvm::StringRef> groups;
    if (!remedy.match(problem.remedy, &groups))
      continue;
    auto value = values.find(groups[1]);
    if (value != values.end())
      bound |= bindings.constants.try_emplace(value->first(), value->second).second;
  }
  return bound;
}

/// The cases' data files hold bf16 as ui16: the same bytes as `type` where that is the whole difference.
static HostTensor asDeclared(const HostTensor &value, Type elementType) {
  if (!elementType.isBF16() || !value.elementType().isInteger(16))
    return value;
  auto owner = std::make_shared<HostTensor>(value);
  return HostTensor(RankedTensorType::get(value.shape(), elementType), owner->bytes(), owner);
}

static Outcome compareOutputs(llvm::ArrayRef<HostTensor> actual, llvm::ArrayRef<HostTensor> expected) {
  if (actual.size() != expected.size())
    return {Outcome::Mismatch, llvm::formatv("{0} outputs, expected {1}", actual.size(), expected.size())};
  for (size_t i = 0; i < actual.size(); ++i)
    if (std::string difference = compare(actual[i], asDeclared(expected[i], actual[i].elementType()));
        !difference.empty())
      return {Outcome::Mismatch, llvm::formatv("output {0}: {1}", i, difference)};
  return {Outcome::Passed, ""};
}

Outcome runCase(llvm::StringRef folder, Engine engine) {
  MLIRContext context(MLIRContext::Threading::DISABLED);
  context.loadDialect<nn::NnDialect, func::FuncDialect>();
  std::string model = (folder + "/model.onnx").str();
  auto names = inputNames(model);
  if (!names)
    return {Outcome::Unreadable, llvm::toString(names.takeError())};

  // A case with strings or sequences has data files that are no tensors: its model is
  // imported all the same, for the diagnosis.
  Bindings bindings;
  llvm::StringMap<HostTensor> values;
  auto inputs = readTensors(context, folder, "input");
  std::string unreadable = inputs ? "" : llvm::toString(inputs.takeError());
  if (unreadable.empty())
    for (auto [name, value] : llvm::zip(*names, *inputs)) {
      values[name] = value;
      bindings.shapes[name] = value.shape().vec();
    }

  ImportResult result = importModel(context, model, bindings);
  while (!result.problems.empty() && bindConstants(result.problems, values, bindings))
    result = importModel(context, model, bindings);
  if (!result.problems.empty())
    return {Outcome::Diagnosed, describe(result.problems)};
  if (!unreadable.empty())
    return {Outcome::Unreadable, unreadable};
  if (!result.module)
    return {Outcome::Mismatch, "import gives neither a module nor a problem"};

  std::vector<HostTensor> arguments;
  auto main = result.module->lookupSymbol<func::FuncOp>("main");
  for (unsigned i = 0; i < main.getNumArguments(); ++i) {
    auto name = main.getArgAttrOfType<StringAttr>(i, "nn.name");
    auto value = name ? values.find(name.getValue()) : values.end();
    if (value == values.end())
      return {Outcome::Mismatch, llvm::formatv("argument {0} of the imported function is not an input of the model", i)};
    arguments.push_back(asDeclared(value->second, getElementTypeOrSelf(main.getArgumentTypes()[i])));
  }
  auto expected = readTensors(context, folder, "output");
  if (!expected)
    return {Outcome::Unreadable, llvm::toString(expected.takeError())};
  auto actual = engine(*result.module, arguments);
  if (!actual)
    return {Outcome::Diagnosed, llvm::toString(actual.takeError())};
  return compareOutputs(*actual, *expected);
}

} // namespace fettle::conformance
