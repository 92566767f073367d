//===- VerifyKernels.cpp - what code generation relies on -----------------===//

#include "passes/verify/Passes.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_VERIFYKERNELSPASS
#include "passes/verify/Passes.h.inc"

static LogicalResult verifyKernel(KernelOp kernel) {
  bool valid = true;
  auto breach = [&](Operation *op, const Twine &fact) {
    op->emitError(fact);
    valid = false;
  };
  if (!kernel->getAttrOfType<StringAttr>("kind"))
    breach(kernel, "kernel has no kind");
  SmallPtrSet<Value, 8> operands;
  for (Value operand : kernel.getInputs())
    if (!operands.insert(operand).second)
      breach(kernel, "kernel takes the same value twice");
  for (Operation &op : kernel.getBody().front()) {
    if (auto constant = dyn_cast<ConstantOp>(op);
        constant && constant.getOutput().getType().getNumElements() != 1 && !constant.getValue().isSplat())
      breach(&op, "a constant inside a kernel must be a splat; weights are operands");
    if (isa<KernelOp>(op))
      breach(&op, "kernels do not nest");
  }
  for (Value result : kernel.getBody().front().getTerminator()->getOperands())
    if (isa<BlockArgument>(result) || result.getDefiningOp<ConstantOp>())
      breach(kernel, "kernel gives back a value that it does not compute");
  return success(valid);
}

/// The value whose bytes `value` shows.
static Value storageOf(Value value) {
  while (auto view = value.getDefiningOp<ReshapeOp>())
    value = view.getInput();
  return value;
}

namespace {
struct VerifyKernels : impl::VerifyKernelsPassBase<VerifyKernels> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    bool valid = true;
    Block &block = function.getBody().front();
    for (Operation &op : block.without_terminator()) {
      if (auto kernel = dyn_cast<KernelOp>(op)) {
        valid &= succeeded(verifyKernel(kernel));
      } else if (!isa<ConstantOp, ReshapeOp>(op)) {
        op.emitError("no kernel computes this op");
        valid = false;
      }
    }
    SmallPtrSet<Value, 4> returned;
    for (auto [index, result] : llvm::enumerate(block.getTerminator()->getOperands())) {
      Value storage = storageOf(result);
      if (!storage.getDefiningOp<KernelOp>() || !returned.insert(storage).second) {
        block.getTerminator()->emitError() << "result " << index << " has no storage of its own";
        valid = false;
      }
    }
    if (!valid)
      signalPassFailure();
    markAllAnalysesPreserved();
  }
};
} // namespace

} // namespace fettle
