//===- Subject.h - what a verb runs: an artifact, or a model made one -----===//
#ifndef FETTLE_TOOLS_SUBJECT_H
#define FETTLE_TOOLS_SUBJECT_H

#include "calibration/Samples.h"
#include "codegen/artifact/Loader.h"
#include "ir/import/Import.h"
#include "tools/fettle/Comparison.h"
#include "tools/fettle/Environment.h"
#include "tools/fettle/OutputFile.h"

namespace fettle::cli {

/// An artifact as it stands, or a model compiled with the `float` recipe for this
/// machine into a temporary artifact: the float teacher. The artifact of target onnx is a model.
class Subject {
public:
  /// `bindings` are for models only. Errors carry exit codes.
  static llvm::Expected<std::unique_ptr<Subject>> open(Environment &environment, mlir::MLIRContext &context,
                                                       llvm::StringRef path, const Bindings &bindings);

  /// Where the artifact lies.
  const std::string &folder() const { return where; }
  const codegen::Manifest &manifest() const { return description; }
  bool isModel() const { return bool(temporary); }
  llvm::ArrayRef<calibration::InputSpec> inputs() const { return inputSpecs; }
  /// The tolerance its manifest states.
  Tolerance tolerance() const;

  /// Loads it; may be done more than once.
  llvm::Expected<std::unique_ptr<codegen::LoadedModel>> load(unsigned threads) const;

private:
  llvm::Error compile(Environment &environment, mlir::MLIRContext &context, llvm::StringRef model, const Bindings &bindings);

  std::string where;
  std::unique_ptr<TemporaryPath> temporary; ///< null for an artifact
  codegen::Manifest description;
  std::vector<calibration::InputSpec> inputSpecs;
};

/// Reads a .npz file and cuts it into samples for `subject`.
llvm::Expected<calibration::Samples> readSamples(mlir::MLIRContext &context, const Subject &subject,
                                                 llvm::StringRef path);

} // namespace fettle::cli

#endif
