//===- NpyFormat.h - numpy's array format ---------------------------------===//
//
// Versions 1 to 3 of the .npy format: a magic number, a header that is a Python
// dictionary literal, the raw elements. Little and big endian, C and Fortran
// order. bfloat16, which numpy does not have, is read from two-byte void ('V2',
// as ml_dtypes saves it) and written as float32, which holds it exactly.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CALIBRATION_NPYFORMAT_H
#define FETTLE_CALIBRATION_NPYFORMAT_H

#include "ir/support/HostTensor.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace fettle::calibration {

/// No header ends behind this byte of a file (numpy's are a hundred bytes long).
constexpr size_t mostNpyHeaderBytes = 64 << 10;

/// What the header of a .npy file says.
struct NpyHeader {
  mlir::RankedTensorType type;
  bool isFortranOrder = false, isBigEndian = false;
  size_t begin = 0; ///< of the elements in the file, bytes
  size_t end = 0;   ///< of the elements, and thus of the file
};
/// Reads it from the first mostNpyHeaderBytes of a file, or from all if it has fewer. Errors are as those of parseNpy.
llvm::Expected<NpyHeader> readNpyHeader(mlir::MLIRContext &context, llvm::ArrayRef<char> bytes);

/// Reads a whole .npy file from `bytes`. The tensor views the bytes (and shares
/// `owner`) where they lie as a HostTensor needs them, else it copies.
/// Errors say what is wrong with the array, without naming a file.
llvm::Expected<HostTensor> parseNpy(mlir::MLIRContext &context, llvm::ArrayRef<char> bytes, std::shared_ptr<const void> owner);

/// The bytes of a version 1 .npy file. `leadingAxes` are put before the shape of
/// `type`; the elements follow the header, row-major.
std::vector<char> npyHeader(mlir::RankedTensorType type, llvm::ArrayRef<int64_t> leadingAxes = {});

/// Appends the elements of `tensor` as .npy stores them.
void appendNpyElements(const HostTensor &tensor, std::vector<char> &bytes);

/// Header and elements.
std::vector<char> writeNpy(const HostTensor &tensor);

/// "float32[1, 3, 224, 224]", for messages.
std::string describeTensorType(mlir::RankedTensorType type);

} // namespace fettle::calibration

#endif
