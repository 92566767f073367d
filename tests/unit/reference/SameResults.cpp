//===- SameResults.cpp - do two functions compute the same? ---------------===//

#include "tests/unit/reference/SameResults.h"
#include <cmath>
#include <gtest/gtest.h>
#include <random>

using namespace mlir;

namespace fettle::test {

SmallVector<HostTensor> makeInputs(func::FuncOp function) {
  std::mt19937 random(1);
  std::normal_distribution<double> normal;
  SmallVector<HostTensor> inputs;
  for (Type type : function.getArgumentTypes()) {
    HostTensor tensor(cast<RankedTensorType>(type));
    for (int64_t i = 0; i < tensor.numElements(); ++i)
      if (isa<FloatType>(tensor.elementType()))
        tensor.setDouble(i, normal(random));
      else
        tensor.setInteger(i, random() % (tensor.elementType().isInteger(1) ? 2 : 4));
    inputs.push_back(tensor);
  }
  return inputs;
}

void expectSame(const HostTensor &before, const HostTensor &after, double tolerance, const Twine &what) {
  SCOPED_TRACE(what.str());
  ASSERT_EQ(before.type(), after.type());
  if (!isa<FloatType>(before.elementType())) {
    EXPECT_EQ(before.integers(), after.integers());
    return;
  }
  double largest = 0, error = 0;
  for (int64_t i = 0; i < before.numElements(); ++i) {
    double x = before.doubleAt(i), y = after.doubleAt(i);
    if (std::isfinite(x))
      largest = std::max(largest, std::abs(x));
    if (!(x == y || (std::isnan(x) && std::isnan(y))))
      error = std::isfinite(x - y) ? std::max(error, std::abs(x - y)) : INFINITY;
  }
  EXPECT_LE(error, tolerance * std::max(largest, 1e-6)) << "largest value " << largest;
}

} // namespace fettle::test
