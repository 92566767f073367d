//===- ManifestFuzzer.cpp - any bytes as a manifest -----------------------===//
//
// Whatever the bytes are, reading them ends with an error or with a manifest that
// is written and read again as the same text, and whose bindings and preparation of images can be taken over.
//   ManifestFuzzer -max_len=65536 -rss_limit_mb=2048 CORPUS
//
//===----------------------------------------------------------------------===//

#include "codegen/artifact/Manifest.h"
#include "mlir/IR/MLIRContext.h"
#include "tools/fettle/SavedBindings.h"
#include "tools/fettle/SavedImages.h"
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using fettle::codegen::Manifest;
  llvm::Expected<Manifest> manifest = Manifest::parse(llvm::StringRef(reinterpret_cast<const char *>(data), size));
  if (!manifest) {
    llvm::consumeError(manifest.takeError());
    return 0;
  }
  std::string text = manifest->print();
  llvm::Expected<Manifest> again = Manifest::parse(text);
  if (!again || again->print() != text)
    std::abort();
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  fettle::cli::BindingChoices bindings;
  if (const llvm::json::Object *saved = manifest->details.getObject("bindings"))
    fettle::cli::inheritBindings(context, *saved, bindings);
  if (const llvm::json::Object *saved = manifest->details.getObject("images"))
    for (const std::string &setting : fettle::cli::imageSettings(*saved))
      if (!llvm::StringRef(setting).starts_with("images."))
        std::abort();
  if (bindings.numCombinations() <= bindings.mostCombinations && bindings.combinations().size() != bindings.numCombinations())
    std::abort();
  return 0;
}
