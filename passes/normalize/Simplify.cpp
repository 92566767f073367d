//===- Simplify.cpp - removes ops that do nothing -------------------------===//

#include "passes/normalize/Simplify.h"
#include "passes/normalize/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace fettle {

#define GEN_PASS_DEF_SIMPLIFYPASS
#include "passes/normalize/Passes.h.inc"

namespace {
struct Simplify : impl::SimplifyPassBase<Simplify> {
  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populatePointwiseSimplifications(patterns);
    populateBroadcastSimplifications(patterns);
    populateClampSimplifications(patterns);
    populateMovementSimplifications(patterns);
    populateViewSimplifications(patterns);
    populateShapeSimplifications(patterns);
    // Stopping early leaves a correct function, only a longer one.
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      getOperation().emitRemark("rewriting stopped before nothing was left to do");
  }
};
} // namespace

} // namespace fettle
