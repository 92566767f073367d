//===- NpyFuzzer.cpp - any bytes as a numpy array --------------------------===//
//
// Whatever the bytes are, reading them ends with an error or with an array that is
// written and read again as the same.
//   NpyFuzzer -max_len=65536 -rss_limit_mb=2048 CORPUS
//
//===----------------------------------------------------------------------===//

#include "calibration/NpyFormat.h"
#include "mlir/IR/MLIRContext.h"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace fettle;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  auto bytes = std::make_shared<std::vector<char>>(data, data + size);
  llvm::Expected<HostTensor> tensor = calibration::parseNpy(context, *bytes, bytes);
  if (!tensor) {
    llvm::consumeError(tensor.takeError());
    return 0;
  }
  auto written = std::make_shared<std::vector<char>>(calibration::writeNpy(*tensor));
  llvm::Expected<HostTensor> again = calibration::parseNpy(context, *written, written);
  if (!again || again->shape() != tensor->shape() || calibration::writeNpy(*again) != *written)
    std::abort();
  return 0;
}
