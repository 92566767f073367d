//===- Evaluation.h - accuracy on labelled or unlabelled samples ----------===//
#ifndef FETTLE_TOOLS_EVALUATION_H
#define FETTLE_TOOLS_EVALUATION_H

#include "calibration/AccuracyDrop.h"
#include "tools/fettle/Subject.h"
#include "tools/fettle/Teacher.h"

namespace fettle::cli {

/// Accuracy of a model, and of its teacher where there is one. A row is what has
/// one right answer: a sample, or a row of its batch.
struct Evaluation {
  int64_t samples = 0, rows = 0;
  std::optional<double> top1, teacherTop1; ///< per cent of rows; none without labels
  std::optional<double> agreement;         ///< per cent of rows with the teacher's class; none without teacher
  std::optional<double> sqnrDecibels;      ///< of the first output against the teacher's
  /// Per row: what the teacher scores above the student (1, 0 or -1). Empty without teacher.
  std::vector<int> losses;

  calibration::AccuracyDrop drop(double confidence) const;
  /// {"samples","top1","teacher_top1","agreement","sqnr_db"}.
  llvm::json::Object toJson() const;
};

/// `teacher` and `progress` (samples done, and all) may be null.
llvm::Expected<Evaluation> evaluateModel(mlir::MLIRContext &context, codegen::LoadedModel &student, Teacher *teacher,
                                         const calibration::Samples &samples,
                                         llvm::function_ref<void(int64_t done, int64_t total)> progress = nullptr);

/// How far a student's output is from its teacher's: the Kullback-Leibler divergence of the classes along the last axis, a
/// mean over the rows; where there is one number a row, the squared error relative to the teacher's power.
double outputDivergence(const HostTensor &student, const HostTensor &teacher);

} // namespace fettle::cli

#endif
