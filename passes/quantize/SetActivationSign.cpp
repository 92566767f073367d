//===- SetActivationSign.cpp - all activations of one sign ----------------===//
//
// Problem. A target, or a runtime that takes our ONNX, wants signed activations (with
// signed weights) or unsigned ones; a model or a recipe has chosen already.
// ActivationSign.cpp says why the numbers stay the same.
//
//===----------------------------------------------------------------------===//

#include "mlir/Transforms/GreedyPatternRewriteDriver.h"
#include "passes/quantize/IntegerPatterns.h"
#include "passes/quantize/Passes.h"

using namespace mlir;

namespace fettle {

#define GEN_PASS_DEF_SETACTIVATIONSIGNPASS
#include "passes/quantize/Passes.h.inc"

namespace {
struct SetActivationSign : impl::SetActivationSignPassBase<SetActivationSign> {
  using SetActivationSignPassBase::SetActivationSignPassBase;

  void runOnOperation() override {
    RewritePatternSet patterns(&getContext());
    populateActivationSign(patterns, isUnsigned);
    if (failed(applyPatternsGreedily(getOperation(), std::move(patterns))))
      signalPassFailure();
  }
};
} // namespace

} // namespace fettle
