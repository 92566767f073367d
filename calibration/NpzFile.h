//===- NpzFile.h - named arrays in a zip file -----------------------------===//
#ifndef FETTLE_CALIBRATION_NPZFILE_H
#define FETTLE_CALIBRATION_NPZFILE_H

#include "calibration/NpyFormat.h"
#include "calibration/SampleBytes.h"

namespace fettle::calibration {

struct NamedTensor {
  std::string name;
  HostTensor tensor;
  std::shared_ptr<const SpoolFile> spool = nullptr; ///< where the tensor's bytes are mapped from, if it is large
};

/// Reads every array of a .npz file, in file order; what is more than largestInMemory goes to a spool file. Memory grows only
/// as data arrive, and no further, whatever sizes the file claims and however many arrays it has. Errors name the file and the array.
llvm::Expected<std::vector<NamedTensor>> readNpz(mlir::MLIRContext &context, llvm::StringRef path);

/// An array of a .npz file to be written: `samples` stacked along a new leading
/// axis, or, with `stacked` false, its only sample as it is.
struct NpzArray {
  std::string name;
  std::vector<HostTensor> samples; ///< at least one, all of one type
  bool stacked = false;
};

/// Writes a .npz file (stored, not compressed; equal arrays give equal bytes).
llvm::Error writeNpz(llvm::StringRef path, llvm::ArrayRef<NpzArray> arrays);

/// Reads a serialized ONNX TensorProto, with the name that it has in the file. Errors name the file.
llvm::Expected<NamedTensor> readSerializedTensor(mlir::MLIRContext &context, llvm::StringRef path);

/// Reads one tensor from a .npy file, a .npz file (the array called `name`, or
/// its only array) or a serialized ONNX TensorProto (.pb).
llvm::Expected<HostTensor> readTensorFile(mlir::MLIRContext &context, llvm::StringRef path, llvm::StringRef name);

} // namespace fettle::calibration

#endif
