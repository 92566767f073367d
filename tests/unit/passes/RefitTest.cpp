//===- RefitTest.cpp - linear layers fitted to other inputs ----------------===//

#include "passes/Refit.h"
#include "tests/unit/passes/NoiseMatrix.h"
#include <Eigen/QR>
#include <gtest/gtest.h>

namespace fettle::test {

using Eigen::MatrixXd;

static MatrixXd centered(const MatrixXd &rows) { return rows.rowwise() - rows.colwise().mean(); }
static MatrixXd covariance(const MatrixXd &y, const MatrixXd &x) { return centered(y).transpose() * centered(x) / double(x.rows()); }

/// The example of the essay: two inputs that are always equal, the second of them 0 in the student.
TEST(Refit, TakesOverWhatIsGone) {
  MatrixXd weights(1, 2), teacher(50, 2), student(50, 2);
  weights << 1, 1;
  teacher.col(0) = teacher.col(1) = student.col(0) = noise(50, 1, 3);
  student.col(1).setZero();
  MatrixXd fitted = refitWeights(weights, covariance(teacher * weights.transpose(), student), covariance(student, student), 1e-9);
  EXPECT_NEAR(fitted(0, 0), 2, 1e-6);
  EXPECT_NEAR(fitted(0, 1), 1, 1e-6); // It never varies: nothing is known of it.
}

/// Minimizes |Y - X W'^T|^2 / n + l |W' - W|^2, which is a plain least squares problem in more rows.
TEST(Refit, EqualsLeastSquaresWithRowsForTheTrainedWeights) {
  const Eigen::Index rows = 40, width = 9, outputs = 4;
  MatrixXd x = centered(noise(rows, width, 1)), y = centered(noise(rows, outputs, 2)), weights = noise(outputs, width, 5);
  for (double ridge : {1e-6, 0.1, 5.0}) {
    MatrixXd c = covariance(x, x);
    double price = std::sqrt(ridge * c.diagonal().mean());
    MatrixXd a(rows + width, width), b(rows + width, outputs);
    a << x / std::sqrt(double(rows)), price * MatrixXd::Identity(width, width);
    b << y / std::sqrt(double(rows)), price * weights.transpose();
    MatrixXd solved = a.colPivHouseholderQr().solve(b).transpose();
    EXPECT_LT((refitWeights(weights, covariance(y, x), c, ridge) - solved).norm(), 1e-9 * solved.norm()) << "ridge " << ridge;
  }
}

TEST(Refit, LeavesWeightsThatAreRightOrUnknown) {
  MatrixXd x = noise(30, 5, 7), weights = noise(3, 5, 8), c = covariance(x, x);
  EXPECT_LT((refitWeights(weights, weights * c, c, 0.1) - weights).norm(), 1e-12);
  EXPECT_EQ(refitWeights(weights, MatrixXd::Zero(3, 5), MatrixXd::Zero(5, 5), 0.1), weights);
}

} // namespace fettle::test
