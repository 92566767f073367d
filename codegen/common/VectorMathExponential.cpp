//===- VectorMathExponential.cpp - exp, log and their kin -----------------===//
//
// exp(x): with n = round(x / ln 2) and r = x - n ln 2 in [-ln2/2, ln2/2],
// exp(x) = 2^n exp(r). The rounding adds 1.5 * 2^23 (2^52 for f64): the sum's
// low bits are n itself, so shifting them up by the mantissa width builds 2^n
// without a conversion. We build 2^(n-1) and double the polynomial instead, for
// 2^128 has no float; the price is that results below 2^-126 * 1.4 become 0.
//
// log(x): x = 2^e m with m in [sqrt(1/2), sqrt(2)), log(x) = e ln 2 + log(m).
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Lanes.h"
#include "codegen/common/VectorMath.h"

using namespace mlir;

namespace fettle::codegen {

namespace {
/// exp(x) = 2 * halfPower * (1 + tail): the parts of the reduction above.
struct SplitExp {
  Lanes halfPower;
  Lanes tail;
};
} // namespace

static SplitExp splitExp(Lanes x) {
  bool isDouble = x.width() == 64;
  x = isDouble ? atLeast(atMost(x, 710.0), -708.4) : atLeast(atMost(x, 89.0), -87.4);
  // The bias of the exponent field, less the halving, rides in the rounding constant.
  double rounder = isDouble ? 6755399441055744.0 + 1022.0 : 12582912.0 + 126.0;
  Lanes shifted = mulAdd(x, 1.4426950408889634, rounder);
  Lanes n = shifted - rounder;
  Lanes halfPower = (shifted.asBits() << (isDouble ? 52 : 23)).asFloat();
  if (isDouble) {
    Lanes r = mulAdd(n, -0x1.62e42fefa38p-1, x); // 10 low bits clear: n * high is exact
    r = mulAdd(n, -0x1.ef35793c7673p-45, r);
    // Taylor to degree 13: 0.3466^14 / 14! = 4e-18.
    Lanes p = polynomial(r, {1.0 / 2, 1.0 / 6, 1.0 / 24, 1.0 / 120, 1.0 / 720, 1.0 / 5040, 1.0 / 40320, 1.0 / 362880,
                             1.0 / 3628800, 1.0 / 39916800, 1.0 / 479001600, 1.0 / 6227020800.0});
    return {halfPower, mulAdd(r * r, p, r)};
  }
  Lanes r = mulAdd(n, -0.693359375, x);
  r = mulAdd(n, 2.12194440e-4, r);
  // Minimax on [-ln2/2, ln2/2] (Cephes expf).
  Lanes p = polynomial(r, {5.0000001201e-1, 1.6666665459e-1, 4.1665795894e-2, 8.3334519073e-3, 1.3981999507e-3,
                           1.9875691500e-4});
  return {halfPower, mulAdd(r * r, p, r)};
}

Value emitExp(ImplicitLocOpBuilder &b, Value x) {
  SplitExp e = splitExp({b, x});
  return e.halfPower * mulAdd(e.tail, 2.0, 2.0);
}

Value emitExp2(ImplicitLocOpBuilder &b, Value value) {
  Lanes x = atLeast({b, value}, -127.0);
  constexpr double rounder = 12582912.0 + 127.0; // carries the bias of the exponent field; -127 gives the float 0
  Lanes shifted = x + rounder;
  Lanes power = (shifted.asBits() << 23).asFloat();
  // Minimax in relative error on [-1/2, 1/2] (Remez), the constant set to 1.
  Lanes p = polynomial(x - (shifted - rounder), {1.0, 6.931469440e-1, 2.402212024e-1, 5.550713092e-2, 9.675540961e-3,
                                                 1.327647245e-3});
  return p * power;
}

// 2h (1 + t) - 1 = 2h t + (2h - 1): nothing cancels near 0, where h is 1/2.
Value emitExpMinusOne(ImplicitLocOpBuilder &b, Value x) {
  SplitExp e = splitExp({b, x});
  Lanes doubleTail = e.tail + e.tail;
  Lanes near = mulAdd(e.halfPower, doubleTail, mulAdd(e.halfPower, 2.0, -1.0));
  // 2h overflows one step before h (2 + 2t) does.
  Lanes isLarge = Lanes(b, x) > (e.tail.width() == 64 ? 700.0 : 80.0);
  return select(isLarge, e.halfPower * (doubleTail + 2.0), near);
}

/// log of m in [sqrt(1/2), sqrt(2)) times 2^exponent.
static Lanes logOfParts(Lanes m, Lanes exponent) {
  Lanes f = m - 1.0;
  if (m.width() == 64) {
    // fdlibm e_log.c: with s = f / (2 + f), log(1 + f) = f - s (f - R(s^2)).
    Lanes s = f / (f + 2.0), z = s * s;
    Lanes series = z * polynomial(z, {6.666666666666735130e-01, 3.999999999940941908e-01, 2.857142874366239149e-01,
                                      2.222219843214978396e-01, 1.818357216161805012e-01, 1.531383769920937332e-01,
                                      1.479819860511658591e-01});
    Lanes half = f * f * 0.5;
    Lanes low = mulAdd(s, half + series, exponent * 1.90821492927058770002e-10);
    return mulAdd(exponent, 6.93147180369123816490e-01, f - (half - low));
  }
  // Cephes logf.
  Lanes z = f * f;
  Lanes p = polynomial(f, {3.3333331174e-1, -2.4999993993e-1, 2.0000714765e-1, -1.6668057665e-1, 1.4249322787e-1,
                           -1.2420140846e-1, 1.1676998740e-1, -1.1514610310e-1, 7.0376836292e-2});
  Lanes low = mulAdd(exponent, -2.12194440e-4, f * z * p);
  return mulAdd(exponent, 0.693359375, f + mulAdd(z, -0.5, low));
}

static Lanes log(Lanes x) {
  bool isDouble = x.width() == 64;
  int64_t mantissaBits = isDouble ? 52 : 23;
  double smallestNormal = isDouble ? 0x1p-1022 : 0x1p-126;
  Lanes isDenormal = x < smallestNormal;
  Lanes normal = select(isDenormal, x * (isDouble ? 0x1p52 : 0x1p23), x);
  Lanes bits = normal.asBits();
  Lanes sqrtHalf = bits.integerConstant(isDouble ? 0x3fe6a09e667f3bcdLL : 0x3f3504f3);
  Lanes e = (bits - sqrtHalf) >> mantissaBits;
  Lanes m = (bits - (e << mantissaBits)).asFloat();
  ImplicitLocOpBuilder &b = x.builder();
  Lanes exponent(b, arith::SIToFPOp::create(b, x.type(), Value(e)));
  exponent = select(isDenormal, exponent - double(mantissaBits), exponent);
  Lanes result = logOfParts(m, exponent);
  double infinity = std::numeric_limits<double>::infinity();
  result = select(x < infinity, result, x); // +inf and NaN stay
  result = select(x == 0.0, -infinity, result);
  return select(x < 0.0, std::numeric_limits<double>::quiet_NaN(), result);
}

Value emitLog(ImplicitLocOpBuilder &b, Value x) { return log({b, x}); }

// With w = 1 + x rounded, log(1 + x) = log(w) + (x - (w - 1)) / w to first order, and the rest is below rounding.
static Lanes logOnePlus(Lanes x) {
  Lanes w = exactAdd(x.constant(1.0), x);
  Lanes lost = exactSub(x, exactSub(w, x.constant(1.0)));
  Lanes result = log(w) + lost / w;
  return select(abs(w) < std::numeric_limits<double>::infinity(), select(w == 0.0, log(w), result), w);
}

Value emitLogOnePlus(ImplicitLocOpBuilder &b, Value x) { return logOnePlus({b, x}); }

Value emitSigmoid(ImplicitLocOpBuilder &b, Value x) {
  Lanes e(b, emitExp(b, -Lanes(b, x)));
  return 1.0 / (e + 1.0);
}

// log(1 + exp x) = max(x, 0) + log(1 + exp(-|x|)): the exponential cannot overflow.
Value emitSoftplus(ImplicitLocOpBuilder &b, Value x) {
  Lanes lanes(b, x);
  Lanes e(b, emitExp(b, -abs(lanes)));
  Lanes w = e + 1.0;
  Lanes tail = log(w) + exactSub(e, exactSub(w, w.constant(1.0))) / w;
  return atLeast(lanes, 0.0) + tail;
}

} // namespace fettle::codegen
