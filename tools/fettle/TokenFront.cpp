//===- TokenFront.cpp - what fewer tokens buy, and how few the budget bears -===//

#include "tools/fettle/TokenFront.h"
#include "tools/fettle/Progress.h"

namespace fettle::cli {

/// Points of a front: enough to see its shape.
static constexpr size_t mostPoints = 8;

/// Gives `measure` an artifact that is compiled under `plan`.
static llvm::Error makeStudent(StudentMaker &students, const TokenPlan &plan,
                               llvm::function_ref<llvm::Error(llvm::StringRef folder, const CompileResult &result)> measure) {
  return students.make([&](CompileRequest &student) { student.tokenPlan = plan; }, measure);
}

llvm::Expected<std::vector<TokenFrontPoint>> measureTokenFront(Environment &environment, StudentMaker &students, llvm::ArrayRef<TokenPoint> path,
                                                               AccuracyJudge &judge) {
  Progress progress(environment, 1);
  progress.begin("front");
  std::vector<TokenFrontPoint> front;
  const size_t count = std::min(mostPoints, path.size());
  for (size_t i = 0; i < count; ++i) {
    progress.advance(int64_t(i), int64_t(count), "artifacts");
    TokenFrontPoint measured;
    measured.step = count == 1 ? 0 : i * (path.size() - 1) / (count - 1);
    const TokenPoint &point = path[measured.step];
    measured.plan = point.plan;
    measured.divergence = point.divergence;
    auto measure = [&](llvm::StringRef folder, const CompileResult &student) -> llvm::Error {
      measured.macs = student.macs;
      measured.weightsBytes = student.weightsBytes;
      measured.arenaBytes = student.arenaBytes;
      if (llvm::Error error = judge.latency(folder).moveInto(measured.microseconds))
        return error;
      return judge.evaluate(folder).moveInto(measured.evaluation);
    };
    if (llvm::Error error = makeStudent(students, point.plan, measure))
      return std::move(error);
    front.push_back(std::move(measured));
  }
  progress.finish();
  return front;
}

llvm::Expected<TokenPlan> searchTokenBudget(Environment &environment, StudentMaker &students, const TokenReport &report, AccuracyJudge &judge,
                                            const AccuracyGate &gate) {
  const std::vector<TokenPoint> &path = report.path;
  auto holdsFor = [&](const Evaluation &measured) { return gate.holds(measured.drop(gate.confidence)); };
  // The first plan is what is left if no other does.
  size_t holds = 0, fails = path.size() - 1;
  for (const TokenFrontPoint &point : llvm::reverse(report.front)) {
    if (holdsFor(point.evaluation)) {
      holds = point.step;
      break;
    }
    fails = point.step;
  }
  Progress progress(environment, 1);
  progress.begin("accuracy");
  for (int64_t done = 0; holds + 1 < fails; ++done) {
    progress.advance(done, done + int64_t(llvm::Log2_64_Ceil(fails - holds)), "students");
    size_t middle = (holds + fails) / 2;
    Evaluation measured;
    auto evaluate = [&](llvm::StringRef folder, const CompileResult &) { return judge.evaluate(folder).moveInto(measured); };
    if (llvm::Error error = makeStudent(students, path[middle].plan, evaluate))
      return std::move(error);
    (holdsFor(measured) ? holds : fails) = middle;
  }
  progress.finish();
  return path[holds].plan;
}

} // namespace fettle::cli
