//===- MomentObserverTest.cpp - inputs of products beside their targets ----===//

#include "calibration/MomentObserver.h"
#include "tests/unit/passes/FunctionTest.h"
#include <cmath>

using namespace mlir;

namespace fettle::test {

class MomentsOf : public FunctionTest {
protected:
  void SetUp() override {
    parse(R"(func.func @f(%x: tensor<1x5x3xf32>, %w: tensor<3x2xf32>) -> tensor<1x5x2xf32> {
      %0 = nn.matmul %x, %w : (tensor<1x5x3xf32>, tensor<3x2xf32>) -> tensor<1x5x2xf32>
      return %0 : tensor<1x5x2xf32> })");
    rows = ContractionRows::get(&function.front().front());
    ASSERT_TRUE(rows.has_value());
  }
  static std::vector<float> numbers(size_t count, int64_t seed) {
    std::vector<float> values(count);
    for (size_t i = 0; i < count; ++i)
      values[i] = std::sin(float(i * (seed + 3))) + 2;
    return values;
  }

  std::optional<ContractionRows> rows;
};

/// More rows than are summed at once.
TEST_F(MomentsOf, AllRowsAreMeansAndCovariances) {
  const int64_t samples = 120;
  calibration::MomentObserver observer(*rows, 100);
  std::vector<std::vector<double>> x, y;
  for (int64_t sample = 0; sample < samples; ++sample) {
    std::vector<float> input = numbers(15, sample), target = numbers(10, sample + 1000);
    observer.see(sample, input, target);
    for (int64_t row = 0; row < 5; ++row) {
      x.emplace_back(input.begin() + 3 * row, input.begin() + 3 * row + 3);
      y.emplace_back(target.begin() + 2 * row, target.begin() + 2 * row + 2);
    }
  }
  ProductMoments moments = observer.take();
  EXPECT_EQ(moments.width, 3);
  EXPECT_EQ(moments.outputs, 2);
  auto mean = [](const std::vector<std::vector<double>> &list, size_t column) {
    double sum = 0;
    for (const auto &row : list)
      sum += row[column];
    return sum / double(list.size());
  };
  auto covariance = [&](const std::vector<std::vector<double>> &a, size_t i, const std::vector<std::vector<double>> &b, size_t j) {
    double sum = 0;
    for (auto [left, right] : llvm::zip_equal(a, b))
      sum += (left[i] - mean(a, i)) * (right[j] - mean(b, j));
    return sum / double(a.size());
  };
  size_t next = 0;
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_NEAR(moments.mean[i], mean(x, i), 1e-6);
    for (size_t j = i; j < 3; ++j)
      EXPECT_NEAR(moments.covariance[next++], covariance(x, i, x, j), 1e-6);
    for (size_t output = 0; output < 2; ++output)
      EXPECT_NEAR(moments.cross[output * 3 + i], covariance(y, output, x, i), 1e-6);
  }
  EXPECT_NEAR(moments.targetMean[1], mean(y, 1), 1e-6);
}

TEST_F(MomentsOf, SomeRowsOfEachSample) {
  calibration::MomentObserver observer(*rows, 1);
  std::vector<float> input(15, 0.0f), target(10, 0.0f);
  input[0] = 1; // of the first position
  for (int64_t sample = 0; sample < 200; ++sample)
    observer.see(sample, input, target);
  // All positions get their turn.
  EXPECT_NEAR(observer.take().mean[0], 0.2, 0.03);
}

} // namespace fettle::test
