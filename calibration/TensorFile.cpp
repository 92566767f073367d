//===- TensorFile.cpp - one tensor from a file of any known kind ----------===//

#include "calibration/NpzFile.h"
#include "ir/onnx/ElementTypes.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace fettle::calibration {

llvm::Expected<NamedTensor> readSerializedTensor(MLIRContext &context, StringRef path) {
  auto source = onnx::readTensor(path);
  if (!source)
    return source.takeError();
  auto tensor = toHostTensor(&context, *source);
  if (!tensor)
    return llvm::createStringError(path + ": " + llvm::toString(tensor.takeError()));
  return NamedTensor{source->name, std::move(*tensor), nullptr};
}

llvm::Expected<HostTensor> readTensorFile(MLIRContext &context, StringRef path, StringRef name) {
  StringRef extension = llvm::sys::path::extension(path);
  if (extension == ".pb") {
    auto tensor = readSerializedTensor(context, path);
    if (!tensor)
      return tensor.takeError();
    return std::move(tensor->tensor);
  }
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
