//===- Diagnostics.h - how problems are printed ---------------------------===//
//
//   model.onnx: node 'Conv_12' (Conv): error: group 3 does not divide 64 channels
//     hint: ...
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TOOLS_DIAGNOSTICS_H
#define FETTLE_TOOLS_DIAGNOSTICS_H

#include "ir/import/Import.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/JSON.h"
#include <mutex>

namespace fettle::cli {

/// One line for the fact, one for the remedy where there is one.
void printProblem(llvm::raw_ostream &os, llvm::StringRef file, const Problem &problem);

/// {"node", "op", "opset", "reason", "remedy"}.
llvm::json::Value problemToJson(const Problem &problem);

/// Collects what MLIR reports while it lives, from any thread.
class DiagnosticCollector {
public:
  explicit DiagnosticCollector(mlir::MLIRContext &context);
  /// Errors so far, each once.
  const std::vector<Problem> &problems() const { return found; }

private:
  std::mutex mutex;
  std::vector<Problem> found;
  mlir::ScopedDiagnosticHandler handler;
};

} // namespace fettle::cli

#endif
