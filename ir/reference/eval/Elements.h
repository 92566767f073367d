//===- Elements.h - elements of any type as double or int64 ---------------===//
//
// The element type of a tensor is looked at once, not once per element: each
// reader and writer holds the function that fits it.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_REFERENCE_EVAL_ELEMENTS_H
#define FETTLE_IR_REFERENCE_EVAL_ELEMENTS_H

#include "ir/support/HostTensor.h"

namespace fettle::reference {

inline bool isFloat(const HostTensor &tensor) { return llvm::isa<mlir::FloatType>(tensor.elementType()); }
/// Unsigned 64-bit integers travel in an int64_t of the same bits; the ops for
/// which that matters (order, division, shifts) ask.
inline bool isUnsigned64(const HostTensor &tensor) { return tensor.elementType().isUnsignedInteger(64); }

/// Elements as double: exact for all types but 64-bit integers.
class DoubleReader {
public:
  explicit DoubleReader(const HostTensor &tensor);
  double operator[](int64_t i) const { return read(data + i * size); }

private:
  const char *data;
  int64_t size;
  double (*read)(const char *);
};

/// Elements of an integer or boolean tensor.
class IntegerReader {
public:
  explicit IntegerReader(const HostTensor &tensor);
  int64_t operator[](int64_t i) const { return read(data + i * size); }

private:
  const char *data;
  int64_t size;
  int64_t (*read)(const char *);
};

/// Stores into a float tensor, rounded to nearest even.
class DoubleWriter {
public:
  explicit DoubleWriter(HostTensor &tensor);
  void set(int64_t i, double value) { write(data + i * size, value); }

private:
  char *data;
  int64_t size;
  void (*write)(char *, double);
};

/// Stores into an integer or boolean tensor, modulo its width.
class IntegerWriter {
public:
  explicit IntegerWriter(HostTensor &tensor);
  void set(int64_t i, int64_t value) { write(data + i * size, value); }

private:
  char *data;
  int64_t size;
  void (*write)(char *, int64_t);
};

/// The least and greatest value of an integer type (ui64: as int64 bits).
int64_t lowestInteger(mlir::Type element);
int64_t highestInteger(mlir::Type element);
/// `value` truncated and saturated to the range of an integer type; NaN gives 0.
int64_t saturate(double value, mlir::Type element);

} // namespace fettle::reference

#endif
