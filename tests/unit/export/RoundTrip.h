//===- RoundTrip.h - what is exported computes what it did ----------------===//
#ifndef FETTLE_TESTS_UNIT_EXPORT_ROUNDTRIP_H
#define FETTLE_TESTS_UNIT_EXPORT_ROUNDTRIP_H

#include "ir/onnx/Model.h"
#include "ir/support/Problem.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace fettle::test {

/// A module with the function of `text`, which is renamed to @main.
mlir::OwningOpRef<mlir::ModuleOp> parseMain(mlir::MLIRContext &context, llvm::StringRef text);

struct RoundTrip {
  std::vector<Problem> problems;      ///< of the export; the rest is empty if there are any
  std::shared_ptr<onnx::Model> model; ///< as written
  std::vector<std::string> operators; ///< of its nodes, in order
  bool has(llvm::StringRef op) const { return llvm::is_contained(operators, op); }
};

/// Writes the module as ONNX of `opset`, reads it again, and evaluates both by the reference interpreter on the same
/// random inputs: results must be equal for integers, within `tolerance` of the largest value for floats.
RoundTrip expectRoundTrip(mlir::ModuleOp module, int64_t opset, double tolerance = 1e-6);
RoundTrip expectRoundTrip(llvm::StringRef text, int64_t opset, double tolerance = 1e-6);

} // namespace fettle::test

#endif
