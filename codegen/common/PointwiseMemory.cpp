//===- PointwiseMemory.cpp - loads and stores in storage types ------------===//
//
// Memory holds storage types, values have compute types (Kernel.h): i1 is a
// byte, 4-bit integers are a byte each, f16 and bf16 are widened to f32. bf16
// is converted with integer operations: few targets have it in hardware, and x86
// there takes denormals for 0.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Kernel.h"
#include "codegen/common/Pointwise.h"
#include "codegen/common/PointwiseFamilies.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"

using namespace mlir;

namespace fettle::codegen {

static Value fromStorage(ImplicitLocOpBuilder &b, Type element, Value value) {
  Lanes x(b, value);
  if (element.isSignlessInteger(1))
    return x != x.integerConstant(0);
  if (auto integer = dyn_cast<IntegerType>(element))
    return resizeInteger(x, integer.getWidth(), integer.isUnsigned());
  if (element.isBF16())
    return (resizeInteger(x.asBits(), 32, /*isUnsigned=*/true) << 16).asFloat();
  return toFloat(x, computeType(element));
}

static Value toStorage(ImplicitLocOpBuilder &b, Type element, Value value) {
  Lanes x(b, value);
  if (auto integer = dyn_cast<IntegerType>(element))
    return resizeInteger(x, storageType(element).getIntOrFloatBitWidth(), isUnsignedElement(element));
  if (element.isBF16()) {
    if (auto widened = value.getDefiningOp<arith::ExtFOp>(); widened && getElementTypeOrSelf(widened.getIn().getType()) == element)
      return widened.getIn(); // rounded by a cast
    return narrowToBf16(x);
  }
  return toFloat(x, element);
}

Value emitLoad(ImplicitLocOpBuilder &b, Type elementType, Value buffer, ValueRange index, int64_t vectorLength) {
  Type stored = cast<MemRefType>(buffer.getType()).getElementType();
  Value value;
  if (vectorLength == 0)
    value = memref::LoadOp::create(b, buffer, index);
  else
    value = vector::LoadOp::create(b, VectorType::get({vectorLength}, stored), buffer, index);
  return fromStorage(b, elementType, value);
}

void emitStore(ImplicitLocOpBuilder &b, Type elementType, Value value, Value buffer, ValueRange index) {
  Value stored = toStorage(b, elementType, value);
  if (isa<VectorType>(stored.getType()))
    vector::StoreOp::create(b, stored, buffer, index);
  else
    memref::StoreOp::create(b, stored, buffer, index);
}

Value emitMaskedLoad(ImplicitLocOpBuilder &b, Type elementType, Value buffer, ValueRange index, Value mask) {
  Type stored = cast<MemRefType>(buffer.getType()).getElementType();
  auto type = VectorType::get(cast<VectorType>(mask.getType()).getShape(), stored);
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(type));
  Value value = vector::MaskedLoadOp::create(b, type, buffer, index, mask, zero);
  return fromStorage(b, elementType, value);
}

/// Whether a mask is known to switch on the first lane alone.
static bool isFirstLane(Value mask) {
  if (auto constant = mask.getDefiningOp<vector::ConstantMaskOp>())
    return constant.getMaskDimSizes() == ArrayRef<int64_t>{1};
  auto made = mask.getDefiningOp<vector::CreateMaskOp>();
  return made && getConstantIntValue(made.getOperand(0)) == 1;
}

Value emitLoadOfLanes(ImplicitLocOpBuilder &b, Type elementType, Value buffer, ValueRange index, int64_t lanes, Value mask) {
  return mask ? emitMaskedLoad(b, elementType, buffer, index, mask) : emitLoad(b, elementType, buffer, index, lanes);
}

void emitMaskedStore(ImplicitLocOpBuilder &b, Type elementType, Value value, Value buffer, ValueRange index, Value mask) {
  // LLVM 22 makes a scalar store of a masked one with a single known lane, and on x86 of the type before truncation: four bytes
  // where one is meant.
  if (isFirstLane(mask))
    return emitStore(b, elementType, vector::ExtractOp::create(b, value, ArrayRef<int64_t>{0}), buffer, index);
  vector::MaskedStoreOp::create(b, buffer, index, mask, toStorage(b, elementType, value));
}

} // namespace fettle::codegen
