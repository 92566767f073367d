//===- ContractionWeights.h - weights of a contraction, by channel --------===//
//
// Convolutions, transposed convolutions and matrix products are all
// y[.., o, ..] = sum_i x[.., i, ..] W[i, o] + b[o] with some W: this class
// finds i and o of each stored weight, whatever its layout.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_PASSES_FUSE_CONTRACTIONWEIGHTS_H
#define FETTLE_PASSES_FUSE_CONTRACTIONWEIGHTS_H

#include "ir/nn/Nn.h"
#include "ir/support/HostTensor.h"
#include "mlir/IR/Operation.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace fettle {

class ContractionWeights {
public:
  /// None unless `op` is a convolution, transposed convolution or matrix product (right operand) whose weights are
  /// float constants.
  static std::optional<ContractionWeights> get(mlir::Operation *op);

  int64_t inputs() const { return numInputs; }   ///< channels of the left operand
  int64_t outputs() const { return numOutputs; } ///< channels of the result
  mlir::Value value() const;                     ///< the weight operand
  mlir::Value bias() const;                      ///< null if there is none
  /// Axis of the channels in the result and in the left operand, counted from the back: 1 is the last.
  int64_t channelFromBack() const { return fromBack; }

  /// Axis of the stored weights that counts output channels (of one group, in a transposed convolution).
  int64_t outputAxis() const;
  /// The stored weights.
  const HostTensor &tensor() const { return weights; }

  /// Calls `visit(element, input, output)` for each stored weight, in storage order.
  template <typename Visit> void forEach(Visit visit) const {
    // The first channel axis is stored whole, the second per group.
    int64_t rowsPerGroup = std::max<int64_t>(1, rows / groups), element = 0;
    for (int64_t o = 0; o < outer; ++o)
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t column = 0; column < columns; ++column) {
          int64_t second = row / rowsPerGroup * columns + column;
          int64_t input = outputsFirst ? second : row, output = outputsFirst ? row : second;
          for (int64_t i = 0; i < inner; ++i)
            visit(element++, input, output);
        }
  }

  /// The weights times factor(input channel, output channel), rounded once.
  HostTensor scaled(llvm::function_ref<double(int64_t input, int64_t output)> factor) const;
  /// For each output channel, the sum of weight * offsets[input channel]: what a constant added to every
  /// input position adds to every result position that sees no padding.
  std::vector<double> response(llvm::ArrayRef<double> offsets) const;

private:
  mlir::Operation *op = nullptr;
  HostTensor weights;
  int64_t numInputs = 0, numOutputs = 0, groups = 1, fromBack = 1;
  bool outputsFirst = false;         ///< stored [.., output, input, ..], else [.., input, output, ..]
  int64_t outer = 1, rows = 1, columns = 1, inner = 1; ///< stored shape, around the two channel axes
};

/// If `value` is a float constant that varies at most along one axis of what it broadcasts to (counted from the back),
/// the values along it: `extent` of them.
std::optional<std::vector<double>> channelValues(mlir::Value value, int64_t axisFromBack, int64_t extent);

} // namespace fettle

#endif
