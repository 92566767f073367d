//===- TokenFront.cpp - what fewer tokens buy, and how few the budget bears -===//

#include "tools/fettle/TokenFront.h"
#include "tools/fettle/Progress.h"

namespace fettle::cli {

/// Points of a front: enough to see its shape.
static constexpr size_t mostPoints = 8;

/// An artifact that is compiled under the plan at `step` of the path, measured.
static llvm::Expected<TokenFrontPoint> measurePoint(StudentMaker &students, llvm::ArrayRef<TokenPoint> path, size_t step, AccuracyJudge &judge) {
  TokenFrontPoint point;
  point.step = step;
  point.plan = path[step].plan;
  point.divergence = path[step].divergence;
  auto measure = [&](llvm::StringRef folder, const CompileResult &student) -> llvm::Error {
    point.macs = student.macs;
    point.weightsBytes = student.weightsBytes;
    point.arenaBytes = student.arenaBytes;
    if (llvm::Error error = judge.latency(folder).moveInto(point.microseconds))
      return error;
    return judge.evaluate(folder).moveInto(point.evaluation);
  };
  if (llvm::Error error = students.make([&](CompileRequest &student) { student.tokenPlan = point.plan; }, measure))
    return std::move(error);
  return point;
}

llvm::Expected<std::vector<TokenFrontPoint>> measureTokenFront(Environment &environment, StudentMaker &students, llvm::ArrayRef<TokenPoint> path,
                                                               AccuracyJudge &judge) {
  Progress progress(environment, 1);
  progress.begin("front");
  std::vector<TokenFrontPoint> front;
  const size_t count = std::min(mostPoints, path.size());
  for (size_t i = 0; i < count; ++i) {
    progress.advance(int64_t(i), int64_t(count), "artifacts");
    auto point = measurePoint(students, path, count == 1 ? 0 : i * (path.size() - 1) / (count - 1), judge);
    if (!point)
      return point.takeError();
    front.push_back(std::move(*point));
  }
  progress.finish();
  return front;
}

llvm::Expected<TokenPlan> searchTokenBudget(Environment &environment, StudentMaker &students, TokenReport &report, AccuracyJudge &judge,
                                            const AccuracyGate &gate) {
  auto isHeld = [&](const TokenFrontPoint &point) { return gate.holds(point.evaluation.drop(gate.confidence)); };
  // The first plan is what is left if no other does.
  size_t holds = 0, fails = report.path.size() - 1;
  for (const TokenFrontPoint &point : llvm::reverse(report.front)) {
    if (isHeld(point)) {
      holds = point.step;
      break;
    }
    fails = point.step;
  }
  Progress progress(environment, 1);
  progress.begin("accuracy");
  for (int64_t done = 0; holds + 1 < fails; ++done) {
    progress.advance(done, done + int64_t(llvm::Log2_64_Ceil(fails - holds)), "students");
    auto point = measurePoint(students, report.path, (holds + fails) / 2, judge);
    if (!point)
      return point.takeError();
    (isHeld(*point) ? holds : fails) = point->step;
    auto next = llvm::find_if(report.front, [&](const TokenFrontPoint &other) { return other.step > point->step; });
    report.front.insert(next, std::move(*point));
  }
  progress.finish();
  return report.path[holds].plan;
}

} // namespace fettle::cli
