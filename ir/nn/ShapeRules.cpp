//===- ShapeRules.cpp - checks shared by shape inference and verifiers ----===//

#include "ir/nn/ShapeRules.h"

using namespace mlir;

namespace fettle::nn {

static bool hasTooManyElements(ArrayRef<int64_t> shape) {
  int64_t product = 1;
  for (int64_t extent : shape)
    if (llvm::MulOverflow(product, std::max<int64_t>(extent, 1), product) || product > maxElements)
      return true;
  return false;
}

bool isTensor(Type type) {
  auto tensor = dyn_cast<RankedTensorType>(type);
  if (!tensor || tensor.getEncoding() || !tensor.hasStaticShape() || hasTooManyElements(tensor.getShape()))
    return false;
  Type element = tensor.getElementType();
  if (isFloat(element) || isBoolean(element))
    return true;
  auto integer = dyn_cast<IntegerType>(element);
  return integer && !integer.isSigned() && llvm::is_contained({4u, 8u, 16u, 32u, 64u}, integer.getWidth());
}

bool isBoolean(Type element) { return element.isSignlessInteger(1); }
bool isInteger(Type element) { return isa<IntegerType>(element) && !isBoolean(element); }
bool isFloat(Type element) { return isa<Float16Type, BFloat16Type, Float32Type, Float64Type>(element); }

std::string formatShape(ArrayRef<int64_t> shape) {
  if (shape.empty())
    return "scalar";
  return llvm::join(llvm::map_range(shape, [](int64_t extent) { return std::to_string(extent); }), "x");
}

LogicalResult checkAxis(OptionalLocation location, int64_t axis, int64_t rank) {
  if (axis < 0 || axis >= rank)
    return emitOptionalError(location, "axis ", axis, " does not exist in a tensor of rank ", rank);
  return success();
}

LogicalResult checkFloat(OptionalLocation location, StringRef what, Value value) {
  if (!isFloat(elementOf(value)))
    return emitOptionalError(location, what, " has elements ", elementOf(value), "; floats are needed");
  return success();
}

LogicalResult checkList(OptionalLocation location, StringRef what, ArrayRef<int64_t> values, size_t count,
                        int64_t low) {
  if (values.size() != count)
    return emitOptionalError(location, what, " has ", values.size(), " values; ", count, " are needed");
  for (int64_t value : values)
    if (value < low || value > maxAttributeValue)
      return emitOptionalError(location, what, " holds ", value, ", outside [", low, ", ", maxAttributeValue, "]");
  return success();
}

FailureOr<Shape> broadcast(OptionalLocation location, ArrayRef<int64_t> a, ArrayRef<int64_t> b) {
  Shape result(std::max(a.size(), b.size()), 1);
  for (size_t i = 0; i < result.size(); ++i) {
    int64_t x = i < a.size() ? a[a.size() - 1 - i] : 1;
    int64_t y = i < b.size() ? b[b.size() - 1 - i] : 1;
    if (x != y && x != 1 && y != 1)
      return emitOptionalError(location, "shapes ", formatShape(a), " and ", formatShape(b),
                               " do not broadcast together");
    result[result.size() - 1 - i] = x == 1 ? y : x;
  }
  return result;
}

LogicalResult checkBroadcastsTo(OptionalLocation location, StringRef what, ArrayRef<int64_t> from,
                                ArrayRef<int64_t> to) {
  bool fits = from.size() <= to.size();
  for (size_t i = 0; fits && i < from.size(); ++i) {
    int64_t x = from[from.size() - 1 - i];
    fits = x == 1 || x == to[to.size() - 1 - i];
  }
  if (!fits)
    return emitOptionalError(location, what, " of shape ", formatShape(from), " does not broadcast to ",
                             formatShape(to));
  return success();
}

LogicalResult addResult(OptionalLocation location, ArrayRef<int64_t> shape, Type element,
                        SmallVectorImpl<Type> &results) {
  for (int64_t extent : shape)
    if (extent < 0)
      return emitOptionalError(location, "result extent ", extent, " is negative");
  if (hasTooManyElements(shape))
    return emitOptionalError(location, "result of shape ", formatShape(shape), " has more than 2^40 elements");
  results.push_back(RankedTensorType::get(shape, element));
  return success();
}

FailureOr<Type> productType(OptionalLocation location, Type lhs, Type rhs, bool f32Sums) {
  if (f32Sums) {
    if (lhs.isBF16() && rhs.isBF16())
      return Type(Float32Type::get(lhs.getContext()));
    return emitOptionalError(location, "element types ", lhs, " and ", rhs, " are not summed up in f32; both must be bf16");
  }
  if (isInteger(lhs) && isInteger(rhs) && lhs.getIntOrFloatBitWidth() == 8 && rhs.getIntOrFloatBitWidth() == 8)
    return Type(IntegerType::get(lhs.getContext(), 32));
  if (isInteger(lhs) && lhs.getIntOrFloatBitWidth() == 8 && rhs.isSignlessInteger(16))
    return Type(IntegerType::get(lhs.getContext(), 32)); // weights of nine bits
  if (lhs != rhs)
    return emitOptionalError(location, "element types ", lhs, " and ", rhs, " do not multiply; they must be equal");
  if (isFloat(lhs) || (isInteger(lhs) && lhs.getIntOrFloatBitWidth() > 8))
    return lhs;
  return emitOptionalError(location, "element type ", lhs, " does not multiply");
}

LogicalResult checkZeroPoint(OptionalLocation location, int64_t zeroPoint, Type element) {
  if (zeroPoint == 0)
    return success();
  if (!isInteger(element) || element.getIntOrFloatBitWidth() != 8)
    return emitOptionalError(location, "zero point ", zeroPoint, " of elements ", element, "; only 8-bit integers have one");
  bool isUnsigned = element.isUnsignedInteger();
  if (zeroPoint < (isUnsigned ? 0 : -128) || zeroPoint > (isUnsigned ? 255 : 127))
    return emitOptionalError(location, "zero point ", zeroPoint, " is no value of ", element);
  return success();
}

FailureOr<int64_t> windowExtent(OptionalLocation location, int64_t extent, int64_t kernel, int64_t stride,
                                int64_t dilation, int64_t padLow, int64_t padHigh, bool ceilMode) {
  int64_t window = (kernel - 1) * dilation + 1;
  int64_t free = extent + padLow + padHigh - window;
  if (extent == 0 && free < 0)
    return 0;
  if (free < 0)
    return emitOptionalError(location, "a window of ", window, " does not fit into an extent of ", extent,
                             " padded by ", padLow, " and ", padHigh);
  int64_t result = (ceilMode ? (free + stride - 1) / stride : free / stride) + 1;
  // A last window that would start in the high padding sees nothing and is dropped.
  if (ceilMode && (result - 1) * stride >= extent + padLow)
    --result;
  return result;
}

} // namespace fettle::nn
