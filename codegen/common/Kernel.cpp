//===- Kernel.cpp - what a kernel builder gives ---------------------------===//

#include "codegen/common/Kernel.h"

using namespace mlir;

namespace fettle::codegen {

Type storageType(Type element) {
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), std::max(8u, integer.getWidth()));
  return element;
}

Type computeType(Type element) {
  if (element.isF16() || element.isBF16())
    return Float32Type::get(element.getContext());
  if (auto integer = dyn_cast<IntegerType>(element))
    return IntegerType::get(element.getContext(), integer.getWidth());
  return element;
}

MemRefType bufferType(RankedTensorType type) {
  // An argument without elements cannot become a bare pointer: it gets extents of 1, and is never touched.
  SmallVector<int64_t> shape(type.getShape());
  for (int64_t &extent : shape)
    extent = std::max<int64_t>(1, extent);
  return MemRefType::get(shape, storageType(type.getElementType()));
}

const OperandPacking *LoweredKernel::packingOf(unsigned operand) const {
  auto found = llvm::find_if(packings, [&](const OperandPacking &packing) { return packing.operand == operand; });
  return found == packings.end() ? nullptr : &*found;
}

KernelFrame::KernelFrame(nn::KernelOp kernel, OpBuilder &moduleBuilder, ArrayRef<MemRefType> packedTypes)
    : b(kernel.getLoc(), moduleBuilder.getContext()), numInputs(kernel.getInputs().size()) {
  SmallVector<Type> arguments;
  for (auto [i, type] : llvm::enumerate(kernel.getInputs().getTypes()))
    arguments.push_back(i < packedTypes.size() && packedTypes[i] ? packedTypes[i] : bufferType(cast<RankedTensorType>(type)));
  for (Type type : kernel.getOutputs().getTypes())
    arguments.push_back(bufferType(cast<RankedTensorType>(type)));
  arguments.append(2, moduleBuilder.getIndexType());
  function = func::FuncOp::create(moduleBuilder, kernel.getLoc(), "kernel", moduleBuilder.getFunctionType(arguments, {}));
  Block *entry = function.addEntryBlock();
  b.setInsertionPointToEnd(entry);
  auto end = func::ReturnOp::create(b);
  b.setInsertionPoint(end);
}

} // namespace fettle::codegen
