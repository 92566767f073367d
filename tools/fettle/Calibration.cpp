//===- Calibration.cpp - samples that a model is measured on ---------------===//

#include "tools/fettle/Calibration.h"
#include "tools/fettle/ExitCode.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;

namespace fettle::cli {

static std::vector<calibration::InputSpec> inputsOf(func::FuncOp function) {
  std::vector<calibration::InputSpec> inputs;
  for (BlockArgument argument : function.getArguments()) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.name");
    inputs.push_back({name ? name.str() : "", cast<RankedTensorType>(argument.getType())});
  }
  return inputs;
}

llvm::Expected<std::unique_ptr<Calibration>> Calibration::open(ArrayRef<func::FuncOp> functions, llvm::StringRef path,
                                                               const calibration::ImageOptions &images, unsigned jobs) {
  std::vector<std::vector<calibration::InputSpec>> inputs;
  for (func::FuncOp function : functions)
    inputs.push_back(inputsOf(function));
  auto data = readSamples(*functions.front()->getContext(), inputs, path, images);
  if (!data)
    return data.takeError();
  if (llvm::Error error = data->checkFinite(path))
    return std::move(error);
  std::unique_ptr<Calibration> calibration(new Calibration(std::move(*data)));
  auto scratch = TemporaryPath::makeFolder();
  if (!scratch)
    return scratch.takeError();
  calibration->scratch = std::move(*scratch);
  calibration->ownExecutor =
      std::make_unique<calibration::CompiledExecutor>(calibration->data.samples, calibration->scratch->path(), jobs);
  return calibration;
}

llvm::Error Calibration::measureFor(Phase phase, ArrayRef<func::FuncOp> functions, const QuantizationOptions &recipe,
                                    std::function<void(int64_t done, int64_t total)> progress, Profile &profile) {
  calibration::MeasureOptions options;
  options.progress = std::move(progress);
  options.grids = recipe.activations;
  if (recipe.weights.rounding == Rounding::Nearest)
    options.rows = 0;
  auto measure = phase == Phase::Equalize ? calibration::measureChannels : calibration::measure;
  return withExitCode(measure(*ownExecutor, functions[data.specialization], options, profile), ExitCode::Rejected);
}

llvm::Expected<Profile> readProfile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return makeFailure(ExitCode::File, path + ": " + buffer.getError().message());
  auto profile = Profile::fromJson((*buffer)->getBuffer());
  if (!profile)
    return makeFailure(ExitCode::Rejected, path + ": " + llvm::toString(profile.takeError()),
                       "fettle calibrate writes profiles");
  return profile;
}

} // namespace fettle::cli
