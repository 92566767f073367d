//===- ShapeRules.h - checks shared by shape inference and verifiers ------===//
//
// Every function states the fact that is wrong at `location` (silent without
// one) and fails; nothing here asserts, as operands come from users' files.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_NN_SHAPERULES_H
#define FETTLE_IR_NN_SHAPERULES_H

#include "ir/nn/Nn.h"

namespace fettle::nn {

using OptionalLocation = std::optional<mlir::Location>;
using Shape = llvm::SmallVector<int64_t>;

/// Extents, strides, pads, dilations and repeats beyond this are refused, so that
/// products of two of them cannot overflow.
constexpr int64_t maxAttributeValue = int64_t(1) << 31;

inline mlir::RankedTensorType tensorType(mlir::Value value) {
  return llvm::cast<mlir::RankedTensorType>(value.getType());
}
inline llvm::ArrayRef<int64_t> shapeOf(mlir::Value value) { return tensorType(value).getShape(); }
inline mlir::Type elementOf(mlir::Value value) { return tensorType(value).getElementType(); }

/// Integers other than i1.
bool isInteger(mlir::Type element);
bool isBoolean(mlir::Type element);
bool isFloat(mlir::Type element);
/// "2x3", "scalar".
std::string formatShape(llvm::ArrayRef<int64_t> shape);

mlir::LogicalResult checkAxis(OptionalLocation location, int64_t axis, int64_t rank);
mlir::LogicalResult checkFloat(OptionalLocation location, llvm::StringRef what, mlir::Value value);
/// One value per axis (or `perAxis` of them), each in [low, 2^31].
mlir::LogicalResult checkList(OptionalLocation location, llvm::StringRef what, llvm::ArrayRef<int64_t> values,
                              size_t count, int64_t low);
/// numpy's broadcasting rule.
mlir::FailureOr<Shape> broadcast(OptionalLocation location, llvm::ArrayRef<int64_t> a, llvm::ArrayRef<int64_t> b);
/// Fails unless `from` broadcasts to `to` as it stands.
mlir::LogicalResult checkBroadcastsTo(OptionalLocation location, llvm::StringRef what, llvm::ArrayRef<int64_t> from,
                                      llvm::ArrayRef<int64_t> to);
/// Appends tensor<shape x element>; fails on negative extents or more than 2^40 elements.
mlir::LogicalResult addResult(OptionalLocation location, llvm::ArrayRef<int64_t> shape, mlir::Type element,
                              llvm::SmallVectorImpl<mlir::Type> &results);
/// The element type of a product of `lhs` and `rhs` elements: 8-bit integers (of
/// either sign) give i32, also with i16, equal wider types themselves.
mlir::FailureOr<mlir::Type> productType(OptionalLocation location, mlir::Type lhs, mlir::Type rhs, bool f32Sums = false);
/// A zero point other than 0 must be a value of an 8-bit `element`.
mlir::LogicalResult checkZeroPoint(OptionalLocation location, int64_t zeroPoint, mlir::Type element);

/// Result extent of one axis of a sliding window.
mlir::FailureOr<int64_t> windowExtent(OptionalLocation location, int64_t extent, int64_t kernel, int64_t stride,
                                      int64_t dilation, int64_t padLow, int64_t padHigh, bool ceilMode);

} // namespace fettle::nn

#endif
