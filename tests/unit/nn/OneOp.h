//===- OneOp.h - a single nn op, from text --------------------------------===//
//
//   OneOp op("nn.unary relu %0 : (tensor<2xf32>) -> tensor<2xf32>", {"dense<[-1.0, 2.0]> : tensor<2xf32>"});
//   EXPECT_EQ(op.values(), Values({0, 2}));
//
// Operand %i is the i-th constant. Where parsing or verification fails, op is
// null and messages holds every diagnostic.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TESTS_UNIT_NN_ONEOP_H
#define FETTLE_TESTS_UNIT_NN_ONEOP_H

#include "ir/support/HostTensor.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/IR/OwningOpRef.h"

namespace fettle::test {

using Values = std::vector<double>;

struct OneOp {
  OneOp(llvm::StringRef text, llvm::ArrayRef<std::string> constants, unsigned numResults = 1);

  /// The elements of a result by ir/reference; empty (and a test failure) where the op is wrong.
  Values values(unsigned result = 0);
  HostTensor tensor(unsigned result = 0);

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::Operation *op = nullptr;
  std::string messages;
};

/// "dense<0> : TYPE" for each type: operands for tests of shapes.
std::vector<std::string> zeros(llvm::ArrayRef<const char *> types);
/// The op is refused, and some diagnostic contains `message`.
void expectRefused(llvm::StringRef text, llvm::ArrayRef<const char *> operandTypes, llvm::StringRef message,
                   unsigned numResults = 1);
/// The op verifies.
void expectAccepted(llvm::StringRef text, llvm::ArrayRef<const char *> operandTypes, unsigned numResults = 1);
/// Element by element within `tolerance`.
void expectNear(const Values &actual, const Values &expected, double tolerance = 1e-6);

} // namespace fettle::test

#endif
