//===- SampleData.cpp - samples in a file, for one of several sizes --------===//

#include "tools/fettle/SampleData.h"
#include "tools/fettle/ExitCode.h"
#include "llvm/Support/FileSystem.h"

namespace fettle::cli {

llvm::Error SampleData::checkFinite(llvm::StringRef path) const {
  if (llvm::Error error = samples.checkFinite())
    return makeFailure(ExitCode::Rejected, path + ": " + llvm::toString(std::move(error)), "measurements take finite numbers");
  return llvm::Error::success();
}

llvm::Expected<SampleData> readSamples(mlir::MLIRContext &context, llvm::ArrayRef<std::vector<calibration::InputSpec>> specializations,
                                       llvm::StringRef path) {
  if (llvm::sys::fs::is_directory(path))
    return makeFailure(ExitCode::File, path + ": is a folder; samples are read from .npz files");
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
  bool isOne = specializations.size() == 1;
  return makeFailure(ExitCode::Rejected, path + ": " + (isOne ? "" : "fits none of the sizes that the model is compiled for:\n  ") + problems,
                     "one array per model input, named as the input");
}

} // namespace fettle::cli
