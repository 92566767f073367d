//===- RowObserverTest.cpp - second moments of rows ------------------------===//

#include "calibration/RowObserver.h"
#include "tests/unit/passes/Preserve.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::test {

class RowStatisticsOf : public testing::Test {
protected:
  void SetUp() override {
    loadDialects(context);
    module = parseSourceString<ModuleOp>(R"(func.func @f(%x: tensor<1x4x6xf32>, %w: tensor<4x2x3xf32>) -> tensor<1x4x6xf32> {
      %0 = nn.conv %x, %w {strides = array<i64: 1>, pads = array<i64: 1, 1>, dilations = array<i64: 1>, groups = 2}
          : (tensor<1x4x6xf32>, tensor<4x2x3xf32>) -> tensor<1x4x6xf32>
      return %0 : tensor<1x4x6xf32> })",
                                         &context);
    rows = ContractionRows::get(&(*module->getOps<func::FuncOp>().begin()).front().front());
    ASSERT_TRUE(rows.has_value());
  }
  static std::vector<float> input(int64_t sample) {
    std::vector<float> values(24);
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = std::sin(float(i * (sample + 3))) * 1.5f;
    return values;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  std::optional<ContractionRows> rows;
  Grid grid = gridOver(-1, 1); ///< clips
};

TEST_F(RowStatisticsOf, AllRowsAreMeansAndCovariances) {
  const int64_t samples = 50;
  calibration::RowObserver observer(*rows, grid, 100);
  std::vector<std::vector<double>> exact, rounded;
  std::vector<float> row(12);
  for (int64_t sample = 0; sample < samples; ++sample) {
    observer.see(sample, input(sample));
    for (int64_t position = 0; position < 6; ++position) {
      rows->gather(input(sample), position, row.data());
      exact.emplace_back(row.begin(), row.end());
      rounded.emplace_back();
      for (float value : row)
        rounded.back().push_back(grid.round(value));
    }
  }
  RowStatistics statistics = observer.take();
  EXPECT_EQ(statistics.groups, 2);
  ASSERT_EQ(statistics.width, 6);
  ASSERT_EQ(statistics.mean.size(), 12u);
  ASSERT_EQ(statistics.covariance.size(), 42u);
  double count = double(exact.size());
  std::vector<double> mean(12), roundedMean(12);
  for (size_t i = 0; i < exact.size(); ++i)
    for (int column = 0; column < 12; ++column) {
      mean[column] += exact[i][column] / count;
      roundedMean[column] += rounded[i][column] / count;
    }
  for (int column = 0; column < 12; ++column) {
    EXPECT_NEAR(statistics.mean[column], mean[column], 1e-6);
    EXPECT_NEAR(statistics.roundedMean[column], roundedMean[column], 1e-6);
  }
  size_t next = 0;
  for (int group = 0; group < 2; ++group)
    for (int i = group * 6; i < group * 6 + 6; ++i)
      for (int j = i; j < group * 6 + 6; ++j) {
        double covariance = 0;
        for (const std::vector<double> &values : rounded)
          covariance += (values[i] - roundedMean[i]) * (values[j] - roundedMean[j]) / count;
        EXPECT_NEAR(statistics.covariance[next++], covariance, 1e-5);
      }
}

TEST_F(RowStatisticsOf, StudentsRowsAreRoundedBesideTheirTeachers) {
  const int64_t samples = 40;
  calibration::RowObserver observer(*rows, grid, 100);
  std::vector<std::vector<double>> teacher, student;
  std::vector<float> row(12);
  for (int64_t sample = 0; sample < samples; ++sample) {
    std::vector<float> exact = input(sample), given = exact;
    for (float &value : given)
      value = 0.8f * value + 0.05f;
    observer.seeBoth(sample, exact, given);
    for (int64_t position = 0; position < 6; ++position) {
      rows->gather(exact, position, row.data());
      teacher.emplace_back(row.begin(), row.end());
      rows->gather(given, position, row.data());
      student.emplace_back();
      for (float value : row)
        student.back().push_back(grid.round(value));
    }
  }
  RowStatistics statistics = observer.take();
  ASSERT_EQ(statistics.missing.size(), 72u);
  const double count = double(teacher.size());
  std::vector<double> mean(12), studentMean(12);
  for (size_t i = 0; i < teacher.size(); ++i)
    for (int column = 0; column < 12; ++column) {
      mean[column] += teacher[i][column] / count;
      studentMean[column] += student[i][column] / count;
    }
  size_t next = 0;
  for (int group = 0; group < 2; ++group)
    for (int i = group * 6; i < group * 6 + 6; ++i) {
      EXPECT_NEAR(statistics.mean[i], mean[i], 1e-6);
      EXPECT_NEAR(statistics.roundedMean[i], studentMean[i], 1e-6);
      for (int j = group * 6; j < group * 6 + 6; ++j) {
        double covariance = 0;
        for (size_t k = 0; k < teacher.size(); ++k)
          covariance += (teacher[k][i] - student[k][i] - mean[i] + studentMean[i]) * (student[k][j] - studentMean[j]) / count;
        EXPECT_NEAR(statistics.missing[next++], covariance, 1e-5);
      }
    }
}

TEST_F(RowStatisticsOf, SomeRowsComeFromAllPositions) {
  // One row of each sample: over many samples the means are nearly those of all rows.
  calibration::RowObserver all(*rows, grid, 6), some(*rows, grid, 1);
  for (int64_t sample = 0; sample < 3000; ++sample) {
    all.see(sample, input(sample));
    some.see(sample, input(sample));
  }
  RowStatistics wanted = all.take(), estimated = some.take();
  for (int column = 0; column < 12; ++column)
    EXPECT_NEAR(estimated.mean[column], wanted.mean[column], 0.1);
  for (size_t i = 0; i < wanted.covariance.size(); ++i)
    EXPECT_NEAR(estimated.covariance[i], wanted.covariance[i], 0.1);
}

} // namespace fettle::test
