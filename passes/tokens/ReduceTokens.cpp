//===- ReduceTokens.cpp - transformers with fewer tokens -------------------===//

#include "passes/tokens/Passes.h"
#include "passes/tokens/TokenRewriter.h"

using namespace mlir;

namespace fettle {

#define GEN_PASS_DEF_REDUCETOKENSPASS
#include "passes/tokens/Passes.h.inc"

namespace {
struct ReduceTokens : impl::ReduceTokensPassBase<ReduceTokens> {
  using ReduceTokensPassBase::ReduceTokensPassBase;
  explicit ReduceTokens(const TokenPlan &plan) : plan(plan) {}

  void runOnOperation() override {
    TokenStreams streams(getOperation(), plan ? plan->variant.method : method);
    for (const TokenStream &stream : streams.streams())
      for (const std::string &problem : stream.problems)
        getOperation().emitRemark("tokens stay as they are: " + problem);
    auto chosen = plan ? llvm::Expected<TokenPlan>(*plan) : planTokens(getOperation(), streams, counts, {method, metric, matching, rounds});
    if (!chosen) {
      getOperation().emitError("counts has " + llvm::toString(chosen.takeError()));
      return signalPassFailure();
    }
    if (failed(reduceTokens(getOperation(), streams, *chosen)))
      signalPassFailure();
  }

  std::optional<TokenPlan> plan;
};
} // namespace

std::unique_ptr<Pass> createReduceTokensPass(const TokenPlan &plan) { return std::make_unique<ReduceTokens>(plan); }

} // namespace fettle
