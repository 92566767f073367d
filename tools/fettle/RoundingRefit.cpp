//===- RoundingRefit.cpp - weights fitted to rounded inputs ----------------===//

#include "tools/fettle/RoundingRefit.h"
#include "calibration/RowObserver.h"
#include "calibration/Twins.h"
#include "passes/quantize/ActivationGrids.h"
#include "passes/quantize/Passes.h"
#include "tools/fettle/Evaluation.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/SampleParts.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;

namespace fettle::cli {

/// More rows of a layer, over all samples, change little.
static constexpr int64_t mostRows = 8192;

namespace {

class RefitWalk {
public:
  RefitWalk(Calibration &calibration, func::FuncOp function, const PhaseOptions &phaseOptions, Profile &profile)
      : executor(calibration.executor()), function(function), options(phaseOptions), profile(profile), parts(executor.numSamples()),
        names(function), plan(function, options.quantization.options.floatLayers) {
    options.quantization.profile = &profile;
    // What runs here is code.
    options.keepsPairs = false;
    options.unsignedActivations = std::nullopt;
  }

  llvm::Error run(llvm::function_ref<void(int64_t, int64_t)> progress);

private:
  llvm::Expected<double> judge();
  llvm::Error observe(Value tensor);

  Executor &executor;
  func::FuncOp function;
  PhaseOptions options;
  Profile &profile;
  const SampleParts parts;
  ValueNames names;
  QuantizationPlan plan;
  OwningOpRef<ModuleOp> student; ///< of observe: activations are rounded, weights as far as it has come
  IRMapping toStudent;           ///< from values of the function
};

} // namespace

static Value outputOf(func::FuncOp function) { return function.front().getTerminator()->getOperand(0); }

/// Of the outputs of the student that the profile makes from the teacher's.
llvm::Expected<double> RefitWalk::judge() {
  OwningOpRef<ModuleOp> copy(function->getParentOfType<ModuleOp>().clone());
  PassManager passManager(function.getContext());
  buildPhase(passManager, Phase::Quantize, options);
  if (failed(passManager.run(*copy)))
    return makeFailure(ExitCode::InternalBug, "a network could not be rounded to grids that were chosen for it");
  auto student = copy->lookupSymbol<func::FuncOp>(function.getName());
  double sum = 0;
  auto see = [&](int64_t, ArrayRef<HostTensor> wanted, ArrayRef<HostTensor> given) { sum += outputDivergence(given.front(), wanted.front()); };
  if (llvm::Error error = calibration::runTwins(executor, {function, student, {outputOf(function)}, {outputOf(student)}}, parts.judged, see))
    return std::move(error);
  return sum / double(parts.judged.size());
}

/// Rows of the layers that read `tensor`, in the student that the profile makes of the layers before.
llvm::Error RefitWalk::observe(Value tensor) {
  PassManager passManager(function.getContext());
  OpPassManager &passes = passManager.nest<func::FuncOp>();
  const QuantizationOptions &recipe = options.quantization.options;
  // Pairs of quantize and dequantize compute in float what the integers will, and leave the values of the function where they are.
  if (!student) {
    student = cast<ModuleOp>(function->getParentOfType<ModuleOp>()->clone(toStudent));
    passes.addPass(createQuantizeActivationsPass(profile, recipe.activations, recipe.floatLayers));
  }
  // Layers that were rounded for a tensor before stay so; what is behind this one does not run.
  std::vector<std::string> notRounded = recipe.floatLayers;
  for (Operation *op : plan.contractions())
    if (Operation *producer = tensor.getDefiningOp(); !producer || producer->isBeforeInBlock(op))
      notRounded.push_back(names.nameOf(op->getResult(0)).str());
  passes.addPass(createQuantizeWeightsPass(profile, recipe.weights, notRounded));
  if (failed(passManager.run(*student)))
    return makeFailure(ExitCode::InternalBug, "a network could not be rounded to grids that were chosen for it");
  std::map<std::string, calibration::RowObserver> observers;
  const int64_t samples = int64_t(parts.fitted.size());
  for (Operation *op : plan.contractions())
    if (auto rows = ContractionRows::get(op); rows && op->getOperand(0) == tensor) {
      const std::string key = rowsKey(tensor, *rows, names);
      const RowStatistics &before = profile.rows.at(key);
      observers.try_emplace(key, *rows, Grid{before.scale, before.zeroPoint}, (mostRows + samples - 1) / samples);
    }
  auto see = [&](int64_t sample, ArrayRef<HostTensor> wanted, ArrayRef<HostTensor> given) {
    for (auto &[key, observer] : observers)
      observer.seeBoth(sample, floatsOf(wanted.front()), floatsOf(given.front()));
  };
  auto rounded = student->lookupSymbol<func::FuncOp>(function.getName());
  if (llvm::Error error = calibration::runTwins(executor, {function, rounded, {tensor}, {toStudent.lookup(tensor)}}, parts.fitted, see))
    return error;
  for (auto &[key, observer] : observers)
    profile.rows[key] = observer.take();
  return llvm::Error::success();
}

llvm::Error RefitWalk::run(llvm::function_ref<void(int64_t, int64_t)> progress) {
  RoundingRefit &found = profile.roundingRefit.emplace();
  // There must be outputs, and samples, to judge by.
  if (parts.judged.empty() || function.getNumResults() == 0)
    return llvm::Error::success();
  if (llvm::Error error = judge().moveInto(found.divergenceBefore))
    return error;
  const std::map<std::string, RowStatistics> before = profile.rows;
  SmallVector<Value> inputs;
  for (Value value : plan.values())
    if (llvm::any_of(plan.contractions(), [&](Operation *op) { return op->getOperand(0) == value; }))
      inputs.push_back(value);
  for (auto [index, value] : llvm::enumerate(inputs)) {
    progress(int64_t(index), int64_t(inputs.size()));
    if (llvm::Error error = observe(value))
      return error;
  }
  if (llvm::Error error = judge().moveInto(found.divergenceAfter))
    return error;
  if (found.divergenceAfter < found.divergenceBefore)
    found.layers = int64_t(plan.contractions().size());
  else
    profile.rows = before;
  return llvm::Error::success();
}

llvm::Error measureRoundingRefit(Calibration &calibration, func::FuncOp function, const PhaseOptions &options,
                                 llvm::function_ref<void(int64_t done, int64_t total)> progress, Profile &profile) {
  return RefitWalk(calibration, function, options, profile).run(progress);
}

} // namespace fettle::cli
