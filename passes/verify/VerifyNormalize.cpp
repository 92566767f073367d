//===- VerifyNormalize.cpp - what normalization promises ---===//

#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_VERIFYNORMALIZEPASS
#include "passes/verify/Passes.h.inc"

static StringRef findBreach(Operation *op) {
  if (auto unary = dyn_cast<UnaryOp>(op); unary && unary.getKind() == UnaryKind::identity)
    return "an identity is left";
  if (op->use_empty())
    return "nothing reads this op";
  return {};
}

namespace {
struct VerifyNormalize : impl::VerifyNormalizePassBase<VerifyNormalize> {
  void runOnOperation() override {
    if (failed(checkOps(getOperation(), findBreach)))
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace

} // namespace fettle
