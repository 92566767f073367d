//===- ImportFuzzer.cpp - any bytes as an ONNX model ----------------------===//
//
// Whatever the bytes are, importing ends with a module or with problems: no
// crash, no hang, no allocation beyond the file's own size and a constant.
//   ImportFuzzer -max_len=65536 -rss_limit_mb=2048 CORPUS
//
//===----------------------------------------------------------------------===//

#include "ir/import/Import.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/Verifier.h"
#include <cstdlib>
#include <sys/mman.h>
#include <unistd.h>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  int file = memfd_create("model", 0);
  if (file < 0 || write(file, data, size) != ssize_t(size))
    std::abort();
  {
    mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
    fettle::ImportResult result =
        fettle::importModel(context, "/proc/self/fd/" + std::to_string(file), fettle::Bindings());
    bool sound = result.module ? mlir::succeeded(mlir::verify(*result.module)) : !result.problems.empty();
    if (!sound)
      std::abort();
  }
  close(file);
  return 0;
}
