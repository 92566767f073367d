//===- Subject.cpp - what a verb runs: an artifact, or a model made one ---===//

#include "tools/fettle/Subject.h"
#include "codegen/artifact/OnnxArtifact.h"
#include "codegen/artifact/TensorType.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/Pipeline.h"
#include "llvm/Support/FileSystem.h"

namespace fettle::cli {

/// Compiles a model for this machine with the `float` recipe, into a temporary folder where the subject then lies.
llvm::Error Subject::compile(Environment &environment, mlir::MLIRContext &context, llvm::StringRef model, const Bindings &bindings) {
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
  return compileModel(environment, context, request).takeError();
}

llvm::Expected<std::unique_ptr<Subject>> Subject::open(Environment &environment, mlir::MLIRContext &context,
                                                       llvm::StringRef path, const Bindings &bindings) {
  auto subject = std::make_unique<Subject>();
  subject->where = path.str();
  if (!llvm::sys::fs::is_directory(path)) {
    if (llvm::Error error = subject->compile(environment, context, path, bindings))
      return std::move(error);
  } else if (auto manifest = codegen::Manifest::read(path); !manifest) {
    return withExitCode(manifest.takeError(), ExitCode::File);
  } else if (manifest->opset > 0) {
    // An ONNX model, which has no dims to be bound.
    if (llvm::Error error = subject->compile(environment, context, (path + "/" + codegen::onnxFile(*manifest)).str(), {}))
      return std::move(error);
  }
  auto manifest = codegen::Manifest::read(subject->where);
  if (!manifest)
    return withExitCode(manifest.takeError(), ExitCode::File);
  subject->description = std::move(*manifest);
  for (const codegen::Manifest::Tensor &input : subject->description.inputs) {
    const codegen::AbiType *type = codegen::findAbiType(input.dtype);
    if (!type)
      return makeFailure(ExitCode::File, path + "/manifest.json: input '" + input.name + "' has an unknown dtype");
    subject->inputSpecs.push_back(
        {input.name, mlir::RankedTensorType::get(input.shape, codegen::elementType(*type, &context))});
  }
  return subject;
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

llvm::Expected<calibration::Samples> readSamples(mlir::MLIRContext &context, const Subject &subject,
                                                 llvm::StringRef path) {
  if (llvm::sys::fs::is_directory(path))
    return makeFailure(ExitCode::Usage, path + ": is a folder; data are read from .npz files");
  auto arrays = calibration::readNpz(context, path);
  if (!arrays)
    return withExitCode(arrays.takeError(), ExitCode::File);
  auto samples = calibration::Samples::cut(subject.inputs(), std::move(*arrays));
  if (!samples)
    return makeFailure(ExitCode::Usage, path + ": " + llvm::toString(samples.takeError()),
                       "one array per model input, named as the input");
  return samples;
}

} // namespace fettle::cli
