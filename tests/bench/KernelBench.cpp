//===- KernelBench.cpp - the kernels of layer lists, one by one -----------===//
//
//   fettle_bench_layers [--int8|--bf16] [--target=cpu:...] [--benchmark_...] FILE...     files as in tests/bench/layers
//
// Compiles each layer alone, times it on one thread in turns with what the machine can do (Roof.h), and sums over each
// file: what the kernels by themselves allow, before anything stands between them. Google Benchmark repeats the calls and takes
// its flags (--benchmark_filter, --benchmark_min_time, --benchmark_out=FILE...).
//
// Times are processor time. Calls of less than 20 us are timed several at once: to ask for the time takes half a
// microsecond.
//
//===----------------------------------------------------------------------===//

#include "tests/bench/Roof.h"
#include "tests/unit/codegen/AnyBuilder.h"
#include "tests/unit/codegen/RunKernel.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/LineIterator.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include <benchmark/benchmark.h>
#include <ctime>
#include <map>

namespace fettle::bench {
namespace {

/// A layer of a list, and what was measured of it.
struct Entry {
  std::string file, line;
  Layer layer;
  double seconds = 0, share = 0, halfCore = 0; ///< as Rounds gives them; 0: not measured
  double bytes = 0;   ///< operands as they are packed, and results, each once
};

/// A compiled layer with its buffers.
struct Prepared {
  Prepared(const Entry &entry, Precision precision, llvm::StringRef target) : run(entry.layer.text, test::buildAny, target) {
    if (!run.built())
      return;
    std::vector<HostTensor> operands;
    for (mlir::RankedTensorType type : run.inputTypes())
      operands.push_back(test::randomTensor(type, operands.size(), 0, precision == Precision::Int8 ? 100 : 1));
    bytes = run.bytes();
    call = run.prepare(operands);
  }
  test::KernelRun run;
  std::function<void()> call;
  double bytes = 0;
};

/// Processor time of this thread.
double threadSeconds() {
  timespec now;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return now.tv_sec + now.tv_nsec * 1e-9;
}

/// Prints a line per layer.
class LineReporter : public benchmark::BenchmarkReporter {
public:
  LineReporter(const std::map<std::string, const Entry *> &entries, Roof &roof) : entries(entries), roof(roof) {}

  bool ReportContext(const Context &) override {
    llvm::outs() << llvm::formatv("peak of one core: {0:f0} Gop/s\n", roof.operations() / 1e9);
    return true;
  }
  void ReportRuns(const std::vector<Run> &runs) override {
    for (const Run &run : runs) {
      auto found = entries.find(run.run_name.function_name);
      if (run.run_type != Run::RT_Iteration || found == entries.end())
        continue;
      const Entry &entry = *found->second;
      if (run.error_occurred) {
        llvm::outs() << llvm::formatv("{0,-40} {1}\n", entry.line, run.error_message);
        continue;
      }
      double operations = 2 * entry.layer.macs / entry.seconds, rate = entry.bytes / entry.seconds;
      llvm::outs() << llvm::formatv("{0,-40} x{1,-3} {2,9:f1} us", entry.line, entry.layer.count, entry.seconds * 1e6);
      if (operations > 0)
        llvm::outs() << llvm::formatv(" {0,6:f1} Gop/s {1,5:f1} % of peak", operations / 1e9, 100 * entry.share);
      llvm::outs() << llvm::formatv(" {0,6:f1} GB/s {1,5:f1} % of bandwidth", rate / 1e9, 100 * rate / roof.bandwidth(entry.bytes));
      if (entry.halfCore > 0)
        llvm::outs() << llvm::formatv(", {0:f0} % of the time on half a core", 100 * entry.halfCore);
      llvm::outs() << '\n';
      llvm::outs().flush();
    }
  }

private:
  const std::map<std::string, const Entry *> &entries;
  Roof &roof;
};

/// All layers of a file, or nothing, and why.
std::optional<std::vector<Entry>> readList(const char *path, Precision precision) {
  auto file = llvm::MemoryBuffer::getFile(path);
  if (!file) {
    llvm::errs() << path << ": " << file.getError().message() << '\n';
    return std::nullopt;
  }
  std::vector<Entry> entries;
  for (llvm::line_iterator line(**file, /*SkipBlanks=*/true, '#'); !line.is_at_end(); ++line) {
    std::optional<Layer> layer = parseLayer(*line, precision);
    if (!layer && !parseLayer(*line, Precision::F32)) {
      llvm::errs() << path << ':' << line.line_number() << ": not a layer; see tests/bench/README.md\n";
      return std::nullopt;
    }
    if (!layer) {
      llvm::outs() << *line << ": left out, there is no such form of it\n";
      continue;
    }
    entries.push_back({path, line->str(), std::move(*layer)});
  }
  return entries;
}

/// The layer that is measured now: Google Benchmark calls `measure` several times for each.
struct Current {
  const Entry *entry = nullptr;
  std::unique_ptr<Prepared> prepared;
  std::optional<Rounds> rounds;
};

/// Times `entry` in a loop of Google Benchmark.
void measure(benchmark::State &state, Entry &entry, Precision precision, llvm::StringRef target, Roof &roof, Current &current) {
  if (current.entry != &entry) {
    current.prepared = nullptr; // one at a time in memory
    current.entry = &entry;
    current.prepared = std::make_unique<Prepared>(entry, precision, target);
    current.rounds.emplace(roof, 2 * entry.layer.macs);
  }
  Prepared *prepared = current.prepared.get();
  if (!prepared->call) {
    state.SkipWithError("no builder takes it");
    return;
  }
  entry.bytes = prepared->bytes;
  auto timeCalls = [&](int64_t calls) {
    double start = threadSeconds();
    for (int64_t call = 0; call < calls; ++call)
      prepared->call();
    return (threadSeconds() - start) / calls;
  };
  timeCalls(1); // its memory is there now
  int64_t calls = std::clamp<int64_t>(20e-6 / std::max(timeCalls(1), 1e-9), 1, 100);
  current.rounds->begin();
  for (auto _ : state) {
    double seconds = timeCalls(calls);
    state.SetIterationTime(seconds * calls);
    current.rounds->add(seconds, calls);
  }
  current.rounds->end();
  entry.seconds = current.rounds->seconds();
  entry.share = current.rounds->share();
  entry.halfCore = current.rounds->halfCore();
  state.counters["calls"] = calls; // an iteration
  state.counters["percent_of_peak"] = 100 * entry.share;
  state.counters["percent_on_half_a_core"] = 100 * entry.halfCore;
  state.counters["percent_of_bandwidth"] = 100 * entry.bytes / entry.seconds / roof.bandwidth(entry.bytes);
}

void printTotals(llvm::ArrayRef<Entry> entries) {
  double total = 0, ideal = 0;
  for (const Entry &entry : entries) {
    if (entry.seconds == 0)
      return; // a part of a file says nothing about it
    total += entry.seconds * entry.layer.count;
    ideal += entry.share * entry.seconds * entry.layer.count;
  }
  if (!entries.empty())
    llvm::outs() << llvm::formatv("{0}: {1:f3} ms, {2:f1} % of peak\n", entries.front().file, total * 1e3, 100 * ideal / total);
}

int run(int argc, char **argv) {
  // A tenth of a second for each layer, unless another flag follows.
  char minimum[] = "--benchmark_min_time=0.1";
  std::vector<char *> arguments(argv, argv + argc);
  arguments.insert(arguments.begin() + 1, minimum);
  int count = arguments.size();
  benchmark::Initialize(&count, arguments.data());
  Precision precision = Precision::F32;
  std::string target = "cpu:native";
  std::vector<std::vector<Entry>> lists;
  for (int i = 1; i < count; ++i) {
    if (llvm::StringRef flag = arguments[i]; flag == "--int8" || flag == "--bf16") {
      precision = flag == "--int8" ? Precision::Int8 : Precision::Bf16;
      continue;
    }
    if (llvm::StringRef name = arguments[i]; name.consume_front("--target=")) {
      target = name.str();
      continue;
    }
    auto entries = readList(arguments[i], precision);
    if (!entries)
      return 1;
    lists.push_back(std::move(*entries));
  }

  llvm::Expected<CpuTarget> parsed = parseCpuTarget(target);
  if (!parsed) {
    llvm::errs() << llvm::toString(parsed.takeError()) << '\n';
    return 1;
  }
  Roof roof(precision, parsed->vectorBytes);
  if (roof.operations() == 0) {
    llvm::errs() << "this core has no dot-product instruction to measure by\n";
    return 1;
  }
  Current current;
  std::map<std::string, const Entry *> byName;
  for (std::vector<Entry> &list : lists)
    for (Entry &entry : list) {
      std::string name = entry.file + ": " + entry.line;
      if (!byName.try_emplace(name, &entry).second) {
        llvm::errs() << name << ": stands twice; raise its count\n";
        return 1;
      }
      benchmark::RegisterBenchmark(name.c_str(), [&](benchmark::State &state) {
        measure(state, entry, precision, target, roof, current);
      })->UseManualTime()->Unit(benchmark::kMicrosecond);
    }
  LineReporter reporter(byName, roof);
  benchmark::RunSpecifiedBenchmarks(&reporter);
  for (const std::vector<Entry> &list : lists)
    printTotals(list);
  benchmark::Shutdown();
  return 0;
}

} // namespace
} // namespace fettle::bench

int main(int argc, char **argv) { return fettle::bench::run(argc, argv); }
