//===- Nn.h - the nn dialect ----------------------------------------------===//
#ifndef FETTLE_IR_NN_NN_H
#define FETTLE_IR_NN_NN_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace fettle::nn {

/// More elements than this make no tensor.
constexpr int64_t maxElements = int64_t(1) << 40;
/// True for the tensors that nn ops take: ranked, static, at most maxElements, of
/// f16, bf16, f32, f64, i1, or signless or unsigned integers of 4 to 64 bits.
bool isTensor(mlir::Type type);

/// How far a compiled result may stand from the reference, as data on the op.
///   Exact: equal bits (integers, data movement, comparisons).
///   Close: correctly rounded arithmetic or short sums (a few ULP).
///   Loose: long float sums and transcendental functions.
enum class NumericClass { Exact, Close, Loose };
NumericClass numericClassOf(mlir::Operation *op);

/// Axis `axisA` of `a` and axis `axisB` of `b` are one dimension of the network.
struct AxisTie {
  mlir::Value a;
  int64_t axisA;
  mlir::Value b;
  int64_t axisB;
};

struct QuantizableOperand {
  unsigned operand;
  int64_t channelAxis; ///< -1: one scale for the tensor.
};

} // namespace fettle::nn

#include "ir/nn/NnDialect.h.inc"
#include "ir/nn/NnEnums.h.inc"
#include "ir/nn/NnInterfaces.h.inc"
#define GET_ATTRDEF_CLASSES
#include "ir/nn/NnAttrs.h.inc"
#define GET_OP_CLASSES
#include "ir/nn/NnOps.h.inc"

#endif
