//===- SampleData.cpp - samples in a file, for one of several sizes --------===//

#include "tools/fettle/SampleData.h"
#include "calibration/ImageFolder.h"
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

/// Images are of any size, so those of the first specialization that takes images, as many at a time as divide their number.
static llvm::Expected<SampleData> readImages(Specializations specializations, llvm::StringRef path, const calibration::ImageOptions &images) {
  auto folder = calibration::ImageFolder::list(path);
  if (!folder)
    return withExitCode(folder.takeError(), ExitCode::File);
  if (folder->paths.empty())
    return makeFailure(ExitCode::Rejected, path + ": holds no images", "samples are .jpg, .jpeg or .png files, or a .npz file");
  std::string problems;
  for (auto [index, inputs] : llvm::enumerate(specializations)) {
    if (inputs.size() != 1)
      return makeFailure(ExitCode::Rejected, path + ": is a folder of images; the model has " + llvm::Twine(inputs.size()) + " inputs",
                         "models of one input take images; others a .npz file with one array per input");
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
  if (llvm::sys::fs::is_directory(path))
    return readImages(specializations, path, images);
  auto arrays = calibration::readNpz(context, path);
  if (!arrays)
    return withExitCode(arrays.takeError(), ExitCode::File);
  std::string problems;
  for (auto [index, inputs] : llvm::enumerate(specializations)) {
    auto samples = calibration::Samples::cut(inputs, *arrays);
    if (samples)
      return SampleData{std::move(*samples), index};
    problems += (problems.empty() ? "" : "\n  ") + llvm::toString(samples.takeError());
  }
  return refuseAll(specializations, path, problems, "one array per model input, named as the input");
}

} // namespace fettle::cli
