//===- Evaluation.h - accuracy on labelled or unlabelled samples ----------===//
#ifndef FETTLE_TOOLS_EVALUATION_H
#define FETTLE_TOOLS_EVALUATION_H

#include "tools/fettle/Subject.h"

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

  /// {"samples","top1","teacher_top1","agreement","sqnr_db"}.
  llvm::json::Object toJson() const;
};

/// `teacher` may be null.
llvm::Expected<Evaluation> evaluateModel(mlir::MLIRContext &context, codegen::LoadedModel &student,
                                         codegen::LoadedModel *teacher, const calibration::Samples &samples);

/// A drop of accuracy in points, with the bounds between which the true one lies
/// at `confidence` (0.95): the normal approximation of the mean of paired losses.
struct AccuracyDrop {
  double points, low, high;
};
AccuracyDrop estimateDrop(llvm::ArrayRef<int> losses, double confidence);

} // namespace fettle::cli

#endif
