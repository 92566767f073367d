//===- Rounding.h - weights to integers, each making up for the last -------===//
#ifndef FETTLE_PASSES_QUANTIZE_ROUNDING_H
#define FETTLE_PASSES_QUANTIZE_ROUNDING_H

#include <Eigen/Core>

namespace fettle {

/// Integers q of -127..127 for `weights` [outputs, width] such that the rows q[o] * scales[o] give,
/// on inputs with `covariance` [width, width], outputs close to those of the weights: rounding errors
/// of some weights are made up for by others. `damping` times the mean variance is added to every variance: how much
/// the samples are distrusted. Deterministic.
Eigen::MatrixXd roundWeights(const Eigen::MatrixXd &weights, const Eigen::VectorXd &scales,
                             const Eigen::MatrixXd &covariance, double damping);

/// Each weight to its nearest integer.
Eigen::MatrixXd roundToNearest(const Eigen::MatrixXd &weights, const Eigen::VectorXd &scales);

} // namespace fettle

#endif
