//===- VectorMathTrigonometric.cpp - sin, cos, tan and their inverses -----===//
//
// Everything here is rare in networks, so f32 is computed in f64 and rounded.
// sin and cos: x = n pi/2 + r with |r| <= pi/4 by Cody and Waite's three-part
// pi/2 (each part short enough that n times it is exact up to n = 2^20), then
// fdlibm's kernels, chosen and signed by n mod 4.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Lanes.h"
#include "codegen/common/VectorMath.h"
#include "llvm/ADT/STLFunctionalExtras.h"

using namespace mlir;

namespace fettle::codegen {

static Value inDouble(ImplicitLocOpBuilder &b, Value value, llvm::function_ref<Lanes(Lanes)> function) {
  Lanes x(b, value);
  return toFloat(function(toFloat(x, b.getF64Type())), x.element());
}

namespace {
struct Circle {
  Lanes sine;
  Lanes cosine;
  Lanes quadrant; ///< integer; its two low bits count
};
} // namespace

static Circle reduceToCircle(Lanes x) {
  const double rounder = 6755399441055744.0; // 1.5 * 2^52, as in exp
  Lanes shifted = mulAdd(x, 6.36619772367581382433e-01, rounder);
  Lanes n = shifted - rounder;
  Lanes r = mulAdd(n, -1.57079632673412561417e+00, x);
  r = mulAdd(n, -6.07710050630396597660e-11, r);
  r = mulAdd(n, -2.02226624879595063154e-21, r);
  Lanes z = r * r;
  Lanes sine = mulAdd(r * z,
                      polynomial(z, {-1.66666666666666324348e-01, 8.33333333332248946124e-03, -1.98412698298579493134e-04,
                                     2.75573137070700676789e-06, -2.50507602534068634195e-08, 1.58969099521155010221e-10}),
                      r);
  Lanes tail = polynomial(z, {4.16666666666666019037e-02, -1.38888888888741095749e-03, 2.48015872894767294178e-05,
                              -2.75573143513906633035e-07, 2.08757232129817482790e-09, -1.13596475577881948265e-11});
  Lanes half = z * 0.5;
  Lanes w = 1.0 - half;
  Lanes cosine = w + mulAdd(z * z, tail, (1.0 - w) - half);
  return {sine, cosine, shifted.asBits()};
}

/// sin(x + turns pi/2).
static Lanes sinAhead(Lanes x, int64_t turns) {
  Circle circle = reduceToCircle(x);
  Lanes quadrant = circle.quadrant + circle.quadrant.integerConstant(turns);
  Lanes isOdd = (quadrant & quadrant.integerConstant(1)) != quadrant.integerConstant(0);
  Lanes value = select(isOdd, circle.cosine, circle.sine);
  Lanes sign = (quadrant & quadrant.integerConstant(2)) << 62;
  return (value.asBits() ^ sign).asFloat();
}

Value emitSin(ImplicitLocOpBuilder &b, Value x) {
  return inDouble(b, x, [](Lanes d) { return sinAhead(d, 0); });
}
Value emitCos(ImplicitLocOpBuilder &b, Value x) {
  return inDouble(b, x, [](Lanes d) { return sinAhead(d, 1); });
}
Value emitTan(ImplicitLocOpBuilder &b, Value x) {
  return inDouble(b, x, [](Lanes d) {
    Circle circle = reduceToCircle(d);
    Lanes one = circle.quadrant.integerConstant(1);
    Lanes isOdd = (circle.quadrant & one) == one;
    return select(isOdd, -circle.cosine, circle.sine) / select(isOdd, circle.sine, circle.cosine);
  });
}

/// Cephes atan: |x| > tan(3 pi/8) and |x| > 0.66 are turned towards 0 first.
static Lanes atan(Lanes x) {
  Lanes a = abs(x);
  Lanes isLarge = a > 2.41421356237309504880, isMiddle = a > 0.66;
  Lanes t = select(isLarge, -1.0 / a, select(isMiddle, (a - 1.0) / (a + 1.0), a));
  Lanes z = t * t;
  Lanes p = polynomial(z, {-6.485021904942025371773e1, -1.228866684490136173410e2, -7.500855792314704667340e1,
                           -1.615753718733365076637e1, -8.750608600031904122785e-1});
  Lanes q = polynomial(z, {1.945506571482613964425e2, 4.853903996359136964868e2, 4.328810604912902668951e2,
                           1.650270098316988542046e2, 2.485846490142306297962e1, 1.0});
  Lanes angle = mulAdd(t * z, p / q, t);
  Lanes high = select(isLarge, 1.57079632679489661923, select(isMiddle, 0.78539816339744830962, a.constant(0.0)));
  Lanes low = select(isLarge, 6.123233995736765886130e-17, select(isMiddle, 3.061616997868382943065e-17, a.constant(0.0)));
  return copySign(high + (angle + low), x);
}

/// fdlibm's R(z): asin(x) = x + x R(x^2) for |x| <= 1/2.
static Lanes asinQuotient(Lanes z) {
  Lanes p = polynomial(z, {1.66666666666666657415e-01, -3.25565818622400915405e-01, 2.01212532134862925881e-01,
                           -4.00555345006794114027e-02, 7.91534994289814532176e-04, 3.47933107596021167570e-05});
  Lanes q = polynomial(z, {1.0, -2.40339491173441421878e+00, 2.02094576023350569471e+00, -6.88283971605453293030e-01,
                           7.70381505559019352791e-02});
  return z * p / q;
}

static const double halfPi = 1.57079632679489655800e+00, halfPiTail = 6.12323399573676603587e-17;

// For |x| > 1/2: asin(x) = pi/2 - 2 asin(sqrt((1 - x) / 2)).
static Lanes asin(Lanes x) {
  Lanes a = abs(x);
  Lanes isLarge = a > 0.5;
  Lanes z = select(isLarge, (1.0 - a) * 0.5, a * a);
  Lanes s = select(isLarge, sqrt(z), a);
  Lanes angle = mulAdd(s, asinQuotient(z), s);
  Lanes turned = halfPi - ((angle + angle) - halfPiTail);
  return copySign(select(isLarge, turned, angle), x);
}

static Lanes acos(Lanes x) {
  Lanes a = abs(x);
  Lanes isLarge = a > 0.5;
  Lanes z = select(isLarge, (1.0 - a) * 0.5, a * a);
  Lanes s = select(isLarge, sqrt(z), x);
  Lanes angle = mulAdd(s, asinQuotient(z), s);
  Lanes twice = angle + angle;
  Lanes far = select(x < 0.0, 2.0 * halfPi - (twice - 2.0 * halfPiTail), twice);
  return select(isLarge, far, halfPi - (angle - halfPiTail));
}

Value emitAsin(ImplicitLocOpBuilder &b, Value x) { return inDouble(b, x, asin); }
Value emitAcos(ImplicitLocOpBuilder &b, Value x) { return inDouble(b, x, acos); }
Value emitAtan(ImplicitLocOpBuilder &b, Value x) { return inDouble(b, x, atan); }

//===--- Hyperbolic -------------------------------------------------------===//

static Lanes expMinusOne(Lanes x) { return {x.builder(), emitExpMinusOne(x.builder(), x)}; }
static Lanes logOnePlus(Lanes x) { return {x.builder(), emitLogOnePlus(x.builder(), x)}; }

// With h = exp(|x| / 2), exp(|x|) / 2 = h (h / 2) overflows no sooner than the result does.
static Lanes halfExp(Lanes x) {
  Lanes h(x.builder(), emitExp(x.builder(), x * 0.5));
  return h * 0.5 * h;
}

Value emitSinh(ImplicitLocOpBuilder &b, Value value) {
  return inDouble(b, value, [](Lanes x) {
    Lanes a = abs(x);
    Lanes m = expMinusOne(atMost(a, 22.0));
    Lanes near = 0.5 * (m + m / (m + 1.0));
    return copySign(select(a < 22.0, near, halfExp(a)), x);
  });
}
Value emitCosh(ImplicitLocOpBuilder &b, Value value) {
  return inDouble(b, value, [](Lanes x) {
    Lanes a = abs(x);
    Lanes half = halfExp(a);
    return half + 0.25 / half;
  });
}
Value emitAsinh(ImplicitLocOpBuilder &b, Value value) {
  return inDouble(b, value, [](Lanes x) {
    Lanes a = abs(x);
    Lanes square = a * a;
    Lanes near = logOnePlus(a + square / (sqrt(square + 1.0) + 1.0));
    Lanes far(x.builder(), emitLog(x.builder(), a));
    return copySign(select(a < 1e9, near, far + 0.69314718055994530942), x);
  });
}
Value emitAcosh(ImplicitLocOpBuilder &b, Value value) {
  return inDouble(b, value, [](Lanes x) {
    Lanes t = x - 1.0;
    Lanes near = logOnePlus(t + sqrt(mulAdd(t, t, t + t)));
    Lanes far(x.builder(), emitLog(x.builder(), x));
    return select(x > 1e9, far + 0.69314718055994530942, near);
  });
}
Value emitAtanh(ImplicitLocOpBuilder &b, Value value) {
  return inDouble(b, value, [](Lanes x) {
    Lanes a = abs(x);
    return copySign(0.5 * logOnePlus((a + a) / (1.0 - a)), x);
  });
}

} // namespace fettle::codegen
