//===- RowSpace.h - the loops of a kernel that reduces along axes ---------===//
//
// Softmax, layer norm and reductions visit the same space several times: kept
// axes (one result or one statistic each) and reduced axes. Vectors lie along one
// axis, the lane axis. Where it is reduced, a unit of work is one row and ends in
// a horizontal reduction; where it is kept (a mean over the pixels of an NHWC
// image), a unit is a block of neighbouring results, one per lane.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_CPU_ROWSPACE_H
#define FETTLE_CODEGEN_CPU_ROWSPACE_H

#include "codegen/common/FusedExpression.h"
#include "codegen/cpu/LoopEmitter.h"

namespace fettle::codegen {

class RowSpace {
public:
  /// A space of `shape` with the axes in `reducedAxes` reduced. All `expressions` live in it; they are
  /// rewritten to the fewest axes that all their views allow.
  RowSpace(llvm::ArrayRef<int64_t> shape, llvm::ArrayRef<int64_t> reducedAxes,
           llvm::ArrayRef<FusedExpression *> expressions, int64_t lanes);

  /// One vector of a unit.
  struct Spot {
    ElementPosition position;
    unsigned part = 0;       ///< which accumulator it belongs to
    mlir::Value bufferIndex; ///< its place in a scratch buffer of `bufferElements()`
  };

  bool lanesAreReduced() const { return reduced[laneAxis]; }
  int64_t lanes() const { return laneCount; }
  int64_t units() const;
  int64_t elementsPerUnit() const;
  int64_t bufferElements() const;
  /// Elements that are reduced to one.
  int64_t reducedElements() const;

  /// Runs `body` for each unit in [begin, end).
  void emitUnits(mlir::ImplicitLocOpBuilder &b, mlir::Value begin, mlir::Value end, llvm::function_ref<void()> body);

  /// Inside a unit: visits every vector and carries one value per part from spot
  /// to spot, all starting at `initial`. Lanes that do not exist keep their value.
  CarriedValues fold(mlir::ImplicitLocOpBuilder &b, mlir::Value initial,
                     llvm::function_ref<mlir::Value(const Spot &, mlir::Value)> step);
  /// The same without values.
  void forEach(mlir::ImplicitLocOpBuilder &b, llvm::function_ref<void(const Spot &)> visit);
  /// Inside a unit: the positions of its results (reduced coordinates are 0). One
  /// scalar position if the lanes are reduced, else one vector per part.
  llvm::SmallVector<ElementPosition> resultPositions(mlir::ImplicitLocOpBuilder &b) const;

private:
  void coalesce(llvm::ArrayRef<FusedExpression *> expressions);
  void chooseLaneAxis(llvm::ArrayRef<FusedExpression *> expressions);
  CarriedValues sweep(mlir::ImplicitLocOpBuilder &b, CarriedValues values,
                      llvm::function_ref<mlir::Value(const Spot &, mlir::Value)> step);
  CarriedValues visitLanes(mlir::ImplicitLocOpBuilder &b, mlir::Value bufferRow, CarriedValues values,
                           llvm::function_ref<mlir::Value(const Spot &, mlir::Value)> step);
  int64_t blockElements() const { return partCount * laneCount; }

  llvm::SmallVector<int64_t> extents;
  llvm::SmallVector<bool> reduced;
  int64_t laneCount;
  int64_t laneAxis = 0;
  unsigned partCount = 4; ///< vectors side by side: accumulators of a row, or width of a block of results
  // The unit being emitted.
  llvm::SmallVector<mlir::Value> coordinates;
  mlir::Value laneBase;   ///< kept lanes: first lane coordinate of the block
  int64_t laneExtent = 0; ///< lanes of the unit: the row's length or the block's width
};

} // namespace fettle::codegen

#endif
