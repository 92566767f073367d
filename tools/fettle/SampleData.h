//===- SampleData.h - samples in a file, for one of several sizes ----------===//
#ifndef FETTLE_TOOLS_SAMPLEDATA_H
#define FETTLE_TOOLS_SAMPLEDATA_H

#include "calibration/ImageInput.h"

namespace fettle::cli {

/// Samples, and the specialization that they are for.
struct SampleData {
  calibration::Samples samples;
  size_t specialization = 0;

  /// An error with exit code 1 where a sample holds NaN or infinity: nothing can be measured on it. `path` is for the message.
  llvm::Error checkFinite(llvm::StringRef path) const;
};

/// Reads a .npz file, a folder of serialized tensors, or one of images as `images` says, and cuts it into samples for the first of
/// `specializations`, the inputs of one model in several sizes, that it fits. Errors: exit code 4 for a file that cannot be read, 1 for samples that
/// are not the model's.
llvm::Expected<SampleData> readSamples(mlir::MLIRContext &context, llvm::ArrayRef<std::vector<calibration::InputSpec>> specializations,
                                       llvm::StringRef path, const calibration::ImageOptions &images);

} // namespace fettle::cli

#endif
