//===- TokenFront.cpp - what fewer tokens buy, and how few the budget bears -===//

#include "tools/fettle/TokenFront.h"
#include "tools/fettle/Progress.h"
#include "tools/fettle/StudentMaker.h"

namespace fettle::cli {

/// Points of a front: enough to see its shape.
static constexpr size_t mostPoints = 8;

llvm::Expected<std::vector<TokenFrontPoint>> measureTokenFront(Environment &environment, mlir::MLIRContext &context,
                                                               const CompileRequest &request, const CompileResult &result,
                                                               AccuracyJudge &judge) {
  const std::vector<TokenPoint> &path = result.tokens->path;
  auto students = StudentMaker::create(environment, context, request, result.name);
  if (!students)
    return students.takeError();
  Progress progress(environment, 1);
  progress.begin("front");
  std::vector<TokenFrontPoint> front;
  const size_t count = std::min(mostPoints, path.size());
  for (size_t i = 0; i < count; ++i) {
    progress.advance(int64_t(i), int64_t(count), "artifacts");
    const TokenPoint &point = path[count == 1 ? 0 : i * (path.size() - 1) / (count - 1)];
    auto measure = [&](llvm::StringRef folder, const CompileResult &student) -> llvm::Error {
      TokenFrontPoint measured;
      measured.plan = point.plan;
      measured.divergence = point.divergence;
      measured.macs = student.macs;
      measured.weightsBytes = student.weightsBytes;
      measured.arenaBytes = student.arenaBytes;
      if (llvm::Error error = judge.latency(folder).moveInto(measured.microseconds))
        return error;
      Evaluation evaluation;
      if (llvm::Error error = judge.evaluate(folder).moveInto(evaluation))
        return error;
      measured.top1 = evaluation.top1;
      measured.agreement = evaluation.agreement;
      front.push_back(std::move(measured));
      return llvm::Error::success();
    };
    if (llvm::Error error = students->make([&](CompileRequest &student) { student.tokenPlan = point.plan; }, measure))
      return std::move(error);
  }
  progress.finish();
  return front;
}

llvm::Expected<TokenPlan> searchTokenBudget(Environment &environment, mlir::MLIRContext &context, const CompileRequest &request,
                                            const CompileResult &result, AccuracyJudge &judge, const AccuracyGate &gate) {
  const std::vector<TokenPoint> &path = result.tokens->path;
  auto students = StudentMaker::create(environment, context, request, result.name);
  if (!students)
    return students.takeError();
  Progress progress(environment, 1);
  progress.begin("accuracy");
  int64_t done = 0;
  // The last plan is known not to hold; the first is what is left if no other does.
  size_t holds = 0, fails = path.size() - 1;
  while (holds + 1 < fails) {
    progress.advance(done++, int64_t(llvm::Log2_64_Ceil(path.size())), "students");
    size_t middle = (holds + fails) / 2;
    Evaluation measured;
    llvm::Error error = students->make([&](CompileRequest &student) { student.tokenPlan = path[middle].plan; },
                                       [&](llvm::StringRef folder, const CompileResult &) -> llvm::Error {
                                         return judge.evaluate(folder).moveInto(measured);
                                       });
    if (error)
      return std::move(error);
    (gate.holds(measured.drop(gate.confidence)) ? holds : fails) = middle;
  }
  progress.finish();
  return path[holds].plan;
}

} // namespace fettle::cli
