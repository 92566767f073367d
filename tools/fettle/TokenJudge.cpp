//===- TokenJudge.cpp - students with fewer tokens, beside their teacher ---===//

#include "tools/fettle/TokenJudge.h"
#include "passes/tokens/Passes.h"
#include "tools/fettle/Evaluation.h"
#include "tools/fettle/ExitCode.h"

using namespace mlir;

namespace fettle::cli {

/// So many samples tell plans apart: the divergence is a mean of real numbers, not a count of mistakes.
static constexpr int64_t mostSamples = 512;
/// Bytes of teachers' outputs beyond which fewer samples are taken.
static constexpr int64_t mostBytes = 64 << 20;
/// Two functions are measured in turns, each as often as fits into so many seconds, and at least `leastCalls` times.
static constexpr int64_t turns = 5;
static constexpr double turnSeconds = 0.01;
static constexpr int64_t leastCalls = 2;

llvm::Expected<std::unique_ptr<TokenJudge>> TokenJudge::open(Environment &environment, Calibration &calibration, func::FuncOp function) {
  std::unique_ptr<TokenJudge> judge(new TokenJudge(environment, calibration, function));
  auto output = cast<RankedTensorType>(function.getResultTypes().front());
  const int64_t all = calibration.executor().numSamples();
  const int64_t count = std::min({all, mostSamples, std::max<int64_t>(1, mostBytes / std::max<int64_t>(1, 4 * output.getNumElements()))});
  for (int64_t i = 0; i < count; ++i)
    judge->samples.push_back(i * all / count);
  if (llvm::Error error = judge->prepare({}).moveInto(judge->whole))
    return error;
  for (int64_t sample : judge->samples) {
    auto values = judge->whole->run(sample);
    if (!values)
      return values.takeError();
    // The next run writes to the same buffer.
    HostTensor kept(values->front().type());
    llvm::copy(values->front().bytes(), kept.mutableBytes().begin());
    judge->teacher.push_back(std::move(kept));
  }
  return judge;
}

llvm::Expected<OwningOpRef<ModuleOp>> TokenJudge::reduced(func::FuncOp function, const TokenPlan &plan) {
  OwningOpRef<ModuleOp> copy(function->getParentOfType<ModuleOp>().clone());
  PassManager passManager(function.getContext());
  buildTokenReduction(passManager, plan);
  if (failed(passManager.run(*copy)))
    return makeFailure(ExitCode::InternalBug, "a plan that should be feasible could not be carried out");
  return copy;
}

llvm::Expected<std::unique_ptr<TappedProgram>> TokenJudge::prepare(const TokenPlan &plan) {
  auto module = reduced(function, plan);
  if (!module)
    return module.takeError();
  auto student = (*module)->lookupSymbol<func::FuncOp>(function.getName());
  return calibration.executor().prepare(student, student.front().getTerminator()->getOperand(0));
}

llvm::Expected<double> TokenJudge::macs(const TokenPlan &plan) {
  auto module = reduced(function, plan);
  if (!module)
    return module.takeError();
  return double(countMacs((*module)->lookupSymbol<func::FuncOp>(function.getName())));
}

llvm::Expected<double> TokenJudge::divergence(const TokenPlan &plan) {
  auto program = prepare(plan);
  if (!program)
    return program.takeError();
  double sum = 0;
  for (auto [sample, theirs] : llvm::zip_equal(samples, teacher)) {
    auto values = (*program)->run(sample);
    if (!values)
      return values.takeError();
    sum += outputDivergence(values->front(), theirs);
  }
  return sum / double(samples.size());
}

/// Lowers `shortest` to the shortest call of one turn, in seconds.
llvm::Error TokenJudge::time(TappedProgram &program, double &shortest) {
  const double end = environment.clockSeconds() + turnSeconds;
  for (int64_t call = 0; call < leastCalls || environment.clockSeconds() < end; ++call) {
    double before = environment.clockSeconds();
    auto values = program.run(samples.front());
    if (!values)
      return values.takeError();
    shortest = std::min(shortest, environment.clockSeconds() - before);
  }
  return llvm::Error::success();
}

llvm::Expected<double> TokenJudge::latencyShare(const TokenPlan &plan) {
  auto program = prepare(plan);
  if (!program)
    return program.takeError();
  const double infinity = std::numeric_limits<double>::infinity();
  double theirs = infinity, ours = infinity;
  for (int64_t turn = 0; turn < turns; ++turn)
    if (llvm::Error error = llvm::joinErrors(time(*whole, theirs), time(**program, ours)))
      return std::move(error);
  wholeSeconds = std::min(wholeSeconds, theirs);
  return ours / theirs;
}

} // namespace fettle::cli
