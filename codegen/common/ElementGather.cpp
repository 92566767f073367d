//===- ElementGather.cpp - elements at indices known at run time ----------===//

#include "codegen/common/ElementFamilies.h"
#include "codegen/common/Kernel.h"
#include "codegen/common/PointwiseFamilies.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;

namespace fettle::codegen {

static Lanes emitGather(ElementEmitter &e, nn::GatherOp op, ElementEmitter::Index index) {
  int64_t axis = op.getAxis(), indexRank = shapeOf(op.getIndices()).size();
  IndexExpr picked = e.runtimeIndex(op.getIndices(), index.slice(axis, indexRank), shapeOf(op.getInput())[axis]);
  SmallVector<IndexExpr> source(index.take_front(axis));
  source.push_back(picked);
  llvm::append_range(source, index.drop_front(axis + indexRank));
  return e.element(op.getInput(), source);
}

static Lanes emitGatherElements(ElementEmitter &e, nn::GatherElementsOp op, ElementEmitter::Index index) {
  SmallVector<IndexExpr> source(index);
  source[op.getAxis()] = e.runtimeIndex(op.getIndices(), index, shapeOf(op.getInput())[op.getAxis()]);
  return e.element(op.getInput(), source);
}

/// indices [batch.., rows.., tuple]: the tuple picks along the axes after the batch ones.
static Lanes emitGatherNd(ElementEmitter &e, nn::GatherNdOp op, ElementEmitter::Index index) {
  ArrayRef<int64_t> indicesShape = shapeOf(op.getIndices()), inputShape = shapeOf(op.getInput());
  int64_t batch = op.getBatchDims(), tuple = indicesShape.back(), rows = indicesShape.size() - 1;
  SmallVector<IndexExpr> source(index.take_front(batch));
  SmallVector<IndexExpr> at(index.take_front(rows));
  at.push_back(0);
  for (int64_t i = 0; i < tuple; ++i) {
    at.back() = i;
    source.push_back(e.runtimeIndex(op.getIndices(), at, inputShape[batch + i]));
  }
  llvm::append_range(source, index.drop_front(rows));
  return e.element(op.getInput(), source);
}

/// Where the scale of element `index` is: nowhere (one for all), along an axis, or in blocks.
static SmallVector<IndexExpr> scaleIndex(ElementEmitter &e, Value input, Value scale, int64_t axis, ElementEmitter::Index index) {
  ArrayRef<int64_t> shape = shapeOf(scale), inputShape = shapeOf(input);
  if (ShapedType::getNumElements(shape) == 1)
    return SmallVector<IndexExpr>(shape.size());
  if (shape.size() == 1 && inputShape.size() > 1)
    return {index[axis]};
  SmallVector<IndexExpr> result;
  for (auto [expr, extent, blocks] : llvm::zip_equal(index, inputShape, shape))
    result.push_back(e.space.divide(expr, llvm::divideCeil(extent, blocks)).first);
  return result;
}

MaybeLanes emitGatherElement(ElementEmitter &e, Operation *op, ElementEmitter::Index index) {
  // Per-tensor forms are pointwise; these have a scale per channel or block.
  auto parameters = [&](auto quantization) {
    SmallVector<IndexExpr> at = scaleIndex(e, quantization.getInput(), quantization.getScale(), quantization.getAxis(), index);
    Lanes scale = e.element(quantization.getScale(), at);
    Value zeroPoint = quantization.getZeroPoint() ? Value(e.element(quantization.getZeroPoint(), at)) : Value();
    return std::make_pair(scale, zeroPoint);
  };
  return TypeSwitch<Operation *, MaybeLanes>(op)
      .Case([&](nn::GatherOp gather) { return emitGather(e, gather, index); })
      .Case([&](nn::GatherElementsOp gather) { return emitGatherElements(e, gather, index); })
      .Case([&](nn::GatherNdOp gather) { return emitGatherNd(e, gather, index); })
      .Case([&](nn::QuantizeOp quantize) {
        auto [scale, zeroPoint] = parameters(quantize);
        return emitQuantize(e.element(quantize.getInput(), index), scale, zeroPoint, elementOf(quantize.getOutput()));
      })
      .Case([&](nn::DequantizeOp dequantize) {
        auto [scale, zeroPoint] = parameters(dequantize);
        return emitDequantize(e.element(dequantize.getInput(), index), scale, zeroPoint, elementOf(dequantize.getInput()),
                              elementOf(dequantize.getOutput()));
      })
      .Default([](Operation *) { return std::nullopt; });
}

} // namespace fettle::codegen
