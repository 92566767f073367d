//===- ConstantValue.h - what a pattern asks of a constant operand --------===//
#ifndef FETTLE_PASSES_CONSTANTVALUE_H
#define FETTLE_PASSES_CONSTANTVALUE_H

#include "ir/nn/Nn.h"
#include "ir/support/HostTensor.h"

namespace fettle {

/// The bytes of an nn.constant; none for any other value. Not a copy.
std::optional<HostTensor> constantTensor(mlir::Value value);

/// The one value that all elements of a constant have, as double. None if the value is no
/// constant, or its elements differ, or an integer does not fit a double.
std::optional<double> splatValue(mlir::Value value);

/// True if `value` is a constant of which every element equals `number`.
bool isSplatOf(mlir::Value value, double number);
/// The same, up to a relative difference of `tolerance`: for constants that exporters round differently.
bool isSplatNear(mlir::Value value, double number, double tolerance = 1e-4);

} // namespace fettle

#endif
