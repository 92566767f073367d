//===- LayerHtml.h - quantized layers on report.html -----------------------===//
#ifndef FETTLE_TOOLS_LAYERHTML_H
#define FETTLE_TOOLS_LAYERHTML_H

#include "tools/fettle/Report.h"

namespace fettle::cli {

/// The section "Layers" of a network that was quantized: the whole before and after, what stays in float and why, plots (inline SVG) of
/// what was measured layer by layer, and a table of it all.
void writeLayerSection(llvm::raw_ostream &os, const CompileResult &result, const Accuracy &accuracy);

} // namespace fettle::cli

#endif
