//===- Import.h - ONNX model to nn module ---------------------------------===//
//
// importModel reads a model and gives a module with one function:
//   func.func @main(%x: tensor<..> {nn.name = "x"}, ...) -> (tensor<..> {nn.name = "y"}, ...)
// All shapes are static: symbolic dims are bound by the options, and
// shape-giving inputs of ops (Reshape's shape, Slice's starts...) are evaluated
// where they are needed (reference::evaluateConstant). Otherwise the import is
// literal: one ONNX node becomes the few nn ops that say the same.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_IMPORT_IMPORT_H
#define FETTLE_IR_IMPORT_IMPORT_H

#include "ir/support/HostTensor.h"
#include "ir/support/Problem.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "llvm/ADT/StringMap.h"
#include <string>
#include <vector>

namespace fettle {

/// What the user binds on the command line.
struct Bindings {
  llvm::StringMap<int64_t> dims;                ///< --dim batch=1
  llvm::StringMap<std::vector<int64_t>> shapes; ///< --shape x=1x3x224x224
  llvm::StringMap<HostTensor> constants;        ///< --const sr=16000 (typed by the input: see `constantTexts`)
  llvm::StringMap<std::string> constantTexts;   ///< --const NAME=VALUE with scalars or comma-separated lists, not yet typed
};

struct ImportResult {
  mlir::OwningOpRef<mlir::ModuleOp> module; ///< null when there are problems
  std::vector<Problem> problems;            ///< all of them, in node order
  bool unreadable = false;                  ///< the file could not be read: exit code 4, not 1
  // facts for `inspect`
  int64_t nodes = 0;
  std::vector<std::pair<std::string, int64_t>> opsets;
};

ImportResult importModel(mlir::MLIRContext &context, llvm::StringRef path, const Bindings &bindings);

/// One row of the generated support table (docs/operators.md).
struct SupportedOperator {
  std::string domain, op;
  int64_t sinceOpset, untilOpset; ///< inclusive
  std::string note;               ///< restriction, if any
};
std::vector<SupportedOperator> supportedOperators();

} // namespace fettle

#endif
