//===- Subject.h - what a verb runs: an artifact, or a model made one -----===//
#ifndef FETTLE_TOOLS_SUBJECT_H
#define FETTLE_TOOLS_SUBJECT_H

#include "codegen/artifact/Loader.h"
#include "tools/fettle/BindingChoices.h"
#include "tools/fettle/Comparison.h"
#include "tools/fettle/Environment.h"
#include "tools/fettle/OutputFile.h"
#include "tools/fettle/SampleData.h"

namespace fettle::cli {

/// An artifact as it stands, or a model compiled with the `float` recipe for this
/// machine into a temporary artifact: the float teacher. The artifact of target onnx is a model.
class Subject {
public:
  /// For a model, `bindings` are what it is compiled with. Of an artifact, they choose those specializations that were
  /// compiled with such dims and shapes. Errors carry exit codes.
  static llvm::Expected<std::unique_ptr<Subject>> open(Environment &environment, mlir::MLIRContext &context,
                                                       llvm::StringRef path, const BindingChoices &bindings);

  /// Where the artifact lies.
  const std::string &folder() const { return where; }
  const codegen::Manifest &manifest() const { return description; }
  bool isModel() const { return bool(temporary); }
  /// Specializations that the bindings chose: indices into manifest().specializations, at least one.
  llvm::ArrayRef<size_t> specializations() const { return chosen; }
  std::vector<calibration::InputSpec> inputs(size_t specialization) const;
  /// The chosen specialization whose inputs have the shapes of `types`; null types fit any. Errors: exit code 1, with
  /// the shapes there are.
  llvm::Expected<size_t> select(llvm::ArrayRef<mlir::RankedTensorType> types) const;
  /// `bindings`, with what else the subject was bound to for a specialization: what its teacher is compiled with.
  BindingChoices teacherBindings(BindingChoices bindings, size_t specialization) const;
  /// The tolerance its manifest states.
  Tolerance tolerance() const;

  /// Loads it; may be done more than once.
  llvm::Expected<std::unique_ptr<codegen::LoadedModel>> load(unsigned threads) const;

private:
  llvm::Error compile(Environment &environment, llvm::StringRef model, const BindingChoices &bindings);
  llvm::Error choose(const BindingChoices &bindings);
  BindingChoices savedBindings() const;
  /// "x 1x32; x 1x128" of those chosen.
  std::string listShapes() const;

  mlir::MLIRContext *context = nullptr;
  std::string shown; ///< the path as given, for messages
  std::string where;
  std::unique_ptr<TemporaryPath> temporary; ///< null for an artifact
  codegen::Manifest description;
  llvm::json::Object saved; ///< the bindings that it was made with, as a manifest has them
  std::vector<size_t> chosen;
};

/// readSamples() for the chosen specializations of `subject`.
llvm::Expected<SampleData> readSamples(mlir::MLIRContext &context, const Subject &subject, llvm::StringRef path,
                                       const calibration::ImageOptions &images);

} // namespace fettle::cli

#endif
