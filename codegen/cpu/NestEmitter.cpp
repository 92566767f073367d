//===- NestEmitter.cpp - the body of a kernel's loops ---------------------===//

#include "codegen/cpu/NestEmitter.h"
#include "codegen/common/ElementEmitter.h"
#include "codegen/common/Pointwise.h"
#include "codegen/cpu/ConvolutionBuilder.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include <cstring>

using namespace mlir;

namespace fettle::codegen {

StorageOrders chooseStorageOrders(nn::KernelOp kernel) {
  StorageOrders orders;
  auto store = [&](Value weight, ArrayRef<int64_t> lastAxes) {
    auto argument = dyn_cast<BlockArgument>(weight);
    if (!argument || !argument.hasOneUse() || !isConstantOperand(kernel, argument))
      return;
    SmallVector<int64_t> axes;
    for (int64_t axis = 0, rank = shapeOf(weight).size(); axis < rank; ++axis)
      if (!llvm::is_contained(lastAxes, axis))
        axes.push_back(axis);
    llvm::append_range(axes, lastAxes);
    orders.push_back({argument, axes});
  };
  kernel.getBody().walk([&](Operation *op) {
    if (auto conv = dyn_cast<nn::ConvOp>(op); conv && conv.getChannelsLast())
      store(conv.getWeight(), {1, 0});
    if (auto conv = dyn_cast<nn::ConvTransposeOp>(op); conv && conv.getChannelsLast())
      store(conv.getWeight(), {0, 1});
    if (auto product = dyn_cast<nn::MatMulOp>(op); product && product.getTransposeRhs()) {
      int64_t rank = shapeOf(product.getRhs()).size();
      store(product.getRhs(), {rank - 1, rank - 2});
    }
  });
  return orders;
}

OperandPacking packInOrder(BlockArgument weight, ArrayRef<int64_t> axes) {
  SmallVector<int64_t> shape, order(axes);
  for (int64_t axis : axes)
    shape.push_back(shapeOf(weight)[axis]);
  OperandPacking packing;
  packing.operand = weight.getArgNumber();
  packing.packedType = MemRefType::get(shape, storageType(elementOf(weight)));
  packing.layout = "axes";
  for (int64_t axis : axes)
    packing.layout += " " + std::to_string(axis);
  packing.pack = [order](const HostTensor &tensor) {
    SmallVector<int64_t> strides = computeStrides(tensor.shape());
    int64_t size = elementBytes(tensor.elementType());
    std::vector<char> packed(tensor.bytes().size());
    SmallVector<int64_t> at(order.size());
    for (int64_t i = 0; i < tensor.numElements(); ++i) {
      int64_t from = 0;
      for (auto [index, axis] : llvm::zip_equal(at, order))
        from += index * strides[axis];
      std::memcpy(packed.data() + i * size, tensor.bytes().data() + from * size, size);
      for (unsigned k = order.size(); k-- > 0 && ++at[k] == tensor.shape()[order[k]];)
        at[k] = 0;
    }
    return packed;
  };
  return packing;
}

static Value flatten(ImplicitLocOpBuilder &b, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  if (type.getRank() == 1)
    return buffer;
  auto flat = MemRefType::get({type.getNumElements()}, type.getElementType());
  return memref::ReinterpretCastOp::create(b, flat, buffer, /*offset=*/0, ArrayRef<int64_t>{type.getNumElements()},
                                           ArrayRef<int64_t>{1});
}

NestEmitter::NestEmitter(nn::KernelOp kernel, KernelFrame &frame, const StorageOrders &orders)
    : b(frame.b), kernel(kernel), orders(orders) {
  for (BlockArgument argument : kernel.getBody().getArguments())
    if (!argument.use_empty())
      flatInputs[argument] = flatten(b, frame.buffer(argument));
  for (unsigned i = 0; i < kernel->getNumResults(); ++i)
    flatOutputs.push_back(flatten(b, frame.output(i)));
}

void NestEmitter::setVariables(const LoopPiece &piece, ArrayRef<Value> variables, Mode mode, IndexSpace &space) {
  SmallVector<LoopPiece::Loop> loops = piece.loops();
  for (auto [loop, variable] : llvm::zip(loops, variables))
    space.setLoopVariable(loop.symbol, variable);
  space.vectorSymbol = std::nullopt;
  if (mode.lanes)
    space.vectorSymbol = loops[mode.vectorLoop].symbol;
}

SmallVector<Value> NestEmitter::emitValues(const LoopPiece &piece, ArrayRef<unsigned> results, ArrayRef<Value> variables, Mode mode,
                                           IndexSpace &space) {
  space.setIteration(piece.extents, piece.isJoined);
  setVariables(piece, variables, mode, space);
  space.needsScalars = false;
  auto leaf = [&](Value tensor, Value position, int64_t vectorLength) {
    return emitLoad(b, elementOf(tensor), flatInputs.lookup(tensor), position, vectorLength);
  };
  ElementEmitter emitter(b, space, leaf);
  emitter.lanes = mode.lanes;
  for (const auto &[tensor, axes] : orders)
    emitter.setStorageOrder(tensor, axes);
  auto yield = cast<nn::YieldOp>(kernel.getBody().front().getTerminator());
  SmallVector<Value> values;
  for (unsigned result : results)
    values.push_back(emitter.element(yield.getValues()[result], piece.index));
  return values;
}

void NestEmitter::emitStores(const LoopPiece &piece, ArrayRef<unsigned> results, ArrayRef<Value> variables, Mode mode, ValueRange values,
                             IndexSpace &space) {
  setVariables(piece, variables, mode, space);
  IndexExpr position = space.linearize(piece.index, shapeOf(kernel->getResult(results.front())));
  if (mode.lanes && space.strideAlongVector(position) != 1)
    space.needsScalars = true;
  Value start = space.materialize(position, /*ofFirstLane=*/true);
  for (auto [result, value] : llvm::zip_equal(results, values))
    emitStore(b, elementOf(kernel->getResult(result)), value, flatOutputs[result], start);
}

} // namespace fettle::codegen
