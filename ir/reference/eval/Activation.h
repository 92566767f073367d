//===- Activation.h - functions that several ops share --------------------===//
#ifndef FETTLE_IR_REFERENCE_EVAL_ACTIVATION_H
#define FETTLE_IR_REFERENCE_EVAL_ACTIVATION_H

namespace fettle::reference {

/// 1 / (1 + exp(-x)), without overflow.
double sigmoid(double x);
/// log(1 + exp x), without overflow.
double softplus(double x);
/// max(0, min(1, alpha x + beta)).
double hardSigmoid(double x, double alpha, double beta);

} // namespace fettle::reference

#endif
