//===- Report.h - what is told about a compilation ------------------------===//
#ifndef FETTLE_TOOLS_REPORT_H
#define FETTLE_TOOLS_REPORT_H

#include "tools/fettle/Evaluation.h"
#include "tools/fettle/Pipeline.h"

namespace fettle::cli {

/// What --evaluation measured, and whether --max-drop allows it.
struct Accuracy {
  std::optional<Evaluation> evaluation;
  std::optional<Evaluation> before; ///< of what the recipe gave before layers or tokens were put back, if any were
  calibration::AccuracyDrop drop{0, 0, 0};
  double confidence = 0.95;
  std::optional<double> allowedDrop;
  bool passed = true;
};

/// The member "layers" of report.json and of a manifest's details (docs/cli.md). What was measured is told with `isMeasured`.
llvm::json::Array layersJson(llvm::ArrayRef<LayerReport> layers, bool isMeasured);

/// A line on weights that are fitted to rounded inputs, or why they are not.
std::string describeRefit(const RoundingRefit &refit);

/// The content of report.json (docs/cli.md).
llvm::json::Value reportJson(const CompileRequest &request, const CompileResult &result, const Accuracy &accuracy);

/// Writes report.json and report.html into the artifact.
llvm::Error writeReports(const CompileRequest &request, const CompileResult &result, const Accuracy &accuracy);

/// A few lines for people.
void printSummary(llvm::raw_ostream &os, const CompileRequest &request, const CompileResult &result,
                  const Accuracy &accuracy);

} // namespace fettle::cli

#endif
