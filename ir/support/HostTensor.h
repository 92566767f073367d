//===- HostTensor.h - a tensor's bytes, with its type ---------------------===//
//
// The one form in which tensor data travels between import, the reference
// interpreter, sample readers and the tools. Elements are stored row-major,
// little-endian, one element after the other: i1 takes one byte (0 or 1),
// 4-bit integers take one byte each, all others their natural size.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_SUPPORT_HOSTTENSOR_H
#define FETTLE_IR_SUPPORT_HOSTTENSOR_H

#include "mlir/IR/BuiltinAttributes.h"
#include "mlir/IR/BuiltinTypes.h"
#include <memory>
#include <vector>

namespace fettle {

/// Bytes of one element of `type` in a HostTensor (see the file comment).
int64_t elementBytes(mlir::Type type);

class HostTensor {
public:
  HostTensor() = default;
  /// A zero-filled tensor.
  explicit HostTensor(mlir::RankedTensorType type);
  /// A view of `bytes`, kept alive by `owner`.
  HostTensor(mlir::RankedTensorType type, llvm::ArrayRef<char> bytes, std::shared_ptr<const void> owner);

  mlir::RankedTensorType type() const { return tensorType; }
  llvm::ArrayRef<int64_t> shape() const { return tensorType.getShape(); }
  mlir::Type elementType() const { return tensorType.getElementType(); }
  int64_t numElements() const { return tensorType.getNumElements(); }
  llvm::ArrayRef<char> bytes() const { return view; }
  /// Only for tensors made by the zero-filling constructor.
  llvm::MutableArrayRef<char> mutableBytes();

  /// The same bytes under another shape of equally many elements.
  HostTensor reshaped(llvm::ArrayRef<int64_t> shape) const;

  /// Reads any dense or resource constant. Resource data is not copied.
  static HostTensor fromAttribute(mlir::ElementsAttr attribute);
  /// A DenseElementsAttr up to 1 KiB, a resource blob named `name` above. The
  /// blob shares this tensor's storage.
  mlir::ElementsAttr toAttribute(llvm::StringRef name) const;

  /// Element `i` (row-major) of any integer or boolean tensor.
  int64_t integerAt(int64_t i) const;
  /// Element `i` of any numeric tensor, as double (f16 and bf16 are widened).
  double doubleAt(int64_t i) const;
  std::vector<int64_t> integers() const;
  std::vector<double> doubles() const;
  /// Stores with rounding to nearest even; integers wrap modulo their width.
  void setDouble(int64_t i, double value);
  void setInteger(int64_t i, int64_t value);

private:
  mlir::RankedTensorType tensorType;
  std::shared_ptr<std::vector<char>> storage;
  std::shared_ptr<const void> owner;
  llvm::ArrayRef<char> view;
};

} // namespace fettle

#endif
