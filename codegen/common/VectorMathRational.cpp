//===- VectorMathRational.cpp - tanh and erf ------------------------------===//
//
// Both are odd and saturate, so a clamp and one quotient x P(x^2) / Q(x^2) give
// f32 to a few ULP with no exponential: about a dozen multiply-adds and a
// division, the cheapest form there is for GELU and LSTM gates. f64 takes the
// quotient near 0 and the exponential elsewhere, as Cephes does.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Lanes.h"
#include "codegen/common/VectorMath.h"

using namespace mlir;

namespace fettle::codegen {

static Lanes clampToSymmetric(Lanes x, double bound) { return atLeast(atMost(x, bound), -bound); }

Value emitTanh(ImplicitLocOpBuilder &b, Value value) {
  Lanes x(b, value);
  if (x.width() == 64) {
    Lanes z = x * x;
    Lanes p = polynomial(z, {-1.61468768441708447952e3, -9.92877231001918586564e1, -9.64399179425052238628e-1});
    Lanes q = polynomial(z, {4.84406305325125486048e3, 2.23548839060100448583e3, 1.12811678491632931402e2, 1.0});
    Lanes near = mulAdd(x * z, p / q, x);
    Lanes magnitude = abs(x);
    Lanes e(b, emitExp(b, magnitude + magnitude));
    Lanes far = 1.0 - 2.0 / (e + 1.0);
    return select(magnitude < 0.625, near, copySign(far, x));
  }
  // The quotient that Eigen and XLA use; its value at the clamp rounds to 1.
  Lanes c = clampToSymmetric(x, 7.90531110763549805);
  Lanes z = c * c;
  Lanes p = polynomial(z, {4.89352455891786e-03, 6.37261928875436e-04, 1.48572235717979e-05, 5.12229709037114e-08,
                           -8.60467152213735e-11, 2.00018790482477e-13, -2.76076847742355e-16});
  Lanes q = polynomial(z, {4.89352518554385e-03, 2.26843463243900e-03, 1.18534705686654e-04, 1.19825839466702e-06});
  return c * p / q;
}

static Lanes erfDouble(Lanes x) {
  // Cephes ndtr.c: erf near 0, 1 - exp(-x^2) P / Q from 1 on.
  Lanes z = x * x;
  Lanes t = polynomial(z, {5.55923013010394962768e4, 7.00332514112805075473e3, 2.23200534594684319226e3,
                           9.00260197203842689217e1, 9.60497373987051638749e0});
  Lanes u = polynomial(z, {4.92673942608635921086e4, 2.26290000613890934246e4, 4.59432382970980127987e3,
                           5.21357949780152679795e2, 3.35617141647503099647e1, 1.0});
  Lanes near = x * t / u;
  Lanes a = atMost(abs(x), 6.5); // erfc(6.5) is below half an ULP of 1
  Lanes p = polynomial(a, {5.57535335369399327526e2, 1.02755188689515710272e3, 9.34528527171957607540e2,
                           5.26445194995477358631e2, 1.96520832956077098242e2, 4.86371970985681366614e1,
                           7.46321056442269912687e0, 5.64189564831068821977e-1, 2.46196981473530512524e-10});
  Lanes q = polynomial(a, {5.57535340817727675546e2, 1.65666309194161350182e3, 2.24633760818710981792e3,
                           1.82390916687909736289e3, 9.75708501743205489753e2, 3.54937778887819891062e2,
                           8.67072140885989742329e1, 1.32281951154744992508e1, 1.0});
  ImplicitLocOpBuilder &b = x.builder();
  Lanes e(b, emitExp(b, -(a * a)));
  return select(abs(x) < 1.0, near, copySign(1.0 - e * p / q, x));
}

Value emitErf(ImplicitLocOpBuilder &b, Value value) {
  Lanes x(b, value);
  if (x.width() == 64)
    return erfDouble(x);
  Lanes c = clampToSymmetric(x, 4.0);
  Lanes z = c * c;
  Lanes p = polynomial(z, {-1.60960333262415e-02, -2.95459980854025e-03, -7.34990630326855e-04, -5.69250639462346e-05,
                           -2.10102402082508e-06, 2.77068142495902e-08, -2.72614225801306e-10});
  Lanes q = polynomial(z, {-1.42647390514189e-02, -7.37332916720468e-03, -1.68282697438203e-03, -2.13374055278905e-04,
                           -1.45660718464996e-05});
  return c * p / q;
}

} // namespace fettle::codegen
