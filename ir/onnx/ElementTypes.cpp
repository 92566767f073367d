//===- ElementTypes.cpp - ONNX data types and MLIR types ------------------===//

#include "ir/onnx/ElementTypes.h"

using namespace mlir;

namespace fettle {

Type elementTypeOf(MLIRContext *context, onnx::DataType type) {
  auto integer = [&](unsigned width) -> Type { return IntegerType::get(context, width); };
  auto natural = [&](unsigned width) -> Type { return IntegerType::get(context, width, IntegerType::Unsigned); };
  switch (type) {
  case onnx::DataType::Float:
    return Float32Type::get(context);
  case onnx::DataType::Double:
    return Float64Type::get(context);
  case onnx::DataType::Float16:
    return Float16Type::get(context);
  case onnx::DataType::Bfloat16:
    return BFloat16Type::get(context);
  case onnx::DataType::Bool:
    return integer(1);
  case onnx::DataType::Int4:
    return integer(4);
  case onnx::DataType::Int8:
    return integer(8);
  case onnx::DataType::Int16:
    return integer(16);
  case onnx::DataType::Int32:
    return integer(32);
  case onnx::DataType::Int64:
    return integer(64);
  case onnx::DataType::Uint4:
    return natural(4);
  case onnx::DataType::Uint8:
    return natural(8);
  case onnx::DataType::Uint16:
    return natural(16);
  case onnx::DataType::Uint32:
    return natural(32);
  case onnx::DataType::Uint64:
    return natural(64);
  default:
    return {};
  }
}

onnx::DataType dataTypeOf(Type type) {
  if (type.isF16())
    return onnx::DataType::Float16;
  if (type.isBF16())
    return onnx::DataType::Bfloat16;
  if (type.isF32())
    return onnx::DataType::Float;
  if (type.isF64())
    return onnx::DataType::Double;
  bool isUnsigned = type.isUnsignedInteger();
  switch (type.getIntOrFloatBitWidth()) {
  case 1:
    return onnx::DataType::Bool;
  case 4:
    return isUnsigned ? onnx::DataType::Uint4 : onnx::DataType::Int4;
  case 8:
    return isUnsigned ? onnx::DataType::Uint8 : onnx::DataType::Int8;
  case 16:
    return isUnsigned ? onnx::DataType::Uint16 : onnx::DataType::Int16;
  case 32:
    return isUnsigned ? onnx::DataType::Uint32 : onnx::DataType::Int32;
  case 64:
    return isUnsigned ? onnx::DataType::Uint64 : onnx::DataType::Int64;
  default:
    return onnx::DataType::Undefined;
  }
}

std::string elementTypeName(Type type) {
  unsigned width = type.getIntOrFloatBitWidth();
  if (type.isBF16())
    return "bfloat16";
  if (isa<FloatType>(type))
    return "float" + std::to_string(width);
  if (type.isInteger(1))
    return "bool";
  return (type.isUnsignedInteger() ? "uint" : "int") + std::to_string(width);
}

/// Spreads 4-bit elements, two per byte with the low half first, over one byte each.
static HostTensor unpackNibbles(RankedTensorType type, ArrayRef<char> packed) {
  HostTensor result(type);
  MutableArrayRef<char> bytes = result.mutableBytes();
  bool isSigned = !type.getElementType().isUnsignedInteger();
  for (size_t i = 0; i < bytes.size(); ++i) {
    int value = (packed[i / 2] >> (i % 2 * 4)) & 15;
    bytes[i] = char(isSigned && value > 7 ? value - 16 : value);
  }
  return result;
}

/// Two elements per byte, the first in the low half.
static std::shared_ptr<std::vector<char>> packNibbles(ArrayRef<char> elements) {
  auto packed = std::make_shared<std::vector<char>>((elements.size() + 1) / 2);
  for (size_t i = 0; i < elements.size(); ++i)
    (*packed)[i / 2] = char((*packed)[i / 2] | (elements[i] & 15) << (i % 2 * 4));
  return packed;
}

llvm::Expected<HostTensor> toHostTensor(MLIRContext *context, const onnx::Tensor &tensor) {
  std::string what = "tensor '" + tensor.name + "' ";
  if (!tensor.problem.empty())
    return llvm::createStringError(what + tensor.problem);
  Type element = elementTypeOf(context, tensor.type);
  if (!element)
    return llvm::createStringError(what + "has the element type " + onnx::dataTypeName(tensor.type) +
                                   ", which is not supported");
  auto type = RankedTensorType::get(tensor.dims, element);
  if (element.getIntOrFloatBitWidth() == 4)
    return unpackNibbles(type, tensor.bytes);
  if (element.isInteger(1) && llvm::any_of(tensor.bytes, [](char byte) { return byte != 0 && byte != 1; })) {
    HostTensor result(type);
    for (auto [to, from] : llvm::zip(result.mutableBytes(), tensor.bytes))
      to = from != 0;
    return result;
  }
  return HostTensor(type, tensor.bytes, tensor.owner);
}

onnx::Tensor toModelTensor(StringRef name, const HostTensor &tensor, onnx::DataType type) {
  onnx::Tensor result;
  result.name = name.str();
  result.type = type;
  result.dims = tensor.shape().vec();
  if (type == onnx::DataType::Int4 || type == onnx::DataType::Uint4) {
    auto packed = packNibbles(tensor.bytes());
    result.bytes = *packed;
    result.owner = packed;
    return result;
  }
  auto owner = std::make_shared<HostTensor>(tensor);
  result.bytes = owner->bytes();
  result.owner = owner;
  return result;
}

} // namespace fettle
