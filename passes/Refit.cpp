//===- Refit.cpp - a linear layer fitted to what its inputs have become ----===//
//
// A layer y = W x was trained for inputs x of the teacher. In the student, in which layers before it were compressed, it gets x~,
// which has errors that are no noise: they follow from x~ itself, as far as that is correlated with what went missing. With two inputs
// that are always equal, and the second of them 0 in the student, W = (1, 1) gives half of what it should; W' = (2, 0) gives all of
// it, and nothing had to be trained. The W' that minimizes
//   E |y - W' x~|^2 + l |W' - W|^2
// is
//   W' = (Cov(y, x~) + l W) (Cov(x~, x~) + l I)^-1,
// with y = W x the results of the teacher; what the means are off is the bias's to make up for. The second term keeps what the samples
// know little of near the trained weights: with few samples, or inputs that hardly vary, W' goes to W.
// Layers are fitted in the order of the program, each on what the ones fitted before it give: two fitted at the same time to make up
// for one error would do so twice.
//
// Cost: width^3 / 3 multiply-adds for the Cholesky factor, outputs width^2 for the solutions. Memory: that of the moments.
// Source: ridge regression towards a prior (Hoerl and Kennard, 1970); towards the teacher's results on the student's
// inputs as in Y. He et al., "Channel Pruning for Accelerating Very Deep Neural Networks" (2017), equation 5.
//
//===----------------------------------------------------------------------===//

#include "passes/Refit.h"
#include <Eigen/Cholesky>

namespace fettle {

Eigen::MatrixXd refitWeights(const Eigen::MatrixXd &weights, const Eigen::MatrixXd &cross, const Eigen::MatrixXd &covariance,
                             double ridge) {
  const double price = ridge * covariance.diagonal().mean();
  if (!(price > 0))
    return weights;
  // In terms of the change, so that nothing changes, to the last bit, where nothing has to.
  Eigen::MatrixXd damped = covariance, missing = cross - weights * covariance;
  damped.diagonal().array() += price;
  Eigen::LLT<Eigen::MatrixXd> factor(damped);
  if (factor.info() != Eigen::Success)
    return weights;
  return weights + factor.solve(missing.transpose()).transpose();
}

} // namespace fettle
