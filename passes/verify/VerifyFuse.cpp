//===- VerifyFuse.cpp - what fusion into weights promises ---===//

#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_VERIFYFUSEPASS
#include "passes/verify/Passes.h.inc"

static StringRef findBreach(Operation *op) {
  if (isa<BatchNormOp>(op))
    return "a batch norm is left; code generation knows products and sums";
  return {};
}

namespace {
struct VerifyFuse : impl::VerifyFusePassBase<VerifyFuse> {
  void runOnOperation() override {
    if (failed(checkOps(getOperation(), findBreach)))
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace

} // namespace fettle
