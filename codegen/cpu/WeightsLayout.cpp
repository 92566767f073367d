//===- WeightsLayout.cpp - the weights file while it is laid out ----------===//

#include "codegen/cpu/WeightsLayout.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fettle::codegen {

int64_t WeightsLayout::place(ElementsAttr value, const OperandPacking *packing) {
  value = equals.find(value);
  std::pair key(value.getAsOpaquePointer(), packing ? packing->layout : std::string());
  auto [it, isNew] = offsets.try_emplace(std::move(key), model.weightsBytes);
  if (!isNew)
    return it->second;
  WeightSegment segment;
  segment.offset = model.weightsBytes;
  if (packing) {
    MemRefType type = packing->packedType;
    segment.bytes = type.getNumElements() * elementBytes(type.getElementType());
    segment.make = [value, pack = packing->pack] { return pack(HostTensor::fromAttribute(value)); };
  } else {
    auto type = cast<RankedTensorType>(value.getType());
    segment.bytes = type.getNumElements() * elementBytes(type.getElementType());
    segment.make = [value] {
      HostTensor tensor = HostTensor::fromAttribute(value);
      return std::vector<char>(tensor.bytes().begin(), tensor.bytes().end());
    };
  }
  model.weightsBytes = llvm::alignTo(segment.offset + segment.bytes, 64);
  model.weights.push_back(std::move(segment));
  return it->second;
}

} // namespace fettle::codegen
