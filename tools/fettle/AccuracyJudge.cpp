//===- AccuracyJudge.cpp - students of one teacher, compared with it -------===//

#include "tools/fettle/AccuracyJudge.h"
#include "tools/fettle/ExitCode.h"

namespace fettle::cli {

/// So many samples rank layers well enough: the divergence is a mean of real numbers, not a count of mistakes.
static constexpr int64_t divergenceSamples = 128;

llvm::Expected<std::unique_ptr<AccuracyJudge>> AccuracyJudge::open(Environment &environment, mlir::MLIRContext &context,
                                                                   const CompileRequest &request, const SampleData &data) {
  std::unique_ptr<AccuracyJudge> judge(new AccuracyJudge(environment, context));
  auto student = Subject::open(environment, context, request.output, {});
  if (!student)
    return student.takeError();
  judge->samples = data.samples;
  judge->specialization = data.specialization;
  auto subject = Subject::open(environment, context, request.model,
                               (*student)->teacherBindings(request.bindings, data.specialization));
  if (!subject)
    return subject.takeError();
  judge->subject = std::move(*subject);
  auto teacher = judge->subject->load(1);
  if (!teacher)
    return teacher.takeError();
  judge->teacher.emplace(context, std::move(*teacher));
  return judge;
}

llvm::Expected<std::unique_ptr<codegen::LoadedModel>> AccuracyJudge::load(llvm::StringRef folder) {
  auto student = Subject::open(environment, context, folder, {});
  if (!student)
    return student.takeError();
  return (*student)->load(1);
}

llvm::Expected<Evaluation> AccuracyJudge::evaluate(llvm::StringRef folder, llvm::function_ref<void(int64_t, int64_t)> progress) {
  auto student = load(folder);
  if (!student)
    return student.takeError();
  return evaluateModel(context, **student, &*teacher, samples, progress);
}

llvm::Expected<double> AccuracyJudge::latency(llvm::StringRef folder) {
  constexpr double measuringSeconds = 0.2;
  constexpr int leastCalls = 5;
  auto student = load(folder);
  if (!student)
    return student.takeError();
  std::vector<HostTensor> inputs = samples.sample(0);
  double shortest = std::numeric_limits<double>::infinity();
  const double end = environment.clockSeconds() + measuringSeconds;
  for (int call = 0; call < leastCalls || environment.clockSeconds() < end; ++call) {
    double before = environment.clockSeconds();
    auto outputs = (*student)->run(inputs, &context);
    if (!outputs)
      return outputs.takeError();
    shortest = std::min(shortest, environment.clockSeconds() - before);
  }
  return shortest * 1e6;
}

llvm::Expected<std::map<std::string, LayerLatency>> AccuracyJudge::timeLayers(llvm::StringRef folder, llvm::ArrayRef<LayerFacts> layers) {
  auto student = load(folder);
  if (!student)
    return student.takeError();
  std::vector<HostTensor> inputs = samples.sample(0);
  TimedModel floats(context, teacher->model(), inputs, 0), integers(context, **student, inputs, specialization);
  return cli::timeLayers(environment, floats, integers, layers);
}

llvm::Expected<double> AccuracyJudge::divergence(llvm::StringRef folder) {
  auto student = load(folder);
  if (!student)
    return student.takeError();
  const int64_t count = std::min(divergenceSamples, samples.size());
  double sum = 0;
  for (int64_t i = 0; i < count; ++i) {
    const int64_t chosen = i * samples.size() / count;
    auto ours = (*student)->run(samples.sample(chosen), &context);
    if (!ours)
      return ours.takeError();
    auto theirs = teacher->answer(samples, chosen);
    if (!theirs)
      return theirs.takeError();
    sum += outputDivergence(ours->front(), *theirs);
  }
  return sum / double(count);
}

} // namespace fettle::cli
