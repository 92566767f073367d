//===- TokenDump.h - pictures of what became one token ---------------------===//
#ifndef FETTLE_TOOLS_TOKENDUMP_H
#define FETTLE_TOOLS_TOKENDUMP_H

#include "tools/fettle/Calibration.h"
#include "tools/fettle/TokenReport.h"

namespace fettle::cli {

/// Draws the first samples of `calibration`, one SVG file in `folder` for each: the image, and which of its patches are one token, at
/// first and after each site where tokens go. `function` is in the form that the tokens phase leaves, `report` is about it. Gives a
/// sentence: what was drawn, or why nothing was, as with tokens that are no patches of an image. Exit code 4 for a folder
/// that cannot be written.
llvm::Expected<std::string> dumpTokens(mlir::func::FuncOp function, const TokenReport &report, Calibration &calibration,
                                       const std::string &folder);

} // namespace fettle::cli

#endif
