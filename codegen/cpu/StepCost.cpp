//===- StepCost.cpp - how long a step may take ----------------------------===//

#include "codegen/cpu/StepCost.h"
#include "ir/support/HostTensor.h"
#include "passes/fuse/FusionClass.h"

using namespace mlir;

namespace fettle::codegen {

/// A core of today; half of it or twice as much moves no decision by more than a layer.
constexpr double cyclesPerNanosecond = 3.5, vectorUnits = 2, cacheBytesPerCycle = 16;
/// Instructions for one vector of an exponential or the like.
constexpr double expensiveInstructions = 16;

static double instructions(nn::NnOpInterface op, const CpuTarget &target) {
  double lanes = target.vectorBytes / 4.0;
  if (double macs = op.getMacs()) {
    Type element = cast<RankedTensorType>(op->getOperand(0).getType()).getElementType();
    bool hasDotProduct = target.hasVnni || target.hasDotProduct;
    double each = element.isInteger(8) && hasDotProduct ? 4 : element.isBF16() && target.hasBf16DotProduct ? 2 : 1;
    return macs / (lanes * each) * (target.hasFma || each > 1 ? 1 : 2);
  }
  double elements = 0;
  for (Type type : op->getResultTypes())
    elements += cast<RankedTensorType>(type).getNumElements();
  return elements / lanes * (isExpensive(op) ? expensiveInstructions : 1);
}

int64_t estimateNanoseconds(nn::KernelOp kernel, const CpuTarget &target) {
  double cycles = 0;
  for (Operation &op : kernel.getBody().front())
    if (auto nnOp = dyn_cast<nn::NnOpInterface>(op); nnOp && !isa<nn::ConstantOp>(op))
      cycles += instructions(nnOp, target) / vectorUnits;
  for (Type type : llvm::concat<const Type>(llvm::to_vector(kernel->getOperandTypes()), llvm::to_vector(kernel->getResultTypes()))) {
    auto tensor = cast<RankedTensorType>(type);
    cycles += tensor.getNumElements() * elementBytes(tensor.getElementType()) / cacheBytesPerCycle;
  }
  return int64_t(cycles / cyclesPerNanosecond);
}

} // namespace fettle::codegen
