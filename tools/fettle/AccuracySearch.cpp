//===- AccuracySearch.cpp - layers go back to float until the budget holds -===//

#include "tools/fettle/AccuracySearch.h"
#include "tools/fettle/Progress.h"
#include "llvm/Support/FileSystem.h"

namespace fettle::cli {

namespace {
/// Makes artifacts of one model with different layers in float.
class StudentMaker {
public:
  StudentMaker(Environment &environment, mlir::MLIRContext &context, const CompileRequest &request,
               const CompileResult &quantized, std::string scratch)
      : environment(environment), context(context), request(request), layers(quantized.layers) {
    this->request.name = quantized.name;
    this->request.measured = quantized.profile;
    this->request.golden = this->request.layerErrors = false;
    this->request.dumpFolder.clear();
    this->scratch = std::move(scratch);
  }

  /// Gives `judge` the folder of an artifact with `reverted` in float.
  template <typename Result>
  llvm::Expected<Result> with(llvm::ArrayRef<size_t> reverted, llvm::function_ref<llvm::Expected<Result>(llvm::StringRef)> judge) {
    request.recipe.quantization.floatLayers.clear();
    for (size_t layer : reverted)
      request.recipe.quantization.floatLayers.push_back(layers[layer].name);
    // Names are not used again: the loader of the system knows libraries by their names.
    request.output = scratch + "/student" + std::to_string(made++);
    // What it says about its progress would interrupt ours.
    std::string talk;
    llvm::raw_string_ostream stream(talk);
    Environment quiet{environment.out, stream, false, environment.cores, environment.clockSeconds};
    auto result = compileModel(quiet, context, request);
    if (!result) {
      environment.err << talk;
      return result.takeError();
    }
    auto judged = judge(request.output);
    llvm::sys::fs::remove_directories(request.output);
    return judged;
  }

private:
  Environment &environment;
  mlir::MLIRContext &context;
  CompileRequest request;
  llvm::ArrayRef<LayerReport> layers;
  std::string scratch;
  unsigned made = 0;
};
} // namespace

llvm::Expected<calibration::BudgetResult> searchPrecisions(Environment &environment, mlir::MLIRContext &context,
                                                           const CompileRequest &request, const CompileResult &quantized,
                                                           AccuracyJudge &judge, const AccuracyGate &gate) {
  auto scratch = TemporaryPath::makeFolder();
  if (!scratch)
    return scratch.takeError();
  StudentMaker students(environment, context, request, quantized, (*scratch)->path());
  Progress progress(environment, 1);
  progress.begin("accuracy");
  int64_t done = 0;
  const int64_t total = quantized.layers.size() + 2 + llvm::Log2_64_Ceil(quantized.layers.size() + 1);

  calibration::BudgetProblem problem;
  int64_t integers = 0;
  for (const LayerReport &layer : quantized.layers) {
    problem.macs.push_back(layer.macs);
    integers += layer.macs;
  }
  problem.revertibleMacs = integers - int64_t(request.recipe.leastIntegers / 100 * double(quantized.macs));
  problem.divergence = [&](llvm::ArrayRef<size_t> reverted) -> llvm::Expected<double> {
    progress.advance(done++, total, "students");
    return students.with<double>(reverted, [&](llvm::StringRef folder) { return judge.divergence(folder); });
  };
  problem.holds = [&](llvm::ArrayRef<size_t> reverted) -> llvm::Expected<bool> {
    progress.advance(done++, total, "students");
    return students.with<bool>(reverted, [&](llvm::StringRef folder) -> llvm::Expected<bool> {
      auto measured = judge.evaluate(folder);
      if (!measured)
        return measured.takeError();
      return gate.holds(measured->drop(gate.confidence));
    });
  };
  auto result = calibration::searchBudget(problem);
  progress.finish();
  return result;
}

} // namespace fettle::cli
