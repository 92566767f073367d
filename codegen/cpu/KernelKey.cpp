//===- KernelKey.cpp - when two kernels are the same code -----------------===//

#include "codegen/cpu/KernelKey.h"
#include "codegen/cpu/MemoryPlan.h"

using namespace mlir;

namespace fettle::codegen {

std::string kernelKey(nn::KernelOp kernel) {
  std::string key;
  llvm::raw_string_ostream os(key);
  DenseMap<Value, unsigned> numbers;
  for (auto [argument, operand] : llvm::zip(kernel.getBody().getArguments(), kernel.getInputs())) {
    numbers[argument] = numbers.size();
    os << (storageRoot(operand).getDefiningOp<nn::ConstantOp>() ? 'w' : 'x') << argument.getType() << ' ';
  }
  for (Operation &op : kernel.getBody().front()) {
    os << op.getName() << '(';
    for (Value operand : op.getOperands())
      os << numbers.lookup(operand) << ',';
    os << ')' << op.getAttrDictionary() << op.getResultTypes() << '\n';
    for (Value result : op.getResults())
      numbers[result] = numbers.size();
  }
  return key;
}

} // namespace fettle::codegen
