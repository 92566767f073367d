//===- CompilationMeasures.cpp - samples, profile, layers -----------------===//

#include "tools/fettle/Compilation.h"
#include "ir/profile/ValueNames.h"
#include "tools/fettle/RoundingRefit.h"

namespace fettle::cli {

bool Compilation::measuresBefore(Phase phase) const {
  const Recipe &recipe = request.recipe;
  return recipe.quantizes() &&
         (phase == Phase::Quantize || (phase == Phase::Equalize && recipe.quantization.equalize));
}

llvm::Error Compilation::readEvaluation() {
  std::vector<std::vector<calibration::InputSpec>> inputs;
  for (const Specialized &specialized : specializations)
    inputs.push_back(specialized.noise);
  auto data = readSamples(context, inputs, request.evaluation, request.recipe.images.value_or(calibration::ImageOptions()));
  if (!data)
    return data.takeError();
  if (llvm::Error error = data->checkFinite(request.evaluation))
    return error;
  result.evaluation = std::make_shared<const SampleData>(std::move(*data));
  return llvm::Error::success();
}

llvm::Error Compilation::openCalibration() {
  if (calibration)
    return llvm::Error::success();
  auto opened = Calibration::open(functions(), request.calibration, request.recipe.images.value_or(calibration::ImageOptions()), request.jobs);
  if (!opened)
    return opened.takeError();
  calibration = std::move(*opened);
  return llvm::Error::success();
}

/// Takes what was measured before, if anything was: `isKnown` says so.
llvm::Error Compilation::takeMeasured(bool &isKnown) {
  isKnown = request.measured || !request.profile.empty();
  if (!isKnown || profile.samples) // read before an earlier phase
    return llvm::Error::success();
  if (request.measured) {
    profile = *request.measured;
    return llvm::Error::success();
  }
  return readProfile(request.profile).moveInto(profile);
}

llvm::Error Compilation::measure(Phase phase) {
  bool isKnown;
  if (llvm::Error error = takeMeasured(isKnown); error || isKnown)
    return error;
  begin("calibrate");
  if (llvm::Error error = openCalibration())
    return error;
  auto tell = [this](int64_t done, int64_t total) { progress.advance(done, total, "runs"); };
  if (llvm::Error error = calibration->measureFor(phase, functions(), request.recipe.quantization, tell, profile))
    return error;
  end();
  return llvm::Error::success();
}

llvm::Error Compilation::refitWeights() {
  bool isKnown;
  if (llvm::Error error = takeMeasured(isKnown))
    return error;
  if (isKnown) {
    if (!profile.roundingRefit)
      return makeFailure(ExitCode::Rejected, "the profile has nothing that weights could be fitted to",
                         "fettle calibrate with the same recipe measures it, or give --calibration");
    return llvm::Error::success();
  }
  begin("refit");
  if (llvm::Error error = openCalibration())
    return error;
  auto tell = [this](int64_t done, int64_t total) { progress.advance(done, total, "tensors"); };
  if (llvm::Error error = measureRoundingRefit(*calibration, functions()[calibration->specialization()], phaseOptions(), tell, profile))
    return error;
  end();
  return llvm::Error::success();
}

/// What the quantize phase will make of the layers, which have the same names in all specializations.
llvm::Error Compilation::describeLayers() {
  const QuantizationOptions &recipe = request.recipe.quantization;
  auto layers = fettle::describeLayers(functions().front(), profile, recipe.activations, floatLayers());
  if (!layers) {
    // A profile of another model: the phase will say so, with the place.
    llvm::consumeError(layers.takeError());
    return llvm::Error::success();
  }
  for (LayerFacts &facts : *layers)
    result.layers.push_back({std::move(facts), {}, {}, {}, {}, {}});
  for (LayerReport &layer : result.layers)
    if (const LayerLatency *latency = latencyOf(layer.name)) {
      layer.floatMicroseconds = latency->floatMicroseconds;
      layer.integerMicroseconds = latency->integerMicroseconds;
      if (latency->refused)
        layer.reason = llvm::formatv("slower in 8 bits on {0}: {1:f2} us, in float {2:f2}", targetName(request.target),
                                     latency->integerMicroseconds, latency->floatMicroseconds)
                           .str();
    }
  return request.layerErrors ? measureLayerErrors() : llvm::Error::success();
}

/// Layers of the module as it is beside those of a quantized copy, whose pairs of quantize and dequantize compute in float what
/// the integers will.
llvm::Error Compilation::measureLayerErrors() {
  constexpr int64_t samples = 32;
  begin("layers");
  if (llvm::Error error = openCalibration())
    return error;
  mlir::func::FuncOp function = functions()[calibration->specialization()];
  mlir::OwningOpRef<mlir::ModuleOp> copy(function->getParentOfType<mlir::ModuleOp>().clone());
  mlir::PassManager passManager(&context);
  PhaseOptions options = phaseOptions();
  options.keepsPairs = true;
  buildPhase(passManager, Phase::Quantize, options);
  if (mlir::failed(passManager.run(*copy)))
    return reject(diagnostics.problems(), ExitCode::Rejected);
  calibration::Twins twins{function, copy->lookupSymbol<mlir::func::FuncOp>("main"), {}, {}};
  ValueNames teacher(twins.teacher), student(twins.student);
  for (const LayerReport &layer : result.layers) {
    twins.teacherValues.push_back(teacher.find(layer.name));
    twins.studentValues.push_back(student.find(layer.name));
  }
  auto decibels = calibration->compareValues(twins, samples);
  if (!decibels)
    return decibels.takeError();
  for (auto [layer, value] : llvm::zip_equal(result.layers, *decibels))
    layer.sqnrDecibels = value;
  end();
  return llvm::Error::success();
}

} // namespace fettle::cli
