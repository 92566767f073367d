//===- Comparison.cpp - how far two answers stand apart -------------------===//

#include "tools/fettle/Comparison.h"
#include <cmath>

namespace fettle::cli {

NumericPromise findNumericPromise(llvm::ArrayRef<mlir::ModuleOp> modules) {
  NumericPromise promise;
  auto consider = [&](mlir::Operation *op) {
    if (auto facts = llvm::dyn_cast<nn::NnOpInterface>(op))
      promise.numericClass = std::max(promise.numericClass, facts.getNumericClass());
    promise.quantized |= llvm::isa<nn::QuantizeOp, nn::RescaleOp>(op);
    for (mlir::Type type : op->getResultTypes())
      if (auto tensor = llvm::dyn_cast<mlir::RankedTensorType>(type))
        if (auto element = llvm::dyn_cast<mlir::FloatType>(tensor.getElementType()))
          promise.mantissaBits = std::min(promise.mantissaBits, element.getFPMantissaWidth() - 1);
  };
  for (mlir::ModuleOp module : modules)
    module.walk(consider);
  return promise;
}

Tolerance defaultTolerance(const NumericPromise &promise) {
  // A unit in the last place of what is computed with: 2^-23 for f32, 2^-10 for f16.
  double unit = std::ldexp(1.0, -int(promise.mantissaBits));
  if (promise.quantized || promise.roundsProducts)
    return {0, 0, 1.0 / 32}; // a few steps of 8 bits
  switch (promise.numericClass) {
  case nn::NumericClass::Exact:
    return {};
  case nn::NumericClass::Close:
    return {16 * unit, 0, 16 * unit};
  case nn::NumericClass::Loose:
    return {1024 * unit, 0, 1024 * unit};
  }
  llvm_unreachable("a numeric class");
}

llvm::StringRef numericClassName(nn::NumericClass numericClass) {
  switch (numericClass) {
  case nn::NumericClass::Exact:
    return "exact";
  case nn::NumericClass::Close:
    return "close";
  case nn::NumericClass::Loose:
    return "loose";
  }
  llvm_unreachable("a numeric class");
}

double Difference::sqnrDecibels() const {
  // JSON knows no infinity, and beyond 300 dB there is nothing in a double.
  return squaredError == 0 ? 300 : std::clamp(10 * std::log10(squaredReference / squaredError), -300.0, 300.0);
}

double Difference::relativeNorm() const {
  return squaredError == 0 ? 0 : squaredReference == 0 ? INFINITY : std::sqrt(squaredError / squaredReference);
}

void Difference::add(const HostTensor &value, const HostTensor &reference, const Tolerance &tolerance) {
  int64_t count = value.numElements();
  double largest = 0;
  for (int64_t i = 0; i < count; ++i)
    if (double magnitude = std::fabs(reference.doubleAt(i)); std::isfinite(magnitude))
      largest = std::max(largest, magnitude);
  double floor = tolerance.absolute + tolerance.ofLargest * largest;
  elements += count;
  for (int64_t i = 0; i < count; ++i) {
    double a = value.doubleAt(i), b = reference.doubleAt(i);
    if (a == b || (std::isnan(a) && std::isnan(b))) {
      if (std::isfinite(b))
        squaredReference += b * b;
      continue;
    }
    double error = std::fabs(a - b);
    if (!std::isfinite(error)) { // one is NaN or infinite: as wrong as can be
      ++outside;
      maxAbsolute = maxRelative = squaredError = INFINITY;
      continue;
    }
    maxAbsolute = std::max(maxAbsolute, error);
    if (b != 0)
      maxRelative = std::max(maxRelative, error / std::fabs(b));
    squaredError += error * error;
    squaredReference += b * b;
    outside += error > floor + tolerance.relative * std::fabs(b);
  }
}

int64_t argmax(const HostTensor &tensor, int64_t begin, int64_t end) {
  int64_t best = begin;
  double largest = -INFINITY;
  for (int64_t i = begin; i < end; ++i)
    if (double value = tensor.doubleAt(i); value > largest) {
      largest = value;
      best = i;
    }
  return best - begin;
}

} // namespace fettle::cli
