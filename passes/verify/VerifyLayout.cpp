//===- VerifyLayout.cpp - what the choice of layouts promises ---===//

#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_VERIFYLAYOUTPASS
#include "passes/verify/Passes.h.inc"

static StringRef findBreach(Operation *op) {
  bool isSpatial = isa<ConvOp, ConvTransposeOp, PoolOp>(op);
  if (isSpatial && cast<RankedTensorType>(op->getResult(0).getType()).getRank() > 2 && !op->getAttr("channels_last"))
    return "a spatial op is not channels-last";
  return {};
}

namespace {
struct VerifyLayout : impl::VerifyLayoutPassBase<VerifyLayout> {
  void runOnOperation() override {
    if (failed(checkOps(getOperation(), findBreach)))
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace

} // namespace fettle
