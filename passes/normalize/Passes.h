//===- Passes.h - the passes of passes/normalize ----------------------------===//
#ifndef FETTLE_PASSES_NORMALIZE_PASSES_H
#define FETTLE_PASSES_NORMALIZE_PASSES_H

#include "ir/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace fettle {

#define GEN_PASS_DECL
#include "passes/normalize/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/normalize/Passes.h.inc"

} // namespace fettle

#endif
