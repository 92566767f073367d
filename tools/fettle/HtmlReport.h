//===- HtmlReport.h - report.html -----------------------------------------===//
#ifndef FETTLE_TOOLS_HTMLREPORT_H
#define FETTLE_TOOLS_HTMLREPORT_H

#include "tools/fettle/Report.h"

namespace fettle::cli {

/// One page without scripts and without anything loaded from elsewhere: sizes,
/// accuracy, tokens, layers, time per phase, multiply-adds per step.
std::string htmlReport(const CompileResult &result, const codegen::Manifest &manifest, const Accuracy &accuracy);

} // namespace fettle::cli

#endif
