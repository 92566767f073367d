//===- Executor.h - running a function on samples, from below --------------===//
//
// Passes and measurements need values of a network on real inputs; what can run
// it, a back end and a sample reader, lies above them. They ask through this
// interface, whose implementation is handed down.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_PROFILE_EXECUTOR_H
#define FETTLE_IR_PROFILE_EXECUTOR_H

#include "ir/support/HostTensor.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/Error.h"

namespace fettle {

/// A function made ready to run, with the values that are to be seen.
class TappedProgram {
public:
  virtual ~TappedProgram() = default;

  /// Runs sample `i`. The values are those of the taps, in their order; floats of
  /// any width are given as f32. They are valid until the next call.
  virtual llvm::Expected<llvm::ArrayRef<HostTensor>> run(int64_t sample) = 0;
};

/// The elements of a tap of floats.
inline llvm::ArrayRef<float> floatsOf(const HostTensor &tap) {
  return {reinterpret_cast<const float *>(tap.bytes().data()), size_t(tap.numElements())};
}

class Executor {
public:
  virtual ~Executor() = default;

  virtual int64_t numSamples() const = 0;

  /// `function` is @main of a module of nn ops in the form that the fuse or the
  /// quantize phase leaves; `taps` are values in it. Neither is changed. Memory
  /// grows with the sizes of the taps, not with the number of samples.
  virtual llvm::Expected<std::unique_ptr<TappedProgram>> prepare(mlir::func::FuncOp function,
                                                                 llvm::ArrayRef<mlir::Value> taps) = 0;
};

} // namespace fettle

#endif
