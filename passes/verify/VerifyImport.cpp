//===- VerifyImport.cpp - what the importer promises ---===//

#include "passes/verify/Contract.h"
#include "passes/verify/Passes.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_VERIFYIMPORTPASS
#include "passes/verify/Passes.h.inc"

static StringRef findBreach(Operation *op) {
  if (!isa_and_nonnull<NnDialect>(op->getDialect()))
    return "op is not of the nn dialect";
  if (isa<KernelOp>(op))
    return "kernels are formed later";
  return {};
}

namespace {
struct VerifyImport : impl::VerifyImportPassBase<VerifyImport> {
  void runOnOperation() override {
    if (failed(checkOps(getOperation(), findBreach)))
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace

} // namespace fettle
