//===- TensorType.cpp - element types in the C ABI ------------------------===//

#include "codegen/artifact/TensorType.h"
#include "codegen/artifact/fettle_abi.h"
#include "llvm/ADT/Twine.h"

namespace fettle::codegen {

static const AbiType abiTypes[] = {
    {FETTLE_F32, "f32", "FETTLE_F32", "float", "<f4", 4},
    {FETTLE_F64, "f64", "FETTLE_F64", "double", "<f8", 8},
    {FETTLE_F16, "f16", "FETTLE_F16", "uint16_t", "<f2", 2},
    {FETTLE_BF16, "bf16", "FETTLE_BF16", "uint16_t", "|V2", 2},
    {FETTLE_BOOL, "bool", "FETTLE_BOOL", "uint8_t", "|b1", 1},
    {FETTLE_I4, "i4", "FETTLE_I4", "int8_t", "|i1", 1},
    {FETTLE_U4, "u4", "FETTLE_U4", "uint8_t", "|u1", 1},
    {FETTLE_I8, "i8", "FETTLE_I8", "int8_t", "|i1", 1},
    {FETTLE_U8, "u8", "FETTLE_U8", "uint8_t", "|u1", 1},
    {FETTLE_I16, "i16", "FETTLE_I16", "int16_t", "<i2", 2},
    {FETTLE_U16, "u16", "FETTLE_U16", "uint16_t", "<u2", 2},
    {FETTLE_I32, "i32", "FETTLE_I32", "int32_t", "<i4", 4},
    {FETTLE_U32, "u32", "FETTLE_U32", "uint32_t", "<u4", 4},
    {FETTLE_I64, "i64", "FETTLE_I64", "int64_t", "<i8", 8},
    {FETTLE_U64, "u64", "FETTLE_U64", "uint64_t", "<u8", 8},
};

const AbiType *findAbiType(llvm::StringRef name) {
  for (const AbiType &type : abiTypes)
    if (type.name == name)
      return &type;
  return nullptr;
}

const AbiType *findAbiType(mlir::Type element) {
  if (element.isF32())
    return findAbiType("f32");
  if (element.isF64())
    return findAbiType("f64");
  if (element.isF16())
    return findAbiType("f16");
  if (element.isBF16())
    return findAbiType("bf16");
  auto integer = llvm::dyn_cast<mlir::IntegerType>(element);
  if (!integer)
    return nullptr;
  if (integer.getWidth() == 1)
    return findAbiType("bool");
  return findAbiType(((integer.isUnsigned() ? "u" : "i") + llvm::Twine(integer.getWidth())).str());
}

mlir::Type elementType(const AbiType &type, mlir::MLIRContext *context) {
  switch (type.dtype) {
  case FETTLE_F32:
    return mlir::Float32Type::get(context);
  case FETTLE_F64:
    return mlir::Float64Type::get(context);
  case FETTLE_F16:
    return mlir::Float16Type::get(context);
  case FETTLE_BF16:
    return mlir::BFloat16Type::get(context);
  case FETTLE_BOOL:
    return mlir::IntegerType::get(context, 1);
  default: {
    unsigned width = 0;
    type.name.drop_front().getAsInteger(10, width);
    return mlir::IntegerType::get(context, width,
                                  type.name[0] == 'u' ? mlir::IntegerType::Unsigned : mlir::IntegerType::Signless);
  }
  }
}

llvm::Error checkTensors(const CompiledModel &model) {
  auto check = [](llvm::StringRef role, const ModelTensor &tensor) -> llvm::Error {
    std::string start = (role + " '" + tensor.name + "'").str();
    if (!tensor.type || !tensor.type.hasStaticShape())
      return llvm::createStringError(start + " has no static shape");
    if (tensor.type.getRank() > FETTLE_MAX_RANK)
      return llvm::createStringError(start + " has rank " + llvm::Twine(tensor.type.getRank()) +
                                     "; artifacts take tensors up to rank " + llvm::Twine(FETTLE_MAX_RANK));
    if (!findAbiType(tensor.type.getElementType()))
      return llvm::createStringError(start + " has an element type that the C ABI cannot name");
    return llvm::Error::success();
  };
  for (const Specialization &specialization : model.specializations) {
    for (const ModelTensor &input : specialization.inputs)
      if (llvm::Error error = check("input", input))
        return error;
    for (const ModelTensor &output : specialization.outputs)
      if (llvm::Error error = check("output", output))
        return error;
  }
  return llvm::Error::success();
}

llvm::Error checkSpecializations(const CompiledModel &model) {
  auto alike = [](llvm::ArrayRef<ModelTensor> a, llvm::ArrayRef<ModelTensor> b, bool ranksToo) {
    return a.size() == b.size() && llvm::all_of(llvm::zip(a, b), [&](const auto &pair) {
             const auto &[x, y] = pair;
             return x.name == y.name && x.type.getElementType() == y.type.getElementType() &&
                    (!ranksToo || x.type.getRank() == y.type.getRank());
           });
  };
  auto sameShapes = [](llvm::ArrayRef<ModelTensor> a, llvm::ArrayRef<ModelTensor> b) {
    return llvm::all_of(llvm::zip(a, b), [](const auto &pair) { return std::get<0>(pair).type == std::get<1>(pair).type; });
  };
  for (auto [index, specialization] : llvm::enumerate(model.specializations)) {
    if (!alike(model.first().inputs, specialization.inputs, /*ranksToo=*/true))
      return llvm::createStringError("the inputs of two specializations differ in more than their extents");
    if (!alike(model.first().outputs, specialization.outputs, /*ranksToo=*/false))
      return llvm::createStringError("the outputs of two specializations differ in more than their shapes");
    for (const Specialization &earlier : llvm::ArrayRef(model.specializations).take_front(index))
      if (sameShapes(earlier.inputs, specialization.inputs))
        return llvm::createStringError("two specializations have the same input shapes");
  }
  return llvm::Error::success();
}

int64_t tensorBytes(const ModelTensor &tensor) {
  return tensor.type.getNumElements() * findAbiType(tensor.type.getElementType())->bytes;
}

} // namespace fettle::codegen
