//===- InspectCommand.cpp - fettle inspect --------------------------------===//

#include "tools/fettle/InspectCommand.h"
#include "calibration/NpyFormat.h"
#include "codegen/artifact/Manifest.h"
#include "ir/nn/Nn.h"
#include "ir/onnx/Model.h"
#include "passes/tokens/TokenPlan.h"
#include "tools/fettle/Diagnostics.h"
#include "tools/fettle/ModelContext.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void InspectCommand::addOptions(CLI::App &app) {
  app.add_option("MODEL|DIR", path, "an ONNX model, or a compiled artifact")->type_name("")->required();
  modelOptions.addOptions(app);
}

llvm::Expected<ExitCode> InspectCommand::run(Environment &environment) {
  return llvm::sys::fs::is_directory(path) ? inspectArtifact(environment) : inspectModel(environment);
}

/// "float32[batch, 3, 224, 224]" as the file declares it.
static std::string describeDeclaration(const onnx::ValueInfo &value) {
  if (value.kind != "tensor")
    return value.kind;
  std::string text = onnx::dataTypeName(value.type);
  if (!value.hasShape)
    return text + "[of unknown rank]";
  text += "[";
  for (auto [i, dim] : llvm::enumerate(value.dims))
    text += (i ? ", " : "") + (dim.value >= 0 ? std::to_string(dim.value) : dim.symbol.empty() ? "?" : dim.symbol);
  return text + "]";
}

/// Inputs that are no weights.
static std::vector<const onnx::ValueInfo *> findInputs(const onnx::Graph &graph) {
  llvm::StringSet<> weights;
  for (const onnx::Tensor &tensor : graph.initializers)
    weights.insert(tensor.name);
  std::vector<const onnx::ValueInfo *> inputs;
  for (const onnx::ValueInfo &input : graph.inputs)
    if (!weights.contains(input.name))
      inputs.push_back(&input);
  return inputs;
}

/// Binds to `extent` every symbolic dimension that `bindings` leave open, so that
/// sizes can be counted; returns the names.
static std::vector<std::string> assumeOpenDims(llvm::ArrayRef<const onnx::ValueInfo *> inputs, int64_t extent,
                                               Bindings &bindings) {
  std::vector<std::string> assumed;
  for (const onnx::ValueInfo *input : inputs) {
    if (!input->hasShape || bindings.shapes.count(input->name))
      continue;
    bool unnamed = false;
    for (const onnx::Dim &dim : input->dims) {
      unnamed |= dim.value < 0 && dim.symbol.empty();
      if (dim.value < 0 && !dim.symbol.empty() && bindings.dims.try_emplace(dim.symbol, extent).second)
        assumed.push_back(dim.symbol);
    }
    if (!unnamed)
      continue;
    std::vector<int64_t> shape;
    for (const onnx::Dim &dim : input->dims)
      shape.push_back(dim.value >= 0 ? dim.value : dim.symbol.empty() ? extent : bindings.dims[dim.symbol]);
    bindings.shapes[input->name] = std::move(shape);
    assumed.push_back("unnamed dimensions of " + input->name);
  }
  return assumed;
}

namespace {
/// A model imported with its open dimensions assumed to have some extent.
struct Assumption {
  int64_t extent = 1;
  std::vector<std::string> dims;
  ImportResult imported;
};
} // namespace

/// Imports with open dimensions of 1, or, where such a tensor is too small for
/// the model (a window that does not fit), of 64.
static Assumption importWithAssumptions(mlir::MLIRContext &context, llvm::StringRef path,
                                        llvm::ArrayRef<const onnx::ValueInfo *> inputs, const Bindings &bindings) {
  Assumption best;
  for (int64_t extent : {1, 64}) {
    Bindings bound = bindings;
    Assumption candidate;
    candidate.extent = extent;
    candidate.dims = assumeOpenDims(inputs, extent, bound);
    candidate.imported = importModel(context, path, bound);
    if (extent == 1 || candidate.imported.problems.size() < best.imported.problems.size())
      best = std::move(candidate);
    if (best.imported.problems.empty() || best.dims.empty())
      break;
  }
  return best;
}

llvm::Expected<ExitCode> InspectCommand::inspectModel(Environment &environment) {
  ModelContext modelContext(environment.cores);
  mlir::MLIRContext &context = *modelContext;
  auto choices = modelOptions.parse(context);
  if (!choices)
    return choices.takeError();
  if (choices->numCombinations() > 1)
    return makeFailure(ExitCode::Usage, "a model is inspected for one size at a time", "give --dim and --shape one value each");
  Bindings bindings = choices->combinations().front();
  auto file = onnx::readModel(path);
  if (!file)
    return withExitCode(file.takeError(), ExitCode::File);
  const onnx::Graph &graph = (*file)->graph;
  std::vector<const onnx::ValueInfo *> inputs = findInputs(graph);
  DiagnosticCollector diagnostics(context);
  Assumption assumption = importWithAssumptions(context, path, inputs, bindings);
  ImportResult &imported = assumption.imported;
  if (imported.unreadable) {
    for (const Problem &problem : imported.problems)
      printProblem(environment.err, path, problem);
    return ExitCode::File;
  }

  int64_t parameters = 0;
  for (const onnx::Tensor &tensor : graph.initializers) {
    int64_t count = 1;
    for (int64_t extent : tensor.dims)
      count *= std::max<int64_t>(extent, 0);
    parameters += count;
  }
  std::optional<int64_t> macs;
  if (imported.module)
    macs = countMacs(imported.module->lookupSymbol<mlir::func::FuncOp>("main"));

  llvm::json::Object opsets;
  for (const auto &[domain, version] : imported.opsets)
    opsets[domain.empty() ? "ai.onnx" : domain] = version;
  llvm::json::Array inputList, outputList, unsupported, otherProblems;
  auto describe = [](const onnx::ValueInfo &value) {
    llvm::json::Array shape;
    for (const onnx::Dim &dim : value.dims)
      shape.push_back(dim.value >= 0 ? llvm::json::Value(dim.value) : llvm::json::Value(dim.symbol));
    return llvm::json::Object{
        {"name", value.name},
        {"dtype", onnx::dataTypeName(value.type)},
        {"shape", value.hasShape ? llvm::json::Value(std::move(shape)) : llvm::json::Value(nullptr)}};
  };
  for (const onnx::ValueInfo *input : inputs)
    inputList.push_back(describe(*input));
  for (const onnx::ValueInfo &output : graph.outputs)
    outputList.push_back(describe(output));
  for (const Problem &problem : imported.problems)
    (problem.op.empty() ? otherProblems : unsupported).push_back(problemToJson(problem));

  if (wantsText()) {
    llvm::raw_ostream &os = environment.out;
    os << path << ": " << imported.nodes << " nodes, " << parameters << " parameters";
    if (macs)
      os << ", " << *macs << " multiply-adds";
    os << '\n';
    for (const auto &[domain, version] : imported.opsets)
      os << "  opset   " << (domain.empty() ? "ai.onnx" : domain) << ' ' << version << '\n';
    for (const onnx::ValueInfo *input : inputs)
      os << "  input   " << input->name << ": " << describeDeclaration(*input) << '\n';
    for (const onnx::ValueInfo &output : graph.outputs)
      os << "  output  " << output.name << ": " << describeDeclaration(output) << '\n';
    if (!assumption.dims.empty())
      os << "  counted with " << llvm::join(assumption.dims, ", ") << " = " << assumption.extent << '\n';
    if (imported.problems.empty())
      os << "  every node can be compiled\n";
    else
      os << "  " << imported.problems.size() << (imported.problems.size() == 1 ? " problem keeps" : " problems keep")
         << " it from being compiled:\n";
    for (const Problem &problem : imported.problems)
      printProblem(os, path, problem);
  }
  llvm::json::Object assumed;
  for (const std::string &dim : assumption.dims)
    assumed[dim] = assumption.extent;
  if (llvm::Error error = writeJson(
          environment, llvm::json::Object{{"schema_version", 1},
                                          {"nodes", imported.nodes},
                                          {"opsets", std::move(opsets)},
                                          {"macs", macs ? llvm::json::Value(*macs) : llvm::json::Value(nullptr)},
                                          {"parameters", parameters},
                                          {"inputs", std::move(inputList)},
                                          {"outputs", std::move(outputList)},
                                          {"assumed_dims", std::move(assumed)},
                                          {"unsupported", std::move(unsupported)},
                                          {"problems", std::move(otherProblems)}}))
    return std::move(error);
  return ExitCode::Done;
}

llvm::Expected<ExitCode> InspectCommand::inspectArtifact(Environment &environment) {
  auto manifest = codegen::Manifest::read(path);
  if (!manifest)
    return withExitCode(manifest.takeError(), ExitCode::File);
  llvm::json::Object byPrecision;
  if (const llvm::json::Object *counts = manifest->details.getObject("macs_by_precision"))
    byPrecision = *counts;
  auto describe = [](const codegen::Manifest::Tensor &tensor) {
    return llvm::json::Object{
        {"name", tensor.name}, {"dtype", tensor.dtype}, {"shape", llvm::json::Array(tensor.shape)}};
  };
  const codegen::Manifest::Specialization &first = manifest->first();
  llvm::json::Array inputs, outputs, specializations;
  for (const codegen::Manifest::Tensor &input : first.inputs)
    inputs.push_back(describe(input));
  for (const codegen::Manifest::Tensor &output : first.outputs)
    outputs.push_back(describe(output));
  auto shapesOf = [](llvm::ArrayRef<codegen::Manifest::Tensor> tensors) {
    llvm::json::Object shapes;
    for (const codegen::Manifest::Tensor &tensor : tensors)
      shapes[tensor.name] = llvm::json::Array(tensor.shape);
    return shapes;
  };
  for (const codegen::Manifest::Specialization &specialization : manifest->specializations)
    specializations.push_back(llvm::json::Object{{"inputs", shapesOf(specialization.inputs)},
                                                 {"outputs", shapesOf(specialization.outputs)},
                                                 {"steps", specialization.steps.size()},
                                                 {"macs", specialization.macs()}});
  if (wantsText()) {
    llvm::raw_ostream &os = environment.out;
    auto print = [&](llvm::StringRef role, const codegen::Manifest::Tensor &tensor) {
      os << "  " << role << tensor.name << ": " << tensor.dtype << "[";
      llvm::interleaveComma(tensor.shape, os);
      os << "]\n";
    };
    os << path << ": " << manifest->name << " for " << manifest->targetName << ", " << first.steps.size()
       << " steps with " << manifest->numKernels << " kernels, " << first.macs() << " multiply-adds\n";
    for (const codegen::Manifest::Tensor &input : first.inputs)
      print("input   ", input);
    for (const codegen::Manifest::Tensor &output : first.outputs)
      print("output  ", output);
    if (manifest->specializations.size() > 1)
      for (auto [index, specialization] : llvm::enumerate(manifest->specializations))
        os << "  for     " << manifest->shapesOf(index) << ": " << specialization.steps.size() << " steps, "
           << specialization.macs() << " multiply-adds\n";
    os << "  weights " << manifest->weightsBytes << " bytes, arena " << manifest->arenaBytes << " bytes\n";
  }
  if (llvm::Error error = writeJson(
          environment, llvm::json::Object{
                           {"schema_version", 1},
                           {"name", manifest->name},
                           {"target", manifest->targetName},
                           {"macs", first.macs()},
                           {"macs_by_precision", std::move(byPrecision)},
                           {"kernels", manifest->numKernels},
                           {"steps", first.steps.size()},
                           {"weights_bytes", manifest->weightsBytes},
                           {"arena_bytes", manifest->arenaBytes},
                           {"inputs", std::move(inputs)},
                           {"outputs", std::move(outputs)},
                           {"specializations", std::move(specializations)}}))
    return std::move(error);
  return ExitCode::Done;
}

} // namespace fettle::cli
