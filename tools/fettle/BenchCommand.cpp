//===- BenchCommand.cpp - fettle bench ------------------------------------===//

#include "tools/fettle/BenchCommand.h"
#include "tools/fettle/MachinePeak.h"
#include "tools/fettle/ModelContext.h"
#include <CLI/CLI.hpp>
#include <fstream>
#include <map>
#include <numeric>
#include <unistd.h>

namespace fettle::cli {

void BenchCommand::addOptions(CLI::App &app) {
  app.add_option("MODEL|DIR", path, "a model, or a compiled artifact")->type_name("")->required();
  app.add_option("--data", dataPath, "samples to run on, in turn: a .npz file, or a folder of images or\ntensors; random ones without it")->type_name("FILE|DIR");
  app.add_option("--threads", threads, "threads of a run")
      ->type_name("N")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  app.add_option("--seconds", seconds, "how long to measure")
      ->type_name("S")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  app.add_flag("--kernels", kernels, "also time each step, beside what the machine can do at most");
  imageRecipe.addOptions(app);
  modelOptions.addOptions(app);
}

/// Resident bytes of this process.
static int64_t residentBytes() {
  std::ifstream statm("/proc/self/statm");
  int64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

llvm::Expected<std::vector<double>> BenchCommand::measureCalls(Environment &environment, codegen::LoadedModel &model,
                                                               std::vector<CallBuffers> &samples) {
  constexpr size_t fewestCalls = 3, mostCalls = 1 << 22;
  std::vector<double> latencies;
  double warmUntil = environment.clockSeconds() + seconds / 10, end = warmUntil + seconds;
  for (size_t call = 0; latencies.size() < mostCalls; ++call) {
    CallBuffers &sample = samples[call % samples.size()];
    double before = environment.clockSeconds();
    if (llvm::Error error = model.run(sample.inputPointers, sample.outputPointers, specialization))
      return std::move(error);
    double after = environment.clockSeconds();
    if (before >= warmUntil || after >= end)
      latencies.push_back(after - before);
    if (after >= end && latencies.size() >= fewestCalls)
      break;
  }
  llvm::sort(latencies);
  return latencies;
}

llvm::json::Array BenchCommand::reportSteps(Environment &environment, llvm::ArrayRef<codegen::Manifest::Step> steps,
                                            llvm::ArrayRef<double> times, int64_t workingSet) {
  double bandwidth = measureReadBandwidth(std::max<int64_t>(workingSet, 4096)) * threads;
  double total = std::accumulate(times.begin(), times.end(), 0.0);
  // Each step has the peak of what it multiplies; that of single precision where the core has no instruction of its own for it.
  std::map<std::string, double> peaks{{"f32", measurePeakFlops() * threads}};
  for (const codegen::Manifest::Step &step : steps)
    if (auto [peak, isNew] = peaks.try_emplace(step.multiplies); isNew) {
      double rate = step.multiplies == "int8" ? measurePeakByteOps() : step.multiplies == "bf16" ? measurePeakBf16Flops() : 0;
      peak->second = rate > 0 ? rate * threads : peaks["f32"];
    }
  if (wantsText()) {
    environment.out << "\nmeasured peak";
    for (const auto &[type, peak] : peaks)
      if (!type.empty())
        environment.out << llvm::formatv(" {0:f1} Gop/s of {1},", peak / 1e9, type);
    environment.out << llvm::formatv(" over {0:f2} MB {1:f1} GB/s; steps sum to {2:f1} us\n", workingSet / 1e6, bandwidth / 1e9, total * 1e6);
    environment.out << llvm::formatv("{0,10} {1,6} {2,12} {3,9} {4,7} {5,12} {6,8} {7,7}  {8,-12} {9}\n", "us", "share",
                                     "MACs", "Gop/s", "% peak", "bytes", "GB/s", "% peak", "kind", "nodes");
  }
  llvm::json::Array list;
  for (auto [step, time] : llvm::zip_equal(steps, times)) {
    double flops = 2.0 * step.macs / time, rate = step.bytes / time, peak = peaks[step.multiplies];
    if (wantsText())
      environment.out << llvm::formatv("{0,10:f2} {1,5:f1}% {2,12} {3,9:f1} {4,7:f1} {5,12} {6,8:f1} {7,7:f1}  {8,-12} {9}\n",
                                       time * 1e6, 100 * time / total, step.macs, flops / 1e9, 100 * flops / peak,
                                       step.bytes, rate / 1e9, 100 * rate / bandwidth, step.kind, step.name);
    list.push_back(llvm::json::Object{{"name", step.name},
                                      {"kind", step.kind},
                                      {"kernel", step.kernel},
                                      {"us", time * 1e6},
                                      {"macs", step.macs},
                                      {"bytes", step.bytes},
                                      {"multiplies", step.multiplies},
                                      {"gflops", flops / 1e9},
                                      {"percent_of_peak", 100 * flops / peak},
                                      {"percent_of_bandwidth", 100 * rate / bandwidth}});
  }
  return list;
}

llvm::Expected<ExitCode> BenchCommand::run(Environment &environment) {
  ModelContext modelContext(environment.cores);
  mlir::MLIRContext &context = *modelContext;
  auto bindings = modelOptions.parse(context);
  if (!bindings)
    return bindings.takeError();
  auto images = imageRecipe.parse({path}, dataPath);
  if (!images)
    return images.takeError();
  auto subject = Subject::open(environment, context, path, *bindings);
  if (!subject)
    return subject.takeError();
  const codegen::Manifest &manifest = (*subject)->manifest();
  specialization = (*subject)->specializations().front();
  std::optional<calibration::Samples> samples;
  if (dataPath.empty()) {
    samples = calibration::Samples::random((*subject)->inputs(specialization), /*seed=*/0);
  } else {
    auto data = readSamples(context, **subject, dataPath, *images);
    if (!data)
      return data.takeError();
    samples = std::move(data->samples);
    specialization = data->specialization;
  }
  const codegen::Manifest::Specialization &measured = manifest.specializations[specialization];

  int64_t bytesBefore = residentBytes();
  double start = environment.clockSeconds();
  auto model = (*subject)->load(threads);
  if (!model)
    return model.takeError();
  double loadSeconds = environment.clockSeconds() - start;
  std::vector<CallBuffers> buffers;
  for (int64_t i = 0; i < samples->size(); ++i)
    buffers.emplace_back(samples->sample(i), (*model)->outputTypes(&context, specialization));
  start = environment.clockSeconds();
  if (llvm::Error error = (*model)->run(buffers.front().inputPointers, buffers.front().outputPointers, specialization))
    return std::move(error);
  double firstCallSeconds = environment.clockSeconds() - start;
  int64_t growth = std::max<int64_t>(0, residentBytes() - bytesBefore);

  auto latencies = measureCalls(environment, **model, buffers);
  if (!latencies)
    return latencies.takeError();
  auto microseconds = [&](double quantile) {
    return 1e6 * (*latencies)[size_t(quantile * (latencies->size() - 1) + 0.5)];
  };
  llvm::json::Object json{{"schema_version", 1},
                          {"threads", threads},
                          {"calls", latencies->size()},
                          {"latency_us", llvm::json::Object{{"min", microseconds(0)},
                                                            {"median", microseconds(0.5)},
                                                            {"p90", microseconds(0.9)},
                                                            {"p99", microseconds(0.99)}}},
                          {"first_call_us", firstCallSeconds * 1e6},
                          {"load_us", loadSeconds * 1e6},
                          {"rss_bytes", growth},
                          {"arena_bytes", manifest.arenaBytes},
                          {"weights_bytes", manifest.weightsBytes}};
  if (wantsText()) {
    std::string shapes = manifest.specializations.size() > 1 ? " for " + manifest.shapesOf(specialization) : "";
    environment.out << llvm::formatv("{0}{1}, {2} thread{3}, {4} calls\n", manifest.name, shapes, threads,
                                     threads == 1 ? "" : "s", latencies->size());
    environment.out << llvm::formatv("latency     min {0:f1} us, median {1:f1}, p90 {2:f1}, p99 {3:f1}\n",
                                     microseconds(0), microseconds(0.5), microseconds(0.9), microseconds(0.99));
    environment.out << llvm::formatv("load        {0:f1} us, first call {1:f1} us\n", loadSeconds * 1e6,
                                     firstCallSeconds * 1e6);
    environment.out << llvm::formatv("memory      {0:f2} MB resident, arena {1:f2} MB, weights {2:f2} MB\n",
                                     growth / 1e6, manifest.arenaBytes / 1e6, manifest.weightsBytes / 1e6);
  }
  if (kernels) {
    auto times = timeSteps(environment, **model, buffers.front(), specialization, seconds);
    if (!times)
      return times.takeError();
    json["kernels"] = reportSteps(environment, measured.steps, *times, manifest.arenaBytes + manifest.weightsBytes);
  }
  if (llvm::Error error = writeJson(environment, std::move(json)))
    return std::move(error);
  return ExitCode::Done;
}

} // namespace fettle::cli
