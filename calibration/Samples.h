//===- Samples.h - what a model is run on ---------------------------------===//
//
// A .npz file of data holds one array per model input, named as the input. An
// array of the input's own rank is cut along its first axis into samples of the
// input's first dimension; an array of rank + 1 holds one sample per element of
// its first axis:
//
//   input x: float32[1, 3, 32, 32]
//   array float32[500, 3, 32, 32]    -> 500 samples
//   array float32[500, 1, 3, 32, 32] -> 500 samples
//
// `labels` are the right classes, one per sample, or one per row of a batch.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CALIBRATION_SAMPLES_H
#define FETTLE_CALIBRATION_SAMPLES_H

#include "calibration/NpzFile.h"

namespace fettle::calibration {

/// An input as the model declares it.
struct InputSpec {
  std::string name;
  mlir::RankedTensorType type;
  int64_t limit = 100; ///< integers of random samples lie below it
};

/// How many samples of `inputs` arrays of `types` hold (null: there is none). The error lists every input that is missing
/// or does not fit.
llvm::Expected<int64_t> countSamples(llvm::ArrayRef<InputSpec> inputs, llvm::ArrayRef<mlir::RankedTensorType> types);

class Samples {
public:
  /// Cuts `arrays` into samples of `inputs`; errors are as those of countSamples(), and of the labels. Arrays that are
  /// no inputs are left alone.
  static llvm::Expected<Samples> cut(llvm::ArrayRef<InputSpec> inputs, std::vector<NamedTensor> arrays);

  /// One sample of seeded noise: floats from the normal distribution,
  /// integers from 0 to below the limit, booleans true. Equal seeds give equal samples anywhere.
  static Samples random(llvm::ArrayRef<InputSpec> inputs, uint64_t seed);

  /// An error that names the first array and sample with a NaN or an infinity.
  llvm::Error checkFinite() const;

  int64_t size() const { return count; }
  /// Tensors of sample `i`, in the order of the inputs; views of the arrays, or copies of what lies on disk.
  std::vector<HostTensor> sample(int64_t i) const;
  /// Empty if there were none.
  llvm::ArrayRef<int64_t> labels() const { return labelValues; }

private:
  struct Array {
    std::shared_ptr<HostTensor> tensor; ///< sample after sample, contiguous
    std::shared_ptr<const SpoolFile> spool;
  };
  HostTensor sampleOf(const InputSpec &spec, const Array &array, int64_t i) const;

  std::vector<InputSpec> specs;
  std::vector<Array> arrays;
  std::vector<int64_t> labelValues;
  int64_t count = 0;
};

} // namespace fettle::calibration

#endif
