//===- TensorFolder.h - folders of serialized tensors as samples ----------===//
//
// As ONNX keeps test data beside a model: data sets in the order of their
// numbers, each with a tensor for every input. The answers are left alone.
//
//   data/test_data_set_0/input_0.pb   data/test_data_set_0/input_1.pb   data/test_data_set_0/output_0.pb
//   data/test_data_set_1/input_0.pb   data/test_data_set_1/input_1.pb   ...
//
// or the tensors of one data set, without a folder of its own.
//
// A tensor is for the input that has its name. An input without such a tensor
// takes the one of its own number, in the order of the model's inputs, if that
// has no input's name.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CALIBRATION_TENSORFOLDER_H
#define FETTLE_CALIBRATION_TENSORFOLDER_H

#include "calibration/Samples.h"

namespace fettle::calibration {

/// The tensors of data sets, input by input.
class TensorSets {
public:
  /// Cuts the tensors of every data set into samples of `inputs`, those that they were read for, and puts these one after
  /// the other. The error names the first data set whose tensors are missing or do not fit.
  llvm::Expected<Samples> cut(llvm::ArrayRef<InputSpec> inputs) const;

private:
  friend struct TensorFolder;
  struct DataSet {
    std::string name;
    std::vector<mlir::RankedTensorType> types; ///< one for each input; null: there is no tensor for it
  };
  std::vector<DataSet> dataSets;
  std::vector<SampleBytes::Stored> inputBytes; ///< of each input, data set after data set
};

/// Which files are tensors of samples.
struct TensorFolder {
  struct DataSet {
    std::string path, name; ///< the name is empty for tensors without a folder of their own
    std::vector<std::pair<int64_t, std::string>> tensors; ///< number and path
  };
  std::vector<DataSet> dataSets;

  /// Lists the data sets of `path`; there are none if it is a folder of something else. The error says what cannot be read, or
  /// that two files or folders have the same number, or that tensors lie both beside data sets and in them.
  static llvm::Expected<TensorFolder> list(llvm::StringRef path);

  /// Reads the tensors for `inputs`, names in the model's order. One data set is in memory at a time; large ones go to
  /// spool files. Errors name the file.
  llvm::Expected<TensorSets> read(mlir::MLIRContext &context, llvm::ArrayRef<std::string> inputs) const;
};

} // namespace fettle::calibration

#endif
