//===- TensorData.h - the payload of a TensorProto ------------------------===//
#ifndef FETTLE_IR_ONNX_TENSORDATA_H
#define FETTLE_IR_ONNX_TENSORDATA_H

#include "ir/onnx/Model.h"

namespace onnx {
class TensorProto;
}

namespace fettle::onnx {

/// The folder that a model's external data may lie in, with its mapped files.
/// Files are mapped once and stay mapped as long as a tensor views them.
class ExternalFiles {
public:
  /// `folder` empty: external data is refused.
  explicit ExternalFiles(std::string folder) : folder(std::move(folder)) {}

  struct Mapping {
    llvm::ArrayRef<char> bytes;
    std::shared_ptr<const void> owner;
  };
  /// Maps the file at `location`, relative to the folder. Errors: absolute
  /// location, a path or link that leaves the folder, not a regular file.
  llvm::Expected<Mapping> map(llvm::StringRef location);

private:
  std::string folder;
  llvm::StringMap<Mapping> mapped;
};

/// Number of bytes that `elements` elements of `type` take in an ONNX file;
/// -1 for types without a fixed size (strings, undefined and unknown types).
int64_t packedBytes(DataType type, int64_t elements);

/// Converts a message, sharing its raw data (`message` keeps it alive). A
/// payload that cannot be had is described in `problem`, never an error.
Tensor convertTensor(const ::onnx::TensorProto &proto, const std::shared_ptr<const void> &message,
                     ExternalFiles &files);

} // namespace fettle::onnx

#endif
