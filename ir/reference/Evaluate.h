//===- Evaluate.h - the legible interpreter -------------------------------===//
#ifndef FETTLE_IR_REFERENCE_EVALUATE_H
#define FETTLE_IR_REFERENCE_EVALUATE_H

#include "ir/support/HostTensor.h"
#include "mlir/IR/Operation.h"

namespace mlir::func { class FuncOp; }

namespace fettle::reference {

/// Evaluates one nn op. Floats are computed in double and rounded once to the
/// result type; integers exactly. Fails (with an error on the op) only for ops
/// that are not of the nn dialect.
mlir::FailureOr<llvm::SmallVector<HostTensor>> evaluate(mlir::Operation *op, llvm::ArrayRef<HostTensor> operands);

/// Runs a function of nn ops; each value is dropped after its last use.
mlir::FailureOr<llvm::SmallVector<HostTensor>> evaluate(mlir::func::FuncOp function, llvm::ArrayRef<HostTensor> inputs);

/// The value of `value` if it depends on constants only; evaluated on demand
/// through its defining ops (shape arithmetic). Null if it depends on an input
/// or costs more than `maxElements` elements to compute.
std::optional<HostTensor> evaluateConstant(mlir::Value value, int64_t maxElements = 1 << 22);

} // namespace fettle::reference

#endif
