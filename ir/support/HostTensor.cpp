//===- HostTensor.cpp - a tensor's bytes, with its type -------------------===//

#include "ir/support/HostTensor.h"
#include "mlir/IR/AsmState.h"
#include "mlir/IR/DialectResourceBlobManager.h"
#include "llvm/ADT/APFloat.h"
#include <cstring>

using namespace mlir;

namespace fettle {

int64_t elementBytes(Type type) { return std::max<int64_t>(1, type.getIntOrFloatBitWidth() / 8); }

HostTensor::HostTensor(RankedTensorType type)
    : tensorType(type), storage(std::make_shared<std::vector<char>>(type.getNumElements() * elementBytes(type.getElementType()))),
      owner(storage), view(*storage) {}

HostTensor::HostTensor(RankedTensorType type, ArrayRef<char> bytes, std::shared_ptr<const void> owner)
    : tensorType(type), owner(std::move(owner)), view(bytes) {
  assert(int64_t(bytes.size()) == type.getNumElements() * elementBytes(type.getElementType()));
}

MutableArrayRef<char> HostTensor::mutableBytes() {
  assert(storage && "a view is read-only");
  return *storage;
}

HostTensor HostTensor::reshaped(ArrayRef<int64_t> shape) const {
  HostTensor result = *this;
  result.tensorType = tensorType.clone(shape);
  return result;
}

HostTensor HostTensor::fromAttribute(ElementsAttr attribute) {
  auto type = cast<RankedTensorType>(attribute.getType());
  if (auto resource = dyn_cast<DenseResourceElementsAttr>(attribute)) {
    // The blob lives as long as the context; its bytes are ours to view.
    AsmResourceBlob *blob = resource.getRawHandle().getBlob();
    int64_t size = type.getNumElements() * elementBytes(type.getElementType());
    if (blob && int64_t(blob->getData().size()) == size)
      return HostTensor(type, blob->getData(), nullptr);
    return HostTensor(type);
  }
  HostTensor result(type);
  auto dense = cast<DenseElementsAttr>(attribute);
  Type element = type.getElementType();
  if (element.isIntOrIndex() && element.getIntOrFloatBitWidth() < 8) {
    int64_t i = 0;
    for (const APInt &value : dense.getValues<APInt>())
      result.mutableBytes()[i++] = char(element.isSignlessInteger(1) ? value.getZExtValue() : element.isUnsignedInteger() ? value.getZExtValue() : value.getSExtValue());
    return result;
  }
  ArrayRef<char> raw = dense.getRawData();
  if (!dense.isSplat()) {
    std::memcpy(result.mutableBytes().data(), raw.data(), raw.size());
    return result;
  }
  for (char *at = result.mutableBytes().data(), *end = at + result.mutableBytes().size(); at < end; at += raw.size())
    std::memcpy(at, raw.data(), raw.size());
  return result;
}

ElementsAttr HostTensor::toAttribute(StringRef name) const {
  Type element = elementType();
  bool splat = numElements() > 0;
  int64_t size = elementBytes(element);
  for (int64_t i = 1; splat && i < numElements(); ++i)
    splat = std::memcmp(view.data(), view.data() + i * size, size) == 0;
  if (!splat && int64_t(view.size()) > 1024) {
    // The deleter owns a reference to the storage: nothing is copied.
    auto keep = std::make_shared<std::shared_ptr<const void>>(owner);
    AsmResourceBlob::DeleterFn release = [keep](void *, size_t, size_t) mutable { keep.reset(); };
    AsmResourceBlob blob(view, /*dataAlignment=*/1, std::move(release), /*dataIsMutable=*/false);
    return DenseResourceElementsAttr::get(tensorType, name, std::move(blob));
  }
  int64_t count = splat ? 1 : numElements();
  if (element.isIntOrIndex() && element.getIntOrFloatBitWidth() < 8) {
    SmallVector<APInt> values;
    unsigned width = element.getIntOrFloatBitWidth();
    for (int64_t i = 0; i < count; ++i)
      values.push_back(APInt(width, uint64_t(uint8_t(view[i])), false, /*implicitTrunc=*/true));
    return DenseElementsAttr::get(tensorType, values);
  }
  return DenseElementsAttr::getFromRawBuffer(tensorType, view.take_front(count * size));
}

int64_t HostTensor::integerAt(int64_t i) const {
  Type element = elementType();
  bool isUnsigned = element.isUnsignedInteger() || element.isSignlessInteger(1);
  const char *at = view.data() + i * elementBytes(element);
  auto read = [&](auto sample) {
    std::memcpy(&sample, at, sizeof sample);
    return int64_t(sample);
  };
  switch (elementBytes(element)) {
  case 1: return isUnsigned ? read(uint8_t()) : read(int8_t());
  case 2: return isUnsigned ? read(uint16_t()) : read(int16_t());
  case 4: return isUnsigned ? read(uint32_t()) : read(int32_t());
  default: return read(int64_t());
  }
}

double HostTensor::doubleAt(int64_t i) const {
  Type element = elementType();
  const char *at = view.data() + i * elementBytes(element);
  if (element.isF32()) {
    float value;
    std::memcpy(&value, at, 4);
    return value;
  }
  if (element.isF64()) {
    double value;
    std::memcpy(&value, at, 8);
    return value;
  }
  if (auto type = dyn_cast<FloatType>(element)) {
    uint64_t bits = 0;
    std::memcpy(&bits, at, elementBytes(element));
    APFloat value(type.getFloatSemantics(), APInt(type.getWidth(), bits));
    bool lossy;
    value.convert(APFloat::IEEEdouble(), APFloat::rmNearestTiesToEven, &lossy);
    return value.convertToDouble();
  }
  int64_t value = integerAt(i);
  return element.isUnsignedInteger(64) ? double(uint64_t(value)) : double(value);
}

std::vector<int64_t> HostTensor::integers() const {
  std::vector<int64_t> values(numElements());
  for (int64_t i = 0; i < numElements(); ++i)
    values[i] = integerAt(i);
  return values;
}

std::vector<double> HostTensor::doubles() const {
  std::vector<double> values(numElements());
  for (int64_t i = 0; i < numElements(); ++i)
    values[i] = doubleAt(i);
  return values;
}

void HostTensor::setDouble(int64_t i, double value) {
  Type element = elementType();
  char *at = mutableBytes().data() + i * elementBytes(element);
  if (element.isF32()) {
    float narrow = float(value);
    std::memcpy(at, &narrow, 4);
  } else if (element.isF64()) {
    std::memcpy(at, &value, 8);
  } else if (auto type = dyn_cast<FloatType>(element)) {
    APFloat narrow(value);
    bool lossy;
    narrow.convert(type.getFloatSemantics(), APFloat::rmNearestTiesToEven, &lossy);
    uint64_t bits = narrow.bitcastToAPInt().getZExtValue();
    std::memcpy(at, &bits, elementBytes(element));
  } else {
    setInteger(i, element.isUnsignedInteger(64) ? int64_t(uint64_t(value)) : int64_t(value));
  }
}

void HostTensor::setInteger(int64_t i, int64_t value) {
  Type element = elementType();
  if (element.isSignlessInteger(1))
    value &= 1;
  else if (element.isUnsignedInteger(4))
    value &= 15;
  else if (element.isSignlessInteger(4))
    value = ((value & 15) ^ 8) - 8;
  std::memcpy(mutableBytes().data() + i * elementBytes(element), &value, elementBytes(element));
}

} // namespace fettle
