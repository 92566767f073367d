//===- Passes.h - the passes of passes/verify ----------------------------===//
#ifndef FETTLE_PASSES_VERIFY_PASSES_H
#define FETTLE_PASSES_VERIFY_PASSES_H

#include "ir/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Pass/Pass.h"

namespace fettle {

#define GEN_PASS_DECL
#include "passes/verify/Passes.h.inc"
#define GEN_PASS_REGISTRATION
#include "passes/verify/Passes.h.inc"

} // namespace fettle

#endif
