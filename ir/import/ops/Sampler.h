//===- Sampler.h - reading an image between its pixels --------------------===//
//
// GridSample, RoiAlign and DeformConv read an image at computed positions. A
// position between pixels is a weighted sum of *taps*: 2 neighbours per axis for
// linear, 4 for cubic. All images of a batch are laid side by side as [c, n * s],
// so that one gather along the last axis serves all positions [p]:
//
//   value[c, p] = sum over taps t of weight_t[p] * image[c, offset[p] + index_t[p]]
//
// Cost: taps^d gathers of c * p elements.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_IMPORT_OPS_SAMPLER_H
#define FETTLE_IR_IMPORT_OPS_SAMPLER_H

#include "ir/import/NodeImporter.h"

namespace fettle {

class Sampler {
public:
  /// What stands outside the image.
  enum class Outside { Zero, Border, ReflectPixels, ReflectEdges };

  /// `input` is [n, c, spatial...].
  Sampler(NodeImporter &node, mlir::Value input, Outside outside);

  /// One neighbour along one axis, each of shape [p].
  struct Tap {
    mlir::Value index;  ///< i64, inside the image
    mlir::Value weight; ///< null: 1
  };
  using Taps = llvm::SmallVector<Tap, 4>;
  /// Taps for positions (in pixels, of the input's element type) along spatial axis `axis`.
  Taps nearest(mlir::Value position, int64_t axis);
  Taps linear(mlir::Value position, int64_t axis);
  Taps cubic(mlir::Value position, int64_t axis, double a);

  /// The products weight * pixel, [c, p] each, for all combinations of taps; `batch` [p] says which image is read.
  llvm::SmallVector<mlir::Value> products(llvm::ArrayRef<Taps> taps, mlir::Value batch);
  /// Their sum.
  mlir::Value sample(llvm::ArrayRef<Taps> taps, mlir::Value batch);

private:
  Tap tap(mlir::Value index, mlir::Value weight, int64_t axis);

  NodeImporter &node;
  mlir::Value flat; ///< [c, n * s]
  std::vector<int64_t> extents;
  int64_t pixels = 1;
  mlir::Type element;
  Outside outside;
};

} // namespace fettle

#endif
