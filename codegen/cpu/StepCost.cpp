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

int64_t countBytes(nn::KernelOp kernel, const LoweredKernel &lowered) {
  auto bytesOf = [](ShapedType type) { return type.getNumElements() * elementBytes(type.getElementType()); };
  int64_t bytes = 0;
  for (auto [i, type] : llvm::enumerate(kernel->getOperandTypes())) {
    const OperandPacking *packing = lowered.packingOf(i);
    bytes += bytesOf(packing ? packing->packedType : cast<ShapedType>(type));
  }
  for (Type type : kernel->getResultTypes())
    bytes += bytesOf(cast<ShapedType>(type));
  return bytes;
}

int64_t estimateNanoseconds(nn::KernelOp kernel, const LoweredKernel &lowered, const CpuTarget &target) {
  double cycles = lowered.cycles ? *lowered.cycles : countBytes(kernel, lowered) / cacheBytesPerCycle;
  for (Operation &op : kernel.getBody().front()) {
    auto nnOp = dyn_cast<nn::NnOpInterface>(op);
    if (!nnOp || isa<nn::ConstantOp>(op) || (lowered.cycles && nnOp.getMacs() > 0))
      continue;
    cycles += instructions(nnOp, target) / vectorUnits;
  }
  return int64_t(cycles / cyclesPerNanosecond);
}

} // namespace fettle::codegen
