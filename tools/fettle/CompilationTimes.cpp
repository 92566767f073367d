//===- CompilationTimes.cpp - layers that integers make slower -------------===//
//
// Integers are not always faster: a product with few inputs has little to gain, and bytes must be made first. With budget.latency=measured
// three artifacts are made and run in turn on this machine: A with floats, B with integers. Layers whose step takes longer in B
// than in A are candidates; C leaves those in float. But a layer in float takes and gives floats, which costs its neighbours
// something that its own step does not show. So the whole call decides: if C is faster than B its layers stay in float, else none does.
//
//   conv_1  A 12 us  B 5 us      conv_2  A 3 us  B 4 us: C leaves conv_2 in float, and takes 1 us less than B
//
// Measured times differ from run to run: the decision is kept in the profile with the times, and made no second time where it is there.
//
//===----------------------------------------------------------------------===//

#include "codegen/artifact/HostSupport.h"
#include "codegen/cpu/CompileModule.h"
#include "tools/fettle/Compilation.h"
#include "tools/fettle/LayerTimes.h"

namespace fettle::cli {

/// Times of the layers on the target, if there are any.
const LayerLatency *Compilation::latencyOf(llvm::StringRef layer) const {
  auto target = profile.latencies.find(targetName(request.target));
  if (!request.recipe.refusesSlower || target == profile.latencies.end())
    return nullptr;
  auto found = target->second.find(layer.str());
  return found == target->second.end() ? nullptr : &found->second;
}

std::vector<std::string> Compilation::floatLayers() const {
  std::vector<std::string> layers = request.recipe.quantization.floatLayers;
  auto target = profile.latencies.find(targetName(request.target));
  if (request.recipe.refusesSlower && target != profile.latencies.end())
    for (const auto &[name, latency] : target->second)
      if (latency.refused && !llvm::is_contained(layers, name))
        layers.push_back(name);
  return layers;
}

/// Code for a copy of the module that samples are for, with layers in float, or all of them.
llvm::Expected<std::unique_ptr<codegen::LoadedModel>> Compilation::makeTimed(llvm::StringRef folder, bool quantized,
                                                                             llvm::ArrayRef<std::string> inFloat,
                                                                             codegen::KernelCache &kernels) {
  mlir::OwningOpRef<mlir::ModuleOp> copy(modules()[calibration->specialization()].clone());
  mlir::PassManager passManager(&context);
  PhaseOptions options = phaseOptions();
  options.quantization.options.floatLayers = inFloat.vec();
  if (!quantized)
    options.quantization = {};
  for (const PhaseInfo &phase : phases())
    if (phase.phase >= Phase::Quantize)
      buildPhase(passManager, phase.phase, options);
  if (mlir::failed(passManager.run(*copy)))
    return reject(diagnostics.problems(), ExitCode::Rejected);
  codegen::CompileOptions compileOptions;
  compileOptions.jobs = request.jobs;
  compileOptions.cache = &kernels;
  auto model = codegen::compileModule(*copy, std::get<CpuTarget>(request.target), compileOptions);
  if (!model)
    return model.takeError();
  codegen::ArtifactOptions artifact;
  artifact.name = "timed";
  if (llvm::Error error = codegen::writeArtifact(folder, *model, artifact))
    return std::move(error);
  return codegen::LoadedModel::open(folder);
}

llvm::Expected<std::map<std::string, LayerLatency>> Compilation::timeLayers() {
  auto scratch = TemporaryPath::makeFolder();
  if (!scratch)
    return scratch.takeError();
  codegen::KernelCache kernels;
  unsigned made = 0;
  auto make = [&](bool quantized, llvm::ArrayRef<std::string> inFloat) {
    return makeTimed((*scratch)->path() + "/timed" + std::to_string(made++), quantized, inFloat, kernels);
  };
  const std::vector<std::string> &asked = request.recipe.quantization.floatLayers;
  auto layers = fettle::describeLayers(functions()[calibration->specialization()], profile, request.recipe.quantization.activations, asked);
  if (!layers)
    return layers.takeError();
  llvm::erase_if(*layers, [](const LayerFacts &layer) { return !layer.integers; });
  auto inFloat = make(false, {}), inIntegers = make(true, asked);
  if (!inFloat || !inIntegers)
    return llvm::joinErrors(inFloat.takeError(), inIntegers.takeError());
  std::vector<HostTensor> sample = calibration->inputs().sample(0);
  TimedModel floats(context, **inFloat, sample, 0), integers(context, **inIntegers, sample, 0);
  auto latencies = cli::timeLayers(environment, floats, integers, *layers);
  if (!latencies)
    return latencies.takeError();
  std::vector<std::string> mixed = slowerInIntegers(*latencies);
  if (mixed.empty())
    return latencies;
  std::vector<std::string> candidates = mixed;
  llvm::append_range(mixed, asked);
  auto inBoth = make(true, mixed);
  if (!inBoth)
    return inBoth.takeError();
  TimedModel both(context, **inBoth, sample, 0);
  auto calls = timeCalls(environment, integers, both);
  if (!calls)
    return calls.takeError();
  for (const std::string &layer : candidates)
    (*latencies)[layer].refused = calls->second < calls->first;
  return latencies;
}

llvm::Error Compilation::refuseSlower() {
  const std::string target = targetName(request.target);
  bool isKnown;
  if (llvm::Error error = takeMeasured(isKnown))
    return error;
  if (isKnown) {
    if (!profile.latencies.count(target))
      return makeFailure(ExitCode::Rejected, "the profile has no times of layers on " + target,
                         "fettle calibrate with the same recipe measures them, or give --calibration");
    return llvm::Error::success();
  }
  begin("times");
  if (llvm::Error error = openCalibration())
    return error;
  auto latencies = timeLayers();
  if (!latencies)
    return latencies.takeError();
  profile.latencies[target] = std::move(*latencies);
  end();
  return llvm::Error::success();
}

} // namespace fettle::cli
