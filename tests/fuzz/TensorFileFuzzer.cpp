//===- TensorFileFuzzer.cpp - any bytes as a file of tensors ---------------===//
//
// What begins as a zip file is read as .npz and cut into samples, all else as a
// serialized TensorProto. Whatever the bytes are, that ends with an error or with
// tensors that have as many bytes as their shapes ask for.
//   TensorFileFuzzer -max_len=65536 -rss_limit_mb=2048 CORPUS
//
//===----------------------------------------------------------------------===//

#include "calibration/Samples.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include <cstdlib>

using namespace fettle;

namespace {
/// What files are read by their names' endings from; empty, and gone at the end.
struct Folder {
  llvm::SmallString<64> path;
  Folder() {
    if (llvm::sys::fs::createUniqueDirectory("fettle-fuzz", path))
      std::abort();
  }
  ~Folder() { llvm::sys::fs::remove(path); }
};
} // namespace

static bool isWhole(const HostTensor &tensor) { return tensor.bytes().size() == size_t(tensor.numElements()) * elementBytes(tensor.elementType()); }

static bool hasRightSamples(mlir::MLIRContext &context, std::vector<calibration::NamedTensor> arrays) {
  // The inputs are those that the first array has samples for.
  if (arrays.empty() || arrays[0].tensor.shape().empty() || arrays[0].tensor.numElements() == 0)
    return true;
  mlir::RankedTensorType type = arrays[0].tensor.type();
  std::vector<calibration::InputSpec> inputs{{arrays[0].name, mlir::RankedTensorType::get(type.getShape().drop_front(), type.getElementType())}};
  llvm::Expected<calibration::Samples> samples = calibration::Samples::cut(inputs, std::move(arrays));
  if (!samples) {
    llvm::consumeError(samples.takeError());
    return true;
  }
  llvm::consumeError(samples->checkFinite());
  return samples->size() == type.getShape().front() && isWhole(samples->sample(samples->size() - 1)[0]);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const Folder folder;
  llvm::StringRef bytes(reinterpret_cast<const char *>(data), size);
  const bool isZip = bytes.starts_with("PK");
  const std::string path = (folder.path + (isZip ? "/tensors.npz" : "/tensor.pb")).str();
  std::error_code error;
  llvm::raw_fd_ostream(path, error) << bytes;
  if (error)
    std::abort();
  auto remove = llvm::scope_exit([&] { llvm::sys::fs::remove(path); });
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  if (isZip) {
    llvm::Expected<std::vector<calibration::NamedTensor>> arrays = calibration::readNpz(context, path);
    if (!arrays)
      llvm::consumeError(arrays.takeError());
    else if (!llvm::all_of(*arrays, [](const calibration::NamedTensor &array) { return isWhole(array.tensor); }) ||
             !hasRightSamples(context, std::move(*arrays)))
      std::abort();
    return 0;
  }
  llvm::Expected<HostTensor> tensor = calibration::readTensorFile(context, path, "");
  if (!tensor)
    llvm::consumeError(tensor.takeError());
  else if (!isWhole(*tensor))
    std::abort();
  return 0;
}
