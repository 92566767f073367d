//===- SequentialEmitters.h - ops that are small algorithms ---------------===//
#ifndef FETTLE_CODEGEN_CPU_SEQUENTIALEMITTERS_H
#define FETTLE_CODEGEN_CPU_SEQUENTIALEMITTERS_H

#include "codegen/cpu/LoopEmitter.h"
#include "ir/target/CpuTarget.h"

namespace fettle::codegen {

/// One op's operands and results as flat buffers. The emitters below emit the whole
/// tile loop and return the number of tiles.
struct SequentialBuffers {
  llvm::SmallVector<mlir::Value> inputs, outputs;
};

int64_t emitCumSum(FlatFrame &frame, nn::CumSumOp op, const SequentialBuffers &buffers);
int64_t emitScatterElements(FlatFrame &frame, nn::ScatterElementsOp op, const SequentialBuffers &buffers);
int64_t emitScatterNd(FlatFrame &frame, nn::ScatterNdOp op, const SequentialBuffers &buffers);
int64_t emitTopK(FlatFrame &frame, nn::TopKOp op, const SequentialBuffers &buffers);
int64_t emitNonMaxSuppression(FlatFrame &frame, nn::NonMaxSuppressionOp op, const SequentialBuffers &buffers);
/// Boxes per image beyond which the candidates would not fit on the stack.
constexpr int64_t maxSuppressionBoxes = 64 * 1024;

int64_t emitMatchTokens(FlatFrame &frame, nn::MatchTokensOp op, const SequentialBuffers &buffers, const CpuTarget &target);
int64_t emitDropTokens(FlatFrame &frame, nn::DropTokensOp op, const SequentialBuffers &buffers, const CpuTarget &target);
int64_t emitMergeTokens(FlatFrame &frame, nn::MergeTokensOp op, const SequentialBuffers &buffers, const CpuTarget &target);
int64_t emitUnmergeTokens(FlatFrame &frame, nn::UnmergeTokensOp op, const SequentialBuffers &buffers, const CpuTarget &target);
/// Tokens of a sequence beyond which what is noted about each would not fit on the stack.
constexpr int64_t maxSequenceTokens = 64 * 1024;

/// Rows along one axis of a tensor: element i of row r lies at start(r) + i * stride.
struct AxisRows {
  AxisRows(llvm::ArrayRef<int64_t> shape, int64_t axis);
  mlir::Value start(mlir::ImplicitLocOpBuilder &b, mlir::Value row) const;
  int64_t count, length, stride;
};

/// Emits `body` for every row, rows grouped to tiles of some thousand elements; returns the number of tiles.
int64_t emitRowTiles(FlatFrame &frame, const AxisRows &rows, llvm::function_ref<void(mlir::Value row)> body);

} // namespace fettle::codegen

#endif
