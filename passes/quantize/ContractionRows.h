//===- ContractionRows.h - a contraction as products of rows ---------------===//
//
// Each element of a convolution's or matrix product's result is the product of a
// row of inputs (what the window sees at one position) and a row of weights:
//   y[position, output] = sum_k row[position, k] weights[output, k]
// This class finds the rows of inputs, and which stored weight is which, whatever
// the layout. With groups there is a row for each group.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_CONTRACTIONROWS_H
#define FETTLE_PASSES_QUANTIZE_CONTRACTIONROWS_H

#include "ir/nn/Nn.h"
#include <string>

namespace fettle {

class ContractionRows {
public:
  /// None unless `op` is a convolution, or a matrix product whose weights have no batch.
  static std::optional<ContractionRows> get(mlir::Operation *op);

  int64_t groups() const { return numGroups; }
  int64_t width() const { return rowWidth; }         ///< of a row of one group
  int64_t outputs() const { return groupOutputs; }   ///< of one group
  int64_t positions() const { return numPositions; } ///< rows in one evaluation

  /// The window in words, the same for contractions that read the same rows of one tensor: "1", "3x3 stride 2x2".
  std::string describe() const;

  /// Writes the rows of all groups at `position`, group after group; padding is 0.
  void gather(llvm::ArrayRef<float> input, int64_t position, float *row) const;
  /// Where the weight lies in the stored tensor.
  int64_t weightIndex(int64_t group, int64_t output, int64_t column) const {
    return (group * groupOutputs + output) * outputStride + column * columnStride;
  }

private:
  static std::optional<ContractionRows> ofProduct(nn::MatMulOp op);
  static ContractionRows ofConvolution(nn::ConvOp op);

  int64_t numGroups = 1, rowWidth = 0, groupOutputs = 0, numPositions = 0;
  int64_t outputStride = 0, columnStride = 0;
  /// A row is a window of these extents over [batch, channel, spatial...] with these strides in the input.
  int64_t batchStride = 0, channelStride = 0, channels = 0; ///< channels of one group
  llvm::SmallVector<int64_t> extents, spatialStrides;       ///< of the input, spatial axes
  llvm::SmallVector<int64_t> results, kernel, steps, dilations, padding;
};

} // namespace fettle

#endif
