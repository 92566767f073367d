//===- Lanes.h - formulas over scalars and vectors ------------------------===//
//
// A thin handle over an SSA value that may be a scalar or a vector, float or
// signless integer, so that code of elementary functions reads as formulas:
//
//   Lanes r = mulAdd(n, -ln2High, x);     // x - n * ln2High
//   return select(x < 0.0, nan, r * s);
//
// Float operations carry fastmath<contract>: LLVM fuses a product and a sum
// where the target has the instruction and never calls a library where not.
// `exact(...)` forms do without, for code whose rounding is specified.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_COMMON_LANES_H
#define FETTLE_CODEGEN_COMMON_LANES_H

#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/TypeUtilities.h"

namespace fettle::codegen {

class Lanes {
public:
  Lanes(mlir::ImplicitLocOpBuilder &b, mlir::Value value) : b(&b), value(value) {}
  operator mlir::Value() const { return value; }

  mlir::ImplicitLocOpBuilder &builder() const { return *b; }
  mlir::Type type() const { return value.getType(); }
  mlir::Type element() const { return mlir::getElementTypeOrSelf(value.getType()); }
  bool isFloat() const { return mlir::isa<mlir::FloatType>(element()); }
  unsigned width() const { return element().getIntOrFloatBitWidth(); }
  /// The type of this value with another element type.
  mlir::Type typeWith(mlir::Type element) const;

  /// A constant of this value's type. Integers wrap to the width.
  Lanes constant(double v) const;
  Lanes integerConstant(int64_t v) const;
  /// A float constant given by its bits.
  Lanes bitsConstant(uint64_t bits) const;

  /// The bits of a float as an integer of its width, and back.
  Lanes asBits() const;
  Lanes asFloat() const;

private:
  mlir::ImplicitLocOpBuilder *b;
  mlir::Value value;
};

/// Splat constant of a scalar or vector type.
mlir::Value emitConstant(mlir::ImplicitLocOpBuilder &b, mlir::Type type, double v);
mlir::Value emitIntegerConstant(mlir::ImplicitLocOpBuilder &b, mlir::Type type, int64_t v);

Lanes operator+(Lanes x, Lanes y);
Lanes operator-(Lanes x, Lanes y);
Lanes operator*(Lanes x, Lanes y);
Lanes operator/(Lanes x, Lanes y); ///< floats only
Lanes operator-(Lanes x);
Lanes operator&(Lanes x, Lanes y);
Lanes operator|(Lanes x, Lanes y);
Lanes operator^(Lanes x, Lanes y);
Lanes operator<<(Lanes x, int64_t bits);
/// Arithmetic and logical right shifts of integers.
Lanes operator>>(Lanes x, int64_t bits);
Lanes shiftRightLogical(Lanes x, int64_t bits);

inline Lanes operator+(Lanes x, double y) { return x + x.constant(y); }
inline Lanes operator+(double x, Lanes y) { return y.constant(x) + y; }
inline Lanes operator-(Lanes x, double y) { return x - x.constant(y); }
inline Lanes operator-(double x, Lanes y) { return y.constant(x) - y; }
inline Lanes operator*(Lanes x, double y) { return x * x.constant(y); }
inline Lanes operator*(double x, Lanes y) { return y.constant(x) * y; }
inline Lanes operator/(Lanes x, double y) { return x / x.constant(y); }
inline Lanes operator/(double x, Lanes y) { return y.constant(x) / y; }

/// Comparisons: ordered for floats (false at NaN) except `!=`; signed for integers.
Lanes operator<(Lanes x, Lanes y);
Lanes operator<=(Lanes x, Lanes y);
Lanes operator>(Lanes x, Lanes y);
Lanes operator>=(Lanes x, Lanes y);
Lanes operator==(Lanes x, Lanes y);
Lanes operator!=(Lanes x, Lanes y);
inline Lanes operator<(Lanes x, double y) { return x < x.constant(y); }
inline Lanes operator<=(Lanes x, double y) { return x <= x.constant(y); }
inline Lanes operator>(Lanes x, double y) { return x > x.constant(y); }
inline Lanes operator>=(Lanes x, double y) { return x >= x.constant(y); }
inline Lanes operator==(Lanes x, double y) { return x == x.constant(y); }
inline Lanes operator!=(Lanes x, double y) { return x != x.constant(y); }
Lanes isNan(Lanes x);

Lanes select(Lanes condition, Lanes x, Lanes y);
inline Lanes select(Lanes condition, double x, Lanes y) { return select(condition, y.constant(x), y); }
inline Lanes select(Lanes condition, Lanes x, double y) { return select(condition, x, x.constant(y)); }

/// x * y + z in one rounding or two, as the target has it.
inline Lanes mulAdd(Lanes x, Lanes y, Lanes z) { return x * y + z; }
inline Lanes mulAdd(Lanes x, double y, Lanes z) { return x * y + z; }
inline Lanes mulAdd(Lanes x, double y, double z) { return x * y + z; }
inline Lanes mulAdd(Lanes x, Lanes y, double z) { return x * y + z; }

/// Product and quotient that may not be fused or reassociated with anything.
Lanes exactMul(Lanes x, Lanes y);
Lanes exactAdd(Lanes x, Lanes y);
Lanes exactSub(Lanes x, Lanes y);

Lanes abs(Lanes x); ///< floats
Lanes sqrt(Lanes x);
Lanes floor(Lanes x);
Lanes ceil(Lanes x);
Lanes trunc(Lanes x);
Lanes roundEven(Lanes x);
/// |magnitude| with the sign of `sign`.
Lanes copySign(Lanes magnitude, Lanes sign);

/// Bounds in one instruction each on x86; NaN of x stays NaN.
Lanes atLeast(Lanes x, double low);
Lanes atMost(Lanes x, double high);
/// Maximum and minimum that give NaN where either operand is NaN (floats); signed for integers.
Lanes maximum(Lanes x, Lanes y);
Lanes minimum(Lanes x, Lanes y);

/// c[0] + c[1] x + c[2] x^2 + ... by Horner's rule.
Lanes polynomial(Lanes x, llvm::ArrayRef<double> coefficients);

/// Float to float of another width.
Lanes toFloat(Lanes x, mlir::Type element);

} // namespace fettle::codegen

#endif
