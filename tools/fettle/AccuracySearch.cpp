//===- AccuracySearch.cpp - layers go back to float until the budget holds -===//

#include "tools/fettle/AccuracySearch.h"
#include "tools/fettle/Progress.h"
#include "tools/fettle/StudentMaker.h"

namespace fettle::cli {

llvm::Expected<calibration::BudgetResult> searchPrecisions(Environment &environment, mlir::MLIRContext &context,
                                                           const CompileRequest &request, const CompileResult &quantized,
                                                           llvm::ArrayRef<size_t> layers, AccuracyJudge &judge, const AccuracyGate &gate) {
  auto students = StudentMaker::create(environment, context, request, quantized.name);
  if (!students)
    return students.takeError();
  auto revert = [&](llvm::ArrayRef<size_t> reverted) {
    return [&quantized, layers, reverted](CompileRequest &student) {
      student.measured = quantized.profile;
      student.recipe.quantization.floatLayers.clear();
      for (size_t layer : reverted)
        student.recipe.quantization.floatLayers.push_back(quantized.layers[layers[layer]].name);
    };
  };
  Progress progress(environment, 1);
  progress.begin("accuracy");
  int64_t done = 0;
  const int64_t total = layers.size() + 2 + llvm::Log2_64_Ceil(layers.size() + 1);

  calibration::BudgetProblem problem;
  int64_t integers = 0;
  for (size_t layer : layers) {
    problem.macs.push_back(quantized.layers[layer].macs);
    integers += problem.macs.back();
  }
  problem.revertibleMacs = integers - int64_t(request.recipe.leastIntegers / 100 * double(quantized.macs));
  problem.divergence = [&](llvm::ArrayRef<size_t> reverted) -> llvm::Expected<double> {
    progress.advance(done++, total, "students");
    double divergence = 0;
    llvm::Error error = students->make(revert(reverted), [&](llvm::StringRef folder, const CompileResult &) -> llvm::Error {
      return judge.divergence(folder).moveInto(divergence);
    });
    if (error)
      return std::move(error);
    return divergence;
  };
  problem.holds = [&](llvm::ArrayRef<size_t> reverted) -> llvm::Expected<bool> {
    progress.advance(done++, total, "students");
    Evaluation measured;
    llvm::Error error = students->make(revert(reverted), [&](llvm::StringRef folder, const CompileResult &) -> llvm::Error {
      return judge.evaluate(folder).moveInto(measured);
    });
    if (error)
      return std::move(error);
    return gate.holds(measured.drop(gate.confidence));
  };
  auto result = calibration::searchBudget(problem);
  progress.finish();
  return result;
}

} // namespace fettle::cli
