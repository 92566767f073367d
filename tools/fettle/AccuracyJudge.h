//===- AccuracyJudge.h - students of one teacher, compared with it ---------===//
#ifndef FETTLE_TOOLS_ACCURACYJUDGE_H
#define FETTLE_TOOLS_ACCURACYJUDGE_H

#include "tools/fettle/Evaluation.h"
#include "tools/fettle/LayerTimes.h"
#include "tools/fettle/Pipeline.h"

namespace fettle::cli {

/// The float model of a compilation, ready to run beside artifacts made of it, and the samples they run on.
class AccuracyJudge {
public:
  /// Compiles the teacher for that specialization of the artifact of `request` which `data` are for; they are finite.
  static llvm::Expected<std::unique_ptr<AccuracyJudge>> open(Environment &environment, mlir::MLIRContext &context,
                                                             const CompileRequest &request, const SampleData &data);

  /// Accuracy of the artifact in `folder`, on all samples. `progress` as evaluateModel() takes it.
  llvm::Expected<Evaluation> evaluate(llvm::StringRef folder, llvm::function_ref<void(int64_t done, int64_t total)> progress = nullptr);
  /// Microseconds of a call of the artifact in `folder` on one thread, the shortest of many.
  llvm::Expected<double> latency(llvm::StringRef folder);
  /// Layers of the artifact in `folder`, which is for this machine, by the clock (LayerTimes.h), beside those of the teacher.
  llvm::Expected<std::map<std::string, LayerLatency>> timeLayers(llvm::StringRef folder, llvm::ArrayRef<LayerFacts> layers);
  /// outputDivergence() of the artifact in `folder`: a mean over a part of the samples, always the same. Labels are not
  /// looked at. For models that evaluate() accepts.
  llvm::Expected<double> divergence(llvm::StringRef folder);

private:
  AccuracyJudge(Environment &environment, mlir::MLIRContext &context) : environment(environment), context(context) {}
  llvm::Expected<std::unique_ptr<codegen::LoadedModel>> load(llvm::StringRef folder);

  Environment &environment;
  mlir::MLIRContext &context;
  std::unique_ptr<Subject> subject;
  std::optional<Teacher> teacher;
  calibration::Samples samples;
  size_t specialization = 0; ///< of artifacts, that the samples are for
};

} // namespace fettle::cli

#endif
