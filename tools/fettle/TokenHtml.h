//===- TokenHtml.h - removed tokens on report.html -------------------------===//
#ifndef FETTLE_TOOLS_TOKENHTML_H
#define FETTLE_TOOLS_TOKENHTML_H

#include "tools/fettle/TokenReport.h"

namespace fettle::cli {

/// The section "Tokens": what became of them layer by layer, and, if a front was measured, a plot of it (inline SVG).
void writeTokenSection(llvm::raw_ostream &os, const TokenReport &report);

} // namespace fettle::cli

#endif
