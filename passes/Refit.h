//===- Refit.h - a linear layer fitted to what its inputs have become ------===//
#ifndef FETTLE_PASSES_REFIT_H
#define FETTLE_PASSES_REFIT_H

#include <Eigen/Core>

namespace fettle {

/// Weights W' [outputs, width] of a linear layer whose inputs are not what they were: those for which W' x comes closest to the
/// results that are wanted, y, in the mean square, around the means of both.
///   cross = Cov(y, x) [outputs, width], covariance = Cov(x, x) [width, width], symmetric
/// `ridge` times the mean variance of x is the price of leaving `weights`, which are returned as they are where x never
/// varies. Deterministic.
Eigen::MatrixXd refitWeights(const Eigen::MatrixXd &weights, const Eigen::MatrixXd &cross, const Eigen::MatrixXd &covariance,
                             double ridge);

} // namespace fettle

#endif
