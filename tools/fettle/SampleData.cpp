//===- SampleData.cpp - samples in a file, for one of several sizes --------===//

#include "tools/fettle/SampleData.h"
#include "calibration/ImageFolder.h"
#include "calibration/TensorFolder.h"
#include "tools/fettle/ExitCode.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"

namespace fettle::cli {

llvm::Error SampleData::checkFinite(llvm::StringRef path) const {
  if (llvm::Error error = samples.checkFinite())
    return makeFailure(ExitCode::Rejected, path + ": " + llvm::toString(std::move(error)), "measurements take finite numbers");
  return llvm::Error::success();
}

using Specializations = llvm::ArrayRef<std::vector<calibration::InputSpec>>;

static llvm::Error refuseAll(Specializations specializations, llvm::StringRef path, llvm::StringRef problems, llvm::StringRef hint) {
  bool isOne = specializations.size() == 1;
  return makeFailure(ExitCode::Rejected, path + ": " + (isOne ? "" : "fits none of the sizes that the model is compiled for:\n  ") + problems,
                     hint);
}

/// The samples that `cut` makes for the first specialization that they fit.
static llvm::Expected<SampleData> cutForFirst(Specializations specializations, llvm::StringRef path, llvm::StringRef hint,
                                              llvm::function_ref<llvm::Expected<calibration::Samples>(llvm::ArrayRef<calibration::InputSpec>)> cut) {
  std::string problems;
  for (auto [index, inputs] : llvm::enumerate(specializations)) {
    auto samples = cut(inputs);
    if (samples)
      return SampleData{std::move(*samples), index};
    problems += (problems.empty() ? "" : "\n  ") + llvm::toString(samples.takeError());
  }
  return refuseAll(specializations, path, problems, hint);
}

static llvm::Expected<SampleData> readTensors(mlir::MLIRContext &context, Specializations specializations, llvm::StringRef path,
                                              const calibration::TensorFolder &folder) {
  std::vector<std::string> names;
  for (const calibration::InputSpec &input : specializations.front())
    names.push_back(input.name);
  auto sets = folder.read(context, names);
  if (!sets)
    return withExitCode(sets.takeError(), ExitCode::File);
  return cutForFirst(specializations, path, "each data set has a tensor for every model input: named as it, or input_N.pb by its place",
                     [&](llvm::ArrayRef<calibration::InputSpec> inputs) { return sets->cut(inputs); });
}

/// Images are of any size, so those of the first specialization that takes images, as many at a time as divide their number.
static llvm::Expected<SampleData> readImages(Specializations specializations, llvm::StringRef path, const calibration::ImageOptions &images) {
  auto folder = calibration::ImageFolder::list(path);
  if (!folder)
    return withExitCode(folder.takeError(), ExitCode::File);
  if (folder->paths.empty())
    return makeFailure(ExitCode::Rejected, path + ": holds no samples",
                       "a folder holds .jpg, .jpeg or .png files, or tensors input_0.pb, input_1.pb... in test_data_set_0, test_data_set_1...");
  std::string problems;
  for (auto [index, inputs] : llvm::enumerate(specializations)) {
    if (inputs.size() != 1)
      return makeFailure(ExitCode::Rejected, path + ": is a folder of images; the model has " + llvm::Twine(inputs.size()) + " inputs",
                         "models of one input take images; others a .npz file with one array per input, or a folder of tensors");
    auto input = calibration::ImageInput::create(inputs.front(), images);
    if (!input || folder->paths.size() % input->batch() != 0) {
      problems += problems.empty() ? "" : "\n  ";
      problems += input ? llvm::formatv("{0} images are no multiple of {1}, the input's first axis", folder->paths.size(), input->batch()).str()
                        : llvm::toString(input.takeError());
      continue;
    }
    auto arrays = folder->read(inputs.front(), *input);
    if (!arrays)
      return withExitCode(arrays.takeError(), ExitCode::File);
    auto samples = calibration::Samples::cut(inputs, std::move(*arrays));
    if (!samples)
      return withExitCode(samples.takeError(), ExitCode::Rejected);
    return SampleData{std::move(*samples), index};
  }
  return refuseAll(specializations, path, problems, "the recipe's images.* keys say how images are read; .npz files hold anything else");
}

llvm::Expected<SampleData> readSamples(mlir::MLIRContext &context, Specializations specializations,
                                       llvm::StringRef path, const calibration::ImageOptions &images) {
  if (llvm::sys::fs::is_directory(path)) {
    auto tensors = calibration::TensorFolder::list(path);
    if (!tensors)
      return withExitCode(tensors.takeError(), ExitCode::File);
    return tensors->dataSets.empty() ? readImages(specializations, path, images) : readTensors(context, specializations, path, *tensors);
  }
  auto arrays = calibration::readNpz(context, path);
  if (!arrays)
    return withExitCode(arrays.takeError(), ExitCode::File);
  // Arrays are views: cutting them for each specialization copies nothing.
  return cutForFirst(specializations, path, "one array per model input, named as the input",
                     [&](llvm::ArrayRef<calibration::InputSpec> inputs) { return calibration::Samples::cut(inputs, *arrays); });
}

} // namespace fettle::cli
