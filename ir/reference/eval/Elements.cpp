//===- Elements.cpp - elements of any type as double or int64 -------------===//

#include "ir/reference/eval/Elements.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>
#include <cstring>

using namespace mlir;

namespace fettle::reference {

template <typename T> static T load(const char *at) {
  T value;
  std::memcpy(&value, at, sizeof value);
  return value;
}
template <typename T> static void store(char *at, T value) { std::memcpy(at, &value, sizeof value); }

/// An IEEE half is its bits as an integer scaled, up to the exponent bias.
static double readHalf(const char *at) {
  uint16_t bits = load<uint16_t>(at);
  int exponent = (bits >> 10) & 31, mantissa = bits & 1023;
  double magnitude = exponent == 31  ? (mantissa ? std::nan("") : HUGE_VAL)
                     : exponent == 0 ? std::ldexp(mantissa, -24)
                                     : std::ldexp(mantissa + 1024, exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}
/// A bfloat16 is the upper half of a float.
static double readBrain(const char *at) {
  uint32_t bits = uint32_t(load<uint16_t>(at)) << 16;
  return load<float>(reinterpret_cast<const char *>(&bits));
}
static void writeNarrow(char *at, double value, const llvm::fltSemantics &semantics) {
  llvm::APFloat narrow(value);
  bool lossy;
  narrow.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &lossy);
  store(at, uint16_t(narrow.bitcastToAPInt().getZExtValue()));
}

template <typename T> static int64_t readInteger(const char *at) { return int64_t(load<T>(at)); }
template <typename T> static double readAsDouble(const char *at) { return double(load<T>(at)); }
template <typename T> static void writeInteger(char *at, int64_t value) { store(at, T(value)); }

/// Calls `use` with a zero of the C type that elements of `element` are stored in.
template <typename Use> static auto withStorage(Type element, Use use) {
  bool isUnsigned = element.isUnsignedInteger() || element.isSignlessInteger(1);
  switch (elementBytes(element)) {
  case 1:
    return isUnsigned ? use(uint8_t()) : use(int8_t());
  case 2:
    return isUnsigned ? use(uint16_t()) : use(int16_t());
  case 4:
    return isUnsigned ? use(uint32_t()) : use(int32_t());
  default:
    return isUnsigned ? use(uint64_t()) : use(int64_t());
  }
}

DoubleReader::DoubleReader(const HostTensor &tensor)
    : data(tensor.bytes().data()), size(elementBytes(tensor.elementType())) {
  Type element = tensor.elementType();
  read = element.isF32()    ? readAsDouble<float>
         : element.isF64()  ? readAsDouble<double>
         : element.isF16()  ? readHalf
         : element.isBF16() ? readBrain
                            : withStorage(element, [](auto zero) { return readAsDouble<decltype(zero)>; });
}

IntegerReader::IntegerReader(const HostTensor &tensor)
    : data(tensor.bytes().data()), size(elementBytes(tensor.elementType())),
      read(withStorage(tensor.elementType(), [](auto zero) { return readInteger<decltype(zero)>; })) {}

DoubleWriter::DoubleWriter(HostTensor &tensor)
    : data(tensor.mutableBytes().data()), size(elementBytes(tensor.elementType())) {
  Type element = tensor.elementType();
  if (element.isF32())
    write = [](char *at, double value) { store(at, float(value)); };
  else if (element.isF64())
    write = [](char *at, double value) { store(at, value); };
  else if (element.isF16())
    write = [](char *at, double value) { writeNarrow(at, value, llvm::APFloat::IEEEhalf()); };
  else
    write = [](char *at, double value) { writeNarrow(at, value, llvm::APFloat::BFloat()); };
}

IntegerWriter::IntegerWriter(HostTensor &tensor)
    : data(tensor.mutableBytes().data()), size(elementBytes(tensor.elementType())) {
  Type element = tensor.elementType();
  if (element.isSignlessInteger(1))
    write = [](char *at, int64_t value) { store(at, uint8_t(value & 1)); };
  else if (element.isUnsignedInteger(4))
    write = [](char *at, int64_t value) { store(at, uint8_t(value & 15)); };
  else if (element.isSignlessInteger(4))
    write = [](char *at, int64_t value) { store(at, int8_t(((value & 15) ^ 8) - 8)); };
  else
    write = withStorage(element, [](auto zero) { return writeInteger<decltype(zero)>; });
}

int64_t lowestInteger(Type element) {
  bool isUnsigned = element.isUnsignedInteger() || element.isSignlessInteger(1);
  return isUnsigned ? 0 : -(int64_t(1) << (element.getIntOrFloatBitWidth() - 2)) * 2;
}

int64_t highestInteger(Type element) {
  bool isUnsigned = element.isUnsignedInteger() || element.isSignlessInteger(1);
  unsigned width = element.getIntOrFloatBitWidth();
  return int64_t(~uint64_t(0) >> (64 - width + (isUnsigned ? 0 : 1)));
}

int64_t saturate(double value, Type element) {
  if (std::isnan(value))
    return 0;
  int64_t low = lowestInteger(element), high = highestInteger(element);
  bool isUnsigned64 = element.isUnsignedInteger(64);
  value = std::trunc(value);
  if (value <= double(low))
    return low;
  if (value >= (isUnsigned64 ? double(uint64_t(high)) : double(high)))
    return high;
  return isUnsigned64 ? int64_t(uint64_t(value)) : int64_t(value);
}

} // namespace fettle::reference
