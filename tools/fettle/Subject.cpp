//===- Subject.cpp - what a verb runs: an artifact, or a model made one ---===//

#include "tools/fettle/Subject.h"
#include "codegen/artifact/OnnxArtifact.h"
#include "codegen/artifact/TensorType.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/Pipeline.h"
#include "tools/fettle/SavedBindings.h"
#include "tools/fettle/Spelling.h"
#include "llvm/Support/FileSystem.h"

namespace fettle::cli {

/// Compiles a model for this machine with the `float` recipe, into a temporary folder where the subject then lies.
llvm::Error Subject::compile(Environment &environment, llvm::StringRef model, const BindingChoices &bindings) {
  auto folder = TemporaryPath::makeFolder();
  if (!folder)
    return folder.takeError();
  temporary = std::move(*folder);
  where = temporary->path() + "/model";
  auto target = parseCpuTarget("cpu:native");
  if (!target)
    return target.takeError();
  CompileRequest request;
  request.model = model.str();
  request.output = where;
  request.target = std::move(*target);
  request.bindings = bindings;
  request.jobs = environment.cores;
  request.golden = false;
  return compileModel(environment, *context, request).takeError();
}

llvm::Expected<std::unique_ptr<Subject>> Subject::open(Environment &environment, mlir::MLIRContext &context,
                                                       llvm::StringRef path, const BindingChoices &bindings) {
  auto subject = std::make_unique<Subject>();
  subject->context = &context;
  subject->shown = subject->where = path.str();
  auto keepBindings = [&](const codegen::Manifest &manifest) {
    if (const llvm::json::Object *object = manifest.details.getObject("bindings"))
      subject->saved = *object;
  };
  if (!llvm::sys::fs::is_directory(path)) {
    if (llvm::Error error = subject->compile(environment, path, bindings))
      return std::move(error);
  } else if (auto manifest = codegen::Manifest::read(path); !manifest) {
    return withExitCode(manifest.takeError(), ExitCode::File);
  } else if (keepBindings(*manifest); manifest->opset > 0) {
    // An ONNX model, which has no dims to be bound.
    if (llvm::Error error = subject->compile(environment, (path + "/" + codegen::onnxFile(*manifest)).str(), {}))
      return std::move(error);
  }
  auto manifest = codegen::Manifest::read(subject->where);
  if (!manifest)
    return withExitCode(manifest.takeError(), ExitCode::File);
  subject->description = std::move(*manifest);
  if (subject->saved.empty())
    keepBindings(subject->description);
  for (const codegen::Manifest::Tensor &input : subject->description.first().inputs)
    if (!codegen::findAbiType(input.dtype))
      return makeFailure(ExitCode::File, path + "/manifest.json: input '" + input.name + "' has an unknown dtype");
  if (subject->isModel())
    for (size_t i = 0; i < subject->description.specializations.size(); ++i)
      subject->chosen.push_back(i);
  else if (llvm::Error error = subject->choose(bindings))
    return std::move(error);
  return subject;
}

BindingChoices Subject::savedBindings() const {
  BindingChoices bindings;
  inheritBindings(*context, saved, bindings);
  return bindings;
}

llvm::Error Subject::choose(const BindingChoices &bindings) {
  size_t count = description.specializations.size();
  BindingChoices own = savedBindings();
  std::vector<std::string> known;
  for (const auto &[name, values] : own.dims)
    known.push_back(name);
  for (const auto &[name, values] : bindings.dims)
    if (!own.dims.count(name))
      return makeFailure(ExitCode::Usage, shown + ": was compiled without --dim " + name,
                         known.empty() ? "it was compiled for " + description.listShapes() : suggestSpelling(name, known));
  auto hasShapes = [&](const codegen::Manifest::Specialization &specialization) {
    return llvm::all_of(bindings.shapes, [&](const auto &entry) {
      return llvm::any_of(specialization.inputs, [&](const codegen::Manifest::Tensor &input) {
        return input.name == entry.first && llvm::is_contained(entry.second, input.shape);
      });
    });
  };
  // Specializations are in the order of the combinations that they were compiled from.
  std::vector<Bindings> combinations;
  if (own.numCombinations() == count)
    combinations = own.combinations();
  else if (!bindings.dims.empty())
    return makeFailure(ExitCode::File, shown + "/manifest.json: does not say which dims its specializations have");
  BindingChoices dims;
  dims.dims = bindings.dims;
  for (size_t i = 0; i < count; ++i)
    if (hasShapes(description.specializations[i]) && (combinations.empty() || isAmong(combinations[i], dims)))
      chosen.push_back(i);
  if (chosen.empty())
    return makeFailure(ExitCode::Usage, shown + ": was not compiled for these sizes", "there are: " + description.listShapes());
  return llvm::Error::success();
}

std::string Subject::listShapes() const {
  std::string text;
  for (size_t i : chosen)
    text += (text.empty() ? "" : "; ") + description.shapesOf(i);
  return text;
}

std::vector<calibration::InputSpec> Subject::inputs(size_t specialization) const {
  std::vector<calibration::InputSpec> specs;
  for (const codegen::Manifest::Tensor &input : description.specializations[specialization].inputs)
    specs.push_back({input.name, mlir::RankedTensorType::get(
                                     input.shape, codegen::elementType(*codegen::findAbiType(input.dtype), context))});
  return specs;
}

llvm::Expected<size_t> Subject::select(llvm::ArrayRef<mlir::RankedTensorType> types) const {
  codegen::Manifest::Specialization called;
  for (size_t i : chosen)
    if (llvm::all_of(llvm::zip_equal(types, inputs(i)), [](const auto &pair) {
          const auto &[type, spec] = pair;
          return !type || type == spec.type;
        }))
      return i;
  for (auto [type, input] : llvm::zip_equal(types, description.first().inputs))
    if (type)
      called.inputs.push_back({input.name, input.dtype, type.getShape().vec()});
  return makeFailure(ExitCode::Rejected, shown + ": is not compiled for " + called.inputShapes(), "there are: " + listShapes());
}

BindingChoices Subject::teacherBindings(BindingChoices bindings, size_t specialization) const {
  BindingChoices own = savedBindings();
  if (own.numCombinations() == description.specializations.size())
    own.narrow(own.combinations()[specialization]);
  for (const auto &[name, values] : own.dims)
    bindings.dims[name] = values;
  for (const auto &[name, values] : own.shapes)
    bindings.shapes[name] = values;
  inheritBindings(*context, saved, bindings); // the constants
  return bindings;
}

Tolerance Subject::tolerance() const {
  Tolerance tolerance;
  if (const llvm::json::Object *numeric = description.details.getObject("numeric")) {
    tolerance.relative = numeric->getNumber("rtol").value_or(0);
    tolerance.ofLargest = numeric->getNumber("tolerance_of_largest").value_or(0);
  }
  return tolerance;
}

llvm::Expected<std::unique_ptr<codegen::LoadedModel>> Subject::load(unsigned threads) const {
  codegen::LoadOptions options;
  options.threads = threads;
  auto model = codegen::LoadedModel::open(where, options);
  if (!model)
    return withExitCode(model.takeError(), ExitCode::File);
  return model;
}

llvm::Expected<SampleData> readSamples(mlir::MLIRContext &context, const Subject &subject, llvm::StringRef path,
                                       const calibration::ImageOptions &images) {
  std::vector<std::vector<calibration::InputSpec>> inputs;
  for (size_t specialization : subject.specializations())
    inputs.push_back(subject.inputs(specialization));
  auto data = readSamples(context, inputs, path, images);
  if (data)
    data->specialization = subject.specializations()[data->specialization];
  return data;
}

} // namespace fettle::cli
