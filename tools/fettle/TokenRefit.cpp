//===- TokenRefit.cpp - weights fitted to fewer tokens ---------------------===//

#include "tools/fettle/TokenRefit.h"
#include "calibration/MomentObserver.h"
#include "passes/tokens/RefittedProducts.h"
#include "tools/fettle/Evaluation.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/SampleParts.h"

using namespace mlir;

namespace fettle::cli {

/// More rows of a product, over all samples, change little.
static constexpr int64_t mostRows = 16384;

/// By so much the divergence must fall for new weights to be taken: less may be chance.
static constexpr double leastGain = 0.05;

/// Of the student's outputs from the teacher's.
static llvm::Expected<double> judge(Executor &executor, TokenTwins &twins, ArrayRef<int64_t> samples) {
  auto program = executor.prepare(twins.function, {twins.student, twins.teacher});
  if (!program)
    return program.takeError();
  double sum = 0;
  for (int64_t sample : samples) {
    auto values = (*program)->run(sample);
    if (!values)
      return values.takeError();
    sum += outputDivergence((*values)[0], (*values)[1]);
  }
  return sum / double(samples.size());
}

static llvm::Expected<ProductMoments> observe(Executor &executor, TokenTwins &twins, const TokenTwins::Product &product,
                                              ArrayRef<int64_t> samples) {
  nn::MatMulOp op = product.student;
  auto program = executor.prepare(twins.function, {op.getLhs(), product.target});
  if (!program)
    return program.takeError();
  calibration::MomentObserver observer(*ContractionRows::get(op), (mostRows + int64_t(samples.size()) - 1) / int64_t(samples.size()));
  for (int64_t sample : samples) {
    auto values = (*program)->run(sample);
    if (!values)
      return values.takeError();
    observer.see(sample, floatsOf((*values)[0]), floatsOf((*values)[1]));
  }
  return observer.take();
}

llvm::Expected<TokenRefitReport> measureRefits(Calibration &calibration, func::FuncOp function, const TokenPlan &plan,
                                               llvm::function_ref<void(int64_t done, int64_t total)> progress, Profile &profile) {
  TokenRefitReport report;
  profile.refits.clear();
  const SampleParts parts(calibration.executor().numSamples());
  if (parts.judged.empty())
    return report;
  auto twins = makeTokenTwins(function, plan);
  if (failed(twins))
    return makeFailure(ExitCode::InternalBug, "a plan that should be feasible could not be carried out");
  if (twins->products.empty())
    return report;
  Executor &executor = calibration.executor();
  if (llvm::Error error = judge(executor, *twins, parts.judged).moveInto(report.divergenceBefore))
    return std::move(error);
  const int64_t total = int64_t(twins->products.size());
  for (auto [done, product] : llvm::enumerate(twins->products)) {
    progress(int64_t(done), total);
    auto moments = observe(executor, *twins, product, parts.fitted);
    if (!moments)
      return moments.takeError();
    if (!refitProduct(product.student, *moments))
      return makeFailure(ExitCode::InternalBug, "moments of '" + product.name + "' have the wrong sizes");
    profile.refits[product.name] = std::move(*moments);
  }
  if (llvm::Error error = judge(executor, *twins, parts.judged).moveInto(report.divergenceAfter))
    return std::move(error);
  if (!(report.divergenceAfter <= (1 - leastGain) * report.divergenceBefore))
    profile.refits.clear();
  report.products = int64_t(profile.refits.size());
  return report;
}

} // namespace fettle::cli
