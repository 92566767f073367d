//===- VectorMathTest.cpp - errors of the elementary functions ------------===//
//
// Each function is compiled as a kernel and swept over its range; the error is
// counted in units in the last place of the true value, taken from the host's
// long double functions.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/codegen/RunKernel.h"
#include "llvm/ADT/StringExtras.h"
#include "gtest/gtest.h"
#include <cfloat>
#include <cmath>

using namespace mlir;
using namespace fettle;
using namespace fettle::test;

namespace {

constexpr int64_t count = 40000;

std::string unaryText(StringRef kind, StringRef element) {
  std::string type = "tensor<" + std::to_string(count) + "x" + element.str() + ">";
  return "func.func @f(%x: " + type + ") -> " + type + " {\n  %0 = nn.unary " + kind.str() + " %x : (" + type + ") -> " + type +
         "\n  return %0 : " + type + "\n}";
}

/// Distance in units of the last place of `expected` in a format of `digits` bits, floored at 2^floorExponent.
double ulps(double actual, long double expected, int digits, int floorExponent) {
  if (std::isnan(actual) || std::isnan(expected))
    return std::isnan(actual) == std::isnan(expected) ? 0 : 1e30;
  double limit = digits == 24 ? FLT_MAX : DBL_MAX;
  if (std::isinf(actual) || std::isinf(double(expected)) || std::fabs(expected) > limit)
    return std::isinf(actual) && std::fabs(expected) > limit * 0.9999999L && (actual > 0) == (expected > 0) ? 0 : 1e30;
  int exponent = expected == 0 ? floorExponent : std::max(floorExponent, std::ilogb(expected));
  return double(std::fabs(actual - expected) / std::ldexp(1.0L, exponent - digits + 1));
}

using Function = long double (*)(long double);

struct Sweep {
  const char *kind;
  Function function;
  double low, high;
  double maxUlps, maxUlpsDouble;
  bool isLogarithmic = false; ///< points spread by magnitude
  int floorExponent = -200;
};

void sweep(const Sweep &s, bool isDouble) {
  SCOPED_TRACE(std::string(s.kind) + (isDouble ? " f64" : " f32"));
  KernelRun kernel(unaryText(s.kind, isDouble ? "f64" : "f32"), codegen::buildLoops);
  ASSERT_TRUE(kernel.built());
  HostTensor x(kernel.inputTypes()[0]);
  for (int64_t i = 0; i < count; ++i) {
    double t = double(i) / (count - 1);
    x.setDouble(i, s.isLogarithmic ? s.low * std::pow(s.high / s.low, t) : s.low + t * (s.high - s.low));
  }
  HostTensor y = kernel.run({x})[0];
  double worst = 0, worstAt = 0;
  int floorExponent = std::max(s.floorExponent, isDouble ? -1021 : -125);
  for (int64_t i = 0; i < count; ++i) {
    double error = ulps(y.doubleAt(i), s.function(x.doubleAt(i)), isDouble ? 53 : 24, floorExponent);
    if (error > worst) {
      worst = error;
      worstAt = x.doubleAt(i);
    }
  }
  EXPECT_LE(worst, isDouble ? s.maxUlpsDouble : s.maxUlps) << "at " << worstAt;
  testing::Test::RecordProperty(std::string(s.kind) + (isDouble ? "_f64" : "_f32"), std::to_string(worst));
  if (std::getenv("FETTLE_SHOW_ULPS"))
    llvm::errs() << s.kind << (isDouble ? " f64 " : " f32 ") << worst << " at " << worstAt << "\n";
}

void sweepBoth(const Sweep &s) {
  sweep(s, false);
  sweep(s, true);
}

long double sigmoid(long double x) { return 1 / (1 + expl(-x)); }
long double softplus(long double x) { return (x > 0 ? x : 0) + log1pl(expl(-fabsl(x))); }

} // namespace

TEST(VectorMath, Exponentials) {
  sweepBoth({"exp", expl, -86.5, 88.72, 2, 2});
  sweepBoth({"exp", expl, -1, 1, 2, 2});
  sweep({"exp", expl, -708, 709.7, 2, 2}, true);
  sweepBoth({"log", logl, 1e-45, 3e38, 2, 2, true});
  sweepBoth({"log", logl, 0.5, 2, 2, 2, false, -20});
  sweepBoth({"sigmoid", sigmoid, -80, 80, 3, 3});
  sweepBoth({"softplus", softplus, -80, 80, 4, 4});
}

TEST(VectorMath, TanhAndErf) {
  sweepBoth({"tanh", tanhl, -10, 10, 5, 4});
  sweepBoth({"tanh", tanhl, 1e-8, 1, 5, 4, true});
  sweepBoth({"erf", erfl, -7, 7, 6, 4});
  sweepBoth({"erf", erfl, 1e-8, 1, 4, 4, true});
}

TEST(VectorMath, Trigonometric) {
  sweepBoth({"sin", sinl, -10, 10, 1, 2, false, -20});
  sweepBoth({"cos", cosl, -10, 10, 1, 2, false, -20});
  sweepBoth({"tan", tanl, -1.5, 1.5, 1, 4, false, -20});
  sweepBoth({"sin", sinl, -1e5, 1e5, 1, 3, false, -20});
  sweepBoth({"cos", cosl, 1, 1e6, 1, 3, false, -20});
  sweepBoth({"asin", asinl, -1, 1, 1, 4});
  sweepBoth({"acos", acosl, -1, 1, 1, 4});
  sweepBoth({"atan", atanl, -20, 20, 1, 4});
}

TEST(VectorMath, Hyperbolic) {
  sweepBoth({"sinh", sinhl, -20, 20, 1, 4});
  sweepBoth({"sinh", sinhl, 20, 88, 1, 4});
  sweepBoth({"cosh", coshl, -20, 88, 1, 4});
  sweepBoth({"asinh", asinhl, -20, 20, 1, 4});
  sweepBoth({"asinh", asinhl, 1, 1e30, 1, 4, true});
  sweepBoth({"acosh", acoshl, 1, 20, 1, 4});
  sweepBoth({"atanh", atanhl, -0.999, 0.999, 1, 4});
}

TEST(VectorMath, SpecialValues) {
  const double infinity = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
  struct Case {
    const char *kind;
    std::vector<std::pair<double, double>> values;
  };
  for (const Case &c : std::vector<Case>{{"exp", {{infinity, infinity}, {-infinity, 0}, {nan, nan}, {0, 1}, {1000, infinity}, {-1000, 0}}},
                                         {"log", {{infinity, infinity}, {-1, nan}, {nan, nan}, {0, -infinity}, {1, 0}}},
                                         {"tanh", {{infinity, 1}, {-infinity, -1}, {nan, nan}, {0, 0}}},
                                         {"erf", {{infinity, 1}, {-infinity, -1}, {nan, nan}, {0, 0}}},
                                         {"sigmoid", {{infinity, 1}, {-infinity, 0}, {nan, nan}, {0, 0.5}}},
                                         {"softplus", {{infinity, infinity}, {-infinity, 0}, {nan, nan}}},
                                         {"relu", {{infinity, infinity}, {-infinity, 0}, {nan, nan}}},
                                         {"atan", {{infinity, std::atan(infinity)}, {-infinity, -std::atan(infinity)}, {nan, nan}}},
                                         {"asin", {{1, std::asin(1)}, {2, nan}}},
                                         {"acosh", {{1, 0}, {0, nan}, {infinity, infinity}}},
                                         {"atanh", {{1, infinity}, {-1, -infinity}, {2, nan}}}}) {
    for (const char *element : {"f32", "f64"}) {
      SCOPED_TRACE(std::string(c.kind) + " " + element);
      KernelRun kernel(unaryText(c.kind, element), codegen::buildLoops);
      ASSERT_TRUE(kernel.built());
      HostTensor x(kernel.inputTypes()[0]);
      for (auto [i, value] : llvm::enumerate(c.values))
        x.setDouble(i, value.first);
      HostTensor y = kernel.run({x})[0];
      for (auto [i, value] : llvm::enumerate(c.values)) {
        double actual = y.doubleAt(i);
        if (std::isnan(value.second))
          EXPECT_TRUE(std::isnan(actual)) << value.first << ": " << actual;
        else
          EXPECT_FLOAT_EQ(actual, value.second) << value.first;
      }
    }
  }
}

TEST(VectorMath, PowerAndRemainder) {
  std::string text = R"(func.func @f(%x: tensor<40000xf32>, %y: tensor<40000xf32>) -> (tensor<40000xf32>, tensor<40000xf32>) {
    %0 = nn.binary pow %x, %y : (tensor<40000xf32>, tensor<40000xf32>) -> tensor<40000xf32>
    %1 = nn.binary fmod %x, %y : (tensor<40000xf32>, tensor<40000xf32>) -> tensor<40000xf32>
    return %0, %1 : tensor<40000xf32>, tensor<40000xf32>
  })";
  KernelRun kernel(text, codegen::buildLoops);
  ASSERT_TRUE(kernel.built());
  HostTensor x = randomTensor(kernel.inputTypes()[0], 1, -30, 30), y = randomTensor(kernel.inputTypes()[1], 2, -8, 8);
  for (int64_t i = 0; i < count / 2; ++i)
    y.setDouble(i, std::nearbyint(y.doubleAt(i)));
  double infinity = std::numeric_limits<double>::infinity();
  for (auto [i, value] : llvm::enumerate(std::vector<std::pair<double, double>>{
           {0, 0}, {0, 2}, {0, -1}, {1, infinity}, {-1, 3}, {infinity, 2}, {infinity, -2}, {2, infinity}, {2, -infinity}, {5, 0.5}})) {
    x.setDouble(i, value.first);
    y.setDouble(i, value.second);
  }
  std::vector<HostTensor> results = kernel.run({x, y});
  double worst = 0;
  for (int64_t i = 0; i < count; ++i) {
    worst = std::max(worst, ulps(results[0].doubleAt(i), powl(x.doubleAt(i), y.doubleAt(i)), 24, -125));
    float remainder = std::fmod(float(x.doubleAt(i)), float(y.doubleAt(i)));
    if (!std::isnan(remainder))
      EXPECT_EQ(float(results[1].doubleAt(i)), remainder) << x.doubleAt(i) << " by " << y.doubleAt(i);
  }
  EXPECT_LE(worst, 1);
}
