//===- Strided.cpp - walking index spaces ---------------------------------===//

#include "ir/reference/eval/Strided.h"
#include <cstring>

using namespace mlir;

namespace fettle::reference {

int64_t countElements(ArrayRef<int64_t> shape) {
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  return count;
}

Shape contiguousStrides(ArrayRef<int64_t> shape) {
  Shape strides(shape.size(), 1);
  for (int64_t axis = int64_t(shape.size()) - 2; axis >= 0; --axis)
    strides[axis] = strides[axis + 1] * shape[axis + 1];
  return strides;
}

Shape broadcastStrides(ArrayRef<int64_t> shape, ArrayRef<int64_t> result) {
  Shape own = contiguousStrides(shape), strides(result.size(), 0);
  size_t shift = result.size() - shape.size();
  for (size_t axis = 0; axis < shape.size(); ++axis)
    if (shape[axis] != 1)
      strides[shift + axis] = own[axis];
  return strides;
}

void copyStrided(const HostTensor &from, int64_t fromOffset, ArrayRef<int64_t> fromStrides, HostTensor &to,
                 int64_t toOffset, ArrayRef<int64_t> toStrides, ArrayRef<int64_t> shape) {
  int64_t size = elementBytes(from.elementType());
  const char *source = from.bytes().data() + fromOffset * size;
  char *target = to.mutableBytes().data() + toOffset * size;
  // Trailing axes that are contiguous on both sides are copied as one run.
  int64_t run = 1;
  while (!shape.empty() && fromStrides.back() == run && toStrides.back() == run) {
    run *= shape.back();
    shape = shape.drop_back();
    fromStrides = fromStrides.drop_back();
    toStrides = toStrides.drop_back();
  }
  std::array<Shape, 2> strides = {Shape(fromStrides), Shape(toStrides)};
  auto copyRuns = [&](auto copy) {
    forEachIndex(shape, strides, [&](int64_t, const std::array<int64_t, 2> &offsets) {
      copy(target + offsets[1] * size, source + offsets[0] * size);
    });
  };
  if (run != 1)
    copyRuns([bytes = run * size](char *to, const char *from) { std::memcpy(to, from, bytes); });
  else if (size == 1)
    copyRuns([](char *to, const char *from) { *to = *from; });
  else if (size == 2)
    copyRuns([](char *to, const char *from) { std::memcpy(to, from, 2); });
  else if (size == 4)
    copyRuns([](char *to, const char *from) { std::memcpy(to, from, 4); });
  else
    copyRuns([](char *to, const char *from) { std::memcpy(to, from, 8); });
}

HostTensor readStrided(const HostTensor &from, int64_t offset, ArrayRef<int64_t> strides, RankedTensorType type) {
  HostTensor result(type);
  copyStrided(from, offset, strides, result, 0, contiguousStrides(type.getShape()), type.getShape());
  return result;
}

} // namespace fettle::reference
