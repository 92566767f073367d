//===- SequentialBuilder.cpp - ops that are small algorithms --------------===//
//
// Sorting, running sums, scatters, assignments of tokens: results that no element
// can be asked for on its own. Loops in a fixed order; tiles are rows or images that
// do not depend on each other, where there are such.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/FusedExpression.h"
#include "codegen/common/Pointwise.h"
#include "codegen/common/PointwiseFamilies.h"
#include "codegen/cpu/KernelBuilders.h"
#include "codegen/cpu/SequentialEmitters.h"

using namespace mlir;

namespace fettle::codegen {

/// Elements of a tile.
static constexpr int64_t tileElements = 16 * 1024;

AxisRows::AxisRows(ArrayRef<int64_t> shape, int64_t axis) : count(1), length(shape[axis]), stride(1) {
  for (int64_t extent : shape.drop_front(axis + 1))
    stride *= extent;
  for (int64_t extent : shape.take_front(axis))
    count *= extent;
  count *= stride;
}

Value AxisRows::start(ImplicitLocOpBuilder &b, Value row) const {
  if (stride == 1)
    return mulIndex(b, row, length);
  SmallVector<Value> coordinates = delinearize(b, row, {count / stride, stride});
  return addIndex(b, mulIndex(b, coordinates[0], length * stride), coordinates[1]);
}

int64_t emitRowTiles(FlatFrame &frame, const AxisRows &rows, llvm::function_ref<void(Value)> body) {
  ImplicitLocOpBuilder &b = frame.b;
  int64_t perTile = std::clamp<int64_t>(tileElements / std::max<int64_t>(1, rows.length), 1, rows.count);
  emitFor(b, frame.begin(), frame.end(), 1, [&](Value tile) {
    Value first = mulIndex(b, tile, perTile),
          last = minIndex(b, addIndex(b, first, perTile), indexConstant(b, rows.count));
    emitFor(b, first, last, 1, body);
  });
  return llvm::divideCeil(rows.count, perTile);
}

int64_t emitCumSum(FlatFrame &frame, nn::CumSumOp op, const SequentialBuffers &buffers) {
  auto type = op.getOutput().getType();
  Type element = type.getElementType();
  AxisRows rows(type.getShape(), op.getAxis());
  ImplicitLocOpBuilder &b = frame.b;
  Value zero = arith::ConstantOp::create(b, b.getZeroAttr(computeType(element)));
  return emitRowTiles(frame, rows, [&](Value row) {
    Value start = rows.start(b, row);
    emitFor(b, 0, rows.length, 1, zero, [&](Value i, ValueRange carried) -> CarriedValues {
      Value turn = op.getReverse() ? Value(arith::SubIOp::create(b, indexConstant(b, rows.length - 1), i)) : i;
      Value at = addIndex(b, start, mulIndex(b, turn, rows.stride));
      Value x = emitLoad(b, element, buffers.inputs[0], at);
      Value sum = emitBinary(nn::BinaryKind::add, Lanes(b, carried[0]), Lanes(b, x), element, element);
      emitStore(b, element, op.getExclusive() ? carried[0] : sum, buffers.outputs[0], at);
      return {sum};
    });
  });
}

static bool isEmpty(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements() == 0; }

FailureOr<LoweredKernel> buildSequential(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  Operation *root = findRoot(kernel.getBody().front());
  if (!isa_and_nonnull<nn::CumSumOp, nn::TopKOp, nn::ScatterElementsOp, nn::ScatterNdOp, nn::NonMaxSuppressionOp,
                       nn::MatchTokensOp, nn::DropTokensOp, nn::MergeTokensOp, nn::UnmergeTokensOp>(root))
    return failure();
  if (auto suppression = dyn_cast<nn::NonMaxSuppressionOp>(root))
    if (cast<RankedTensorType>(suppression.getScores().getType()).getDimSize(2) > maxSuppressionBoxes)
      return failure();
  if (isa<nn::MatchTokensOp, nn::DropTokensOp, nn::MergeTokensOp>(root) &&
      cast<RankedTensorType>(root->getOperand(0).getType()).getDimSize(1) > maxSequenceTokens)
    return failure();
  if (kernel.getBody().front().getTerminator()->getOperands() != ValueRange(root->getResults()))
    return failure();
  for (Value operand : root->getOperands())
    if (!isa<BlockArgument>(operand))
      return failure();
  FlatFrame frame(kernel, b);
  LoweredKernel lowered;
  lowered.function = frame.function;
  if (llvm::all_of(root->getResults(), isEmpty))
    return lowered;
  SequentialBuffers buffers;
  for (Value operand : root->getOperands())
    buffers.inputs.push_back(frame.flat(cast<BlockArgument>(operand)));
  for (unsigned i = 0; i < root->getNumResults(); ++i)
    buffers.outputs.push_back(frame.flatOutput(i));
  lowered.tiles = llvm::TypeSwitch<Operation *, int64_t>(root)
                      .Case([&](nn::CumSumOp op) { return emitCumSum(frame, op, buffers); })
                      .Case([&](nn::TopKOp op) { return emitTopK(frame, op, buffers); })
                      .Case([&](nn::ScatterElementsOp op) { return emitScatterElements(frame, op, buffers); })
                      .Case([&](nn::ScatterNdOp op) { return emitScatterNd(frame, op, buffers); })
                      .Case([&](nn::NonMaxSuppressionOp op) { return emitNonMaxSuppression(frame, op, buffers); })
                      .Case([&](nn::MatchTokensOp op) { return emitMatchTokens(frame, op, buffers, target); })
                      .Case([&](nn::DropTokensOp op) { return emitDropTokens(frame, op, buffers, target); })
                      .Case([&](nn::MergeTokensOp op) { return emitMergeTokens(frame, op, buffers, target); })
                      .Case([&](nn::UnmergeTokensOp op) { return emitUnmergeTokens(frame, op, buffers, target); });
  return lowered;
}

} // namespace fettle::codegen
