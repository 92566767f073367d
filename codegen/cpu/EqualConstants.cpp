//===- EqualConstants.cpp - constants that hold the same bytes ------------===//

#include "codegen/cpu/EqualConstants.h"
#include "llvm/Support/xxhash.h"

using namespace mlir;

namespace fettle::codegen {

ElementsAttr EqualConstants::find(ElementsAttr value) {
  // MLIR stores equal dense attributes once; resources have names, and are never equal.
  if (!isa<DenseResourceElementsAttr>(value))
    return value;
  ElementsAttr &equal = known[value];
  if (equal)
    return equal;
  ArrayRef<char> bytes = HostTensor::fromAttribute(value).bytes();
  auto &candidates = byHash[llvm::xxh3_64bits(ArrayRef(reinterpret_cast<const uint8_t *>(bytes.data()), bytes.size()))];
  for (ElementsAttr candidate : candidates)
    if (candidate.getType() == value.getType() && HostTensor::fromAttribute(candidate).bytes() == bytes)
      return equal = candidate;
  candidates.push_back(value);
  return equal = value;
}

} // namespace fettle::codegen
