//===- FormIntegerIslands.cpp - quantized products in integers ------------===//
//
// Problem. A quantized network says what it means in pairs: values are rounded
// to 8 bits (quantize) and read as floats again (dequantize), and products stand
// between. Computed so, it is slower than the float network.
//
// How. sum (x - zx) sx (w - zw) sw = sx sw sum (x - zx) (w - zw): the scales leave
// the sum, which is then one of integers, exact in 32 bits. Sets of rewrites
// (IntegerPatterns.h) are applied until none fits; each shortens the way between
// two products or turns one op into its integer form, so they end.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/IntegerPatterns.h"
#include "passes/quantize/Passes.h"
#include "mlir/Transforms/GreedyPatternRewriteDriver.h"

using namespace mlir;

namespace fettle {

#define GEN_PASS_DEF_FORMINTEGERISLANDSPASS
#include "passes/quantize/Passes.h.inc"

namespace {
struct FormIntegerIslands : impl::FormIntegerIslandsPassBase<FormIntegerIslands> {
  using FormIntegerIslandsPassBase::FormIntegerIslandsPassBase;
  void runOnOperation() override {
    RewritePatternSet pairs(&getContext()), products(&getContext());
    // Signs first: later every dequantize may have moved away from its quantize.
    populateActivationSign(pairs, /*isUnsigned=*/true);
    populateNarrowProducts(pairs);
    populateProductBias(pairs);
    if (failed(applyPatternsGreedily(getOperation(), std::move(pairs))))
      return signalPassFailure();
    populateIntegerProducts(products);
    populateMoveQuantization(products);
    if (rule == IntegerRule::IeeeF32)
      populateRequantization(products);
    if (failed(applyPatternsGreedily(getOperation(), std::move(products))))
      return signalPassFailure();
    if (rule == IntegerRule::IeeeF32)
      return;
    // Once all that moves has moved, so that quantize stands behind what it quantizes. What has no form in multipliers and
    // shifts follows the other rule.
    RewritePatternSet rescales(&getContext()), rest(&getContext());
    populateFixedPointRequantization(rescales);
    populateRequantization(rest);
    if (failed(applyPatternsGreedily(getOperation(), std::move(rescales))) || failed(applyPatternsGreedily(getOperation(), std::move(rest))))
      signalPassFailure();
  }
};
} // namespace

} // namespace fettle
