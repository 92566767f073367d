//===- IntegerExpression.h - sums of scaled integers ----------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_INTEGEREXPRESSION_H
#define FETTLE_PASSES_QUANTIZE_INTEGEREXPRESSION_H

#include "ir/support/HostTensor.h"
#include "passes/quantize/FixedPointScale.h"
#include "mlir/IR/Builders.h"

namespace fettle {

/// (integers - zeroPoint) factor: cast(sum) * factor behind an integer product, or nn.dequantize with one scale.
struct ScaledInteger {
  mlir::Value integers; ///< i32, i8 or ui8
  int64_t zeroPoint = 0;
  HostTensor factor;    ///< f32, broadcasts to the integers; none of it negative
  int64_t largest = 0;  ///< no integer less its zero point is larger, in magnitude

  /// What `value` is; none where it is something else.
  static std::optional<ScaledInteger> of(mlir::Value value);
  /// The largest magnitude of the real value.
  double magnitude() const;
  /// factor / `unit`, one per element of the factor. None where nn.rescale has no such factor, or TOSA no answer for the
  /// integers' range.
  std::optional<std::vector<FixedPointScale>> inUnits(double unit) const;
};

/// rescale(integers) to `element`, with one scale per element of the factor.
mlir::Value makeRescale(mlir::OpBuilder &builder, mlir::Location location, const ScaledInteger &operand,
                        llvm::ArrayRef<FixedPointScale> scales, mlir::Type element, int64_t zeroPoint);

/// A real value in integers of one unit: scaled integers and constants, and sums, differences and bounds of them.
class IntegerExpression {
public:
  /// Fails, and says why, where `value` (f32) is made of anything else, or an inner value is read elsewhere, too.
  static mlir::FailureOr<IntegerExpression> of(mlir::Value value, std::string &why);

  /// A power of two so coarse that `count` such values together are below 2^28 units.
  double unitFor(int64_t count) const;
  /// Whether all parts have a form in `unit`s.
  bool fits(double unit) const;
  /// The value in `unit`s, i32.
  mlir::Value emit(mlir::OpBuilder &builder, double unit) const { return emit(builder, root, unit); }

private:
  mlir::FailureOr<double> read(mlir::Value value, std::string &why, int depth);
  mlir::Value emit(mlir::OpBuilder &builder, mlir::Value value, double unit) const;

  mlir::Value root;
  double magnitude = 0; ///< of any value in the expression
  llvm::DenseMap<mlir::Value, ScaledInteger> leaves;
  llvm::DenseMap<mlir::Value, HostTensor> constants;
};

} // namespace fettle

#endif
