//===- NnInterfaces.td - what passes may ask an op ------------------------===//
#ifndef FETTLE_IR_NN_NNINTERFACES_TD
#define FETTLE_IR_NN_NNINTERFACES_TD

include "mlir/IR/OpBase.td"

def NnOpInterface : OpInterface<"NnOpInterface"> {
  let cppNamespace = "::fettle::nn";
  let description = "Facts of an nn op that passes read instead of switching over op kinds.";
  let methods = [
    InterfaceMethod<"Multiply-accumulates of one execution (0 for ops that move or map data).",
      "int64_t", "getMacs", (ins), "", "return 0;">,
    InterfaceMethod<"How exact the compiled result is, compared with ir/reference.",
      "::fettle::nn::NumericClass", "getNumericClass", (ins), "",
      "return ::fettle::nn::numericClassOf($_op.getOperation());">,
    InterfaceMethod<[{Pairs of axes that are the same dimension: each entry says that
      axis `axisA` of value `a` and axis `axisB` of value `b` must be cut together.}],
      "::llvm::SmallVector<::fettle::nn::AxisTie>", "getAxisTies", (ins), "", "return {};">,
    InterfaceMethod<[{Whether elements of the result at one index of `axis` depend on those of operands at other indices of
      the axes that are tied to it (softmax along it), or on the index itself (causal attention): they cannot be computed
      for a part of them alone. Where it does not, the op on a slice of all tied axes gives that slice of the result.}],
      "bool", "mixesAlong", (ins "int64_t":$axis), "", "return false;">,
    InterfaceMethod<[{Operands that may be read as 8-bit integers, with the axis along which
      their scale may vary (-1: per tensor only). Empty: the op has no integer form.}],
      "::llvm::SmallVector<::fettle::nn::QuantizableOperand>", "getQuantizableOperands", (ins), "",
      "return {};">,
    InterfaceMethod<[{Vector-Jacobian product: given the gradient of each result, builds nn ops
      for the gradient of each operand (null where there is none). Fails where the
      op is not differentiable or has no rule yet.}],
      "::mlir::FailureOr<::llvm::SmallVector<::mlir::Value>>", "buildVjp",
      (ins "::mlir::OpBuilder &":$builder, "::mlir::ValueRange":$resultGradients), "",
      "return ::mlir::failure();">,
  ];
}

#endif
