//===- Rounding.cpp - weights to integers, each making up for the last -----===//
//
// Rounding each weight to the nearest integer is best for the weights, not for the
// output: with two inputs that are always equal, weights 0.4 and 0.4 become 0 and 0
// and the output loses 0.8 x, where 0 and 1 would lose 0.2 x. What counts is
//   tr (Q - W) H (Q - W)^T,   H = the covariance of the inputs,
// the mean square error of the outputs (their mean is corrected by the bias).
// GPTQ rounds the columns one after the other; after each, the columns still to come
// are moved to make up for its error as well as they can. The best move is
//   W[:, j] -= (W[:, i] - Q[:, i]) Hinv[i, j] / Hinv[i, i],   j to come,
// with Hinv the inverse of H among the columns that remain; these inverses are all
// contained in U, the upper Cholesky factor of the inverse of H: row i of it holds
// Hinv[i, :] / sqrt(Hinv[i, i]). Columns with much variance go first (act-order),
// while many others are left to make up for them; the grids are fixed before.
// In blocks of columns, moves of what lies behind a block are one matrix product.
//
// Cost: width^3 / 3 multiply-adds for the factor, outputs width^2 / 2 for the moves.
// Source: E. Frantar et al., "GPTQ" (2022), equation 3 and algorithm 1; it equals
// OBQ ("Optimal Brain Compression", 2022) in a fixed order, which the unit test shows.
//
//===----------------------------------------------------------------------===//

#include "passes/quantize/Rounding.h"
#include <Eigen/Cholesky>
#include <algorithm>
#include <numeric>
#include <vector>

namespace fettle {

using Eigen::Index;

static constexpr double limit = 127;
static constexpr Index blockColumns = 64;

static Eigen::VectorXd nearest(const Eigen::VectorXd &weights, const Eigen::VectorXd &scales) {
  return weights.cwiseQuotient(scales).array().rint().min(limit).max(-limit);
}

Eigen::MatrixXd roundToNearest(const Eigen::MatrixXd &weights, const Eigen::VectorXd &scales) {
  Eigen::MatrixXd rounded(weights.rows(), weights.cols());
  for (Index column = 0; column < weights.cols(); ++column)
    rounded.col(column) = nearest(weights.col(column), scales);
  return rounded;
}

/// Columns by falling variance; equal ones stay in order.
static std::vector<Index> orderByVariance(const Eigen::MatrixXd &covariance) {
  std::vector<Index> order(covariance.rows());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](Index a, Index b) { return covariance(a, a) > covariance(b, b); });
  return order;
}

/// Inverts an upper triangular matrix in place, by halves: products of matrices are much faster than Eigen's substitution.
///   [A B]^-1   [A^-1  -A^-1 B C^-1]
///   [0 C]    = [ 0         C^-1   ]
static void invertUpper(Eigen::Ref<Eigen::MatrixXd> matrix) {
  const Index width = matrix.cols(), half = width / 2;
  if (width <= blockColumns) {
    matrix = matrix.triangularView<Eigen::Upper>().solve(Eigen::MatrixXd::Identity(width, width)).eval();
    return;
  }
  Eigen::Ref<Eigen::MatrixXd> a = matrix.topLeftCorner(half, half), c = matrix.bottomRightCorner(width - half, width - half);
  invertUpper(a);
  invertUpper(c);
  Eigen::MatrixXd b = matrix.topRightCorner(half, width - half) * c.triangularView<Eigen::Upper>();
  matrix.topRightCorner(half, width - half) = -(a.triangularView<Eigen::Upper>() * b);
}

/// The upper Cholesky factor of the inverse of a positive definite matrix, or an empty one where it is not so. From the
/// last row and column to the first, the factorization is M = U U^T with U upper, and so M^-1 = U^-T U^-1.
static Eigen::MatrixXd factorOfInverse(const Eigen::MatrixXd &matrix) {
  Eigen::LLT<Eigen::MatrixXd> reversed(matrix.reverse());
  if (reversed.info() != Eigen::Success)
    return {};
  Eigen::MatrixXd upper = Eigen::MatrixXd(reversed.matrixL()).reverse();
  invertUpper(upper);
  return upper;
}

Eigen::MatrixXd roundWeights(const Eigen::MatrixXd &weights, const Eigen::VectorXd &scales,
                             const Eigen::MatrixXd &covariance, double damping) {
  const Index width = weights.cols();
  const double meanVariance = covariance.diagonal().mean();
  if (!(meanVariance > 0))
    return roundToNearest(weights, scales);
  std::vector<Index> order = orderByVariance(covariance);

  // The inverse of the damped covariance, in order; inputs that never vary have the damping alone.
  Eigen::MatrixXd damped(width, width), ordered(weights.rows(), width);
  for (Index j = 0; j < width; ++j) {
    for (Index i = 0; i < width; ++i)
      damped(i, j) = covariance(order[i], order[j]);
    damped(j, j) += damping * meanVariance;
    ordered.col(j) = weights.col(order[j]);
  }
  Eigen::MatrixXd upper = factorOfInverse(damped);
  if (upper.size() == 0)
    return roundToNearest(weights, scales);

  Eigen::MatrixXd rounded(weights.rows(), width), errors(weights.rows(), blockColumns);
  for (Index begin = 0; begin < width; begin += blockColumns) {
    const Index end = std::min(begin + blockColumns, width);
    for (Index i = begin; i < end; ++i) {
      Eigen::VectorXd integers = nearest(ordered.col(i), scales);
      errors.col(i - begin) = (ordered.col(i) - integers.cwiseProduct(scales)) / upper(i, i);
      if (i + 1 < end)
        ordered.middleCols(i + 1, end - i - 1).noalias() -=
            errors.col(i - begin) * upper.row(i).segment(i + 1, end - i - 1);
      rounded.col(order[i]) = integers;
    }
    if (end < width)
      ordered.rightCols(width - end).noalias() -=
          errors.leftCols(end - begin) * upper.block(begin, end, end - begin, width - end);
  }
  return rounded;
}

} // namespace fettle
