//===- TensorFile.cpp - one tensor from a file of any known kind ----------===//

#include "calibration/NpzFile.h"
#include "ir/onnx/Model.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace fettle::calibration {

static Type elementTypeOf(MLIRContext &context, onnx::DataType type) {
  Builder b(&context);
  auto unsignedType = [&](unsigned width) { return IntegerType::get(&context, width, IntegerType::Unsigned); };
  switch (type) {
  case onnx::DataType::Float:
    return b.getF32Type();
  case onnx::DataType::Double:
    return b.getF64Type();
  case onnx::DataType::Float16:
    return b.getF16Type();
  case onnx::DataType::Bfloat16:
    return b.getBF16Type();
  case onnx::DataType::Int8:
    return b.getIntegerType(8);
  case onnx::DataType::Int16:
    return b.getIntegerType(16);
  case onnx::DataType::Int32:
    return b.getIntegerType(32);
  case onnx::DataType::Int64:
    return b.getIntegerType(64);
  case onnx::DataType::Uint8:
    return unsignedType(8);
  case onnx::DataType::Uint16:
    return unsignedType(16);
  case onnx::DataType::Uint32:
    return unsignedType(32);
  case onnx::DataType::Uint64:
    return unsignedType(64);
  case onnx::DataType::Bool:
    return b.getI1Type();
  default:
    return {};
  }
}

static llvm::Expected<HostTensor> readProtobufTensor(MLIRContext &context, StringRef path) {
  auto source = onnx::readTensor(path);
  if (!source)
    return source.takeError();
  auto refuse = [&](const llvm::Twine &why) { return llvm::createStringError(path + ": " + why); };
  if (!source->problem.empty())
    return refuse(source->problem);
  Type element = elementTypeOf(context, source->type);
  if (!element)
    return refuse("tensors of type " + onnx::dataTypeName(source->type) + " are not supported");
  int64_t count = 1;
  for (int64_t extent : source->dims)
    if (extent < 0 || __builtin_mul_overflow(count, extent, &count))
      return refuse("the tensor's shape is impossible");
  int64_t size;
  if (__builtin_mul_overflow(count, elementBytes(element), &size) || size != int64_t(source->bytes.size()))
    return refuse("the tensor holds " + llvm::Twine(source->bytes.size()) +
                  " bytes, its shape asks for another number");
  auto keep = std::make_shared<std::shared_ptr<const void>>(source->owner);
  return HostTensor(RankedTensorType::get(source->dims, element), source->bytes, keep);
}

llvm::Expected<HostTensor> readTensorFile(MLIRContext &context, StringRef path, StringRef name) {
  StringRef extension = llvm::sys::path::extension(path);
  if (extension == ".pb")
    return readProtobufTensor(context, path);
  if (extension == ".npz") {
    auto arrays = readNpz(context, path);
    if (!arrays)
      return arrays.takeError();
    for (NamedTensor &array : *arrays)
      if (array.name == name || arrays->size() == 1)
        return std::move(array.tensor);
    return llvm::createStringError(path + ": no array is named '" + name + "'");
  }
  if (extension != ".npy")
    return llvm::createStringError(path + ": a tensor is read from .npy, .npz or .pb");
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false, /*RequiresNullTerminator=*/false);
  if (!buffer)
    return llvm::createStringError(path + ": " + buffer.getError().message());
  auto bytes = std::make_shared<std::vector<char>>((*buffer)->getBufferStart(), (*buffer)->getBufferEnd());
  auto tensor = parseNpy(context, *bytes, bytes);
  if (!tensor)
    return llvm::createStringError(path + ": " + llvm::toString(tensor.takeError()));
  return tensor;
}

} // namespace fettle::calibration
