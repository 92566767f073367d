//===- Epilogue.cpp - what follows a contraction, in registers ------------===//

#include "codegen/cpu/Epilogue.h"
#include "codegen/common/Pointwise.h"

using namespace mlir;

namespace fettle::codegen {

Value flatten(ImplicitLocOpBuilder &b, Value buffer) {
  auto type = cast<MemRefType>(buffer.getType());
  if (type.getRank() == 1)
    return buffer;
  auto flat = MemRefType::get({type.getNumElements()}, type.getElementType());
  return memref::ReinterpretCastOp::create(b, flat, buffer, /*offset=*/int64_t(0), ArrayRef<int64_t>{type.getNumElements()},
                                           ArrayRef<int64_t>{1});
}

Value emitSplat(ImplicitLocOpBuilder &b, nn::ConstantOp constant) {
  HostTensor tensor = HostTensor::fromAttribute(constant.getValue());
  Type type = computeType(tensor.elementType());
  if (isa<FloatType>(type))
    return arith::ConstantOp::create(b, b.getFloatAttr(type, tensor.doubleAt(0)));
  return arith::ConstantOp::create(b, b.getIntegerAttr(type, tensor.integerAt(0)));
}

FailureOr<Epilogue> Epilogue::match(nn::KernelOp kernel, Operation *root) {
  Epilogue epilogue;
  epilogue.kernel = kernel;
  epilogue.root = root;
  epilogue.shape = cast<RankedTensorType>(root->getResult(0).getType()).getShape();
  for (Operation &op : kernel.getBody().front()) {
    if (&op == root || isa<nn::ConstantOp, nn::YieldOp>(op))
      continue;
    if (!isPointwise(&op) || cast<RankedTensorType>(op.getResult(0).getType()).getShape() != epilogue.shape)
      return failure();
  }
  for (Type type : kernel.getOutputs().getTypes())
    if (cast<RankedTensorType>(type).getShape() != epilogue.shape)
      return failure();
  return epilogue;
}

void Epilogue::prepare(KernelFrame &frame) {
  for (BlockArgument argument : kernel.getBody().getArguments())
    flatInputs[argument] = flatten(frame.b, frame.buffer(argument));
  for (unsigned i = 0; i < kernel.getOutputs().size(); ++i)
    flatOutputs.push_back(flatten(frame.b, frame.output(i)));
}

Value emitBroadcastIndex(ImplicitLocOpBuilder &b, ArrayRef<int64_t> dims, ArrayRef<int64_t> shape, Value position) {
  auto constant = [&](int64_t v) { return arith::ConstantIndexOp::create(b, v).getResult(); };
  if (llvm::all_of(dims, [](int64_t d) { return d == 1; }))
    return constant(0);
  if (dims == shape)
    return position;
  // Mixed broadcasting: take the position apart into coordinates.
  Value index = constant(0), rest = position;
  int64_t stride = 1;
  for (int64_t i = shape.size() - 1, j = int64_t(dims.size()) - 1; i >= 0 && j >= 0; --i, --j) {
    Value extent = constant(shape[i]);
    Value coordinate = arith::RemUIOp::create(b, rest, extent);
    rest = arith::DivUIOp::create(b, rest, extent);
    if (dims[j] != 1)
      index = arith::AddIOp::create(b, index, arith::MulIOp::create(b, coordinate, constant(stride)));
    stride *= dims[j];
  }
  return index;
}

Value Epilogue::load(KernelFrame &frame, BlockArgument argument, Value row, Value column, Value mask, int64_t lanes) const {
  ImplicitLocOpBuilder &b = frame.b;
  auto type = cast<RankedTensorType>(argument.getType());
  ArrayRef<int64_t> dims = type.getShape();
  Value matrixRow = dims.empty() ? row : emitBroadcastIndex(b, dims.drop_back(), shape.drop_back(), row);
  Value offset = dims.empty() ? arith::ConstantIndexOp::create(b, 0).getResult()
                              : arith::MulIOp::create(b, matrixRow, arith::ConstantIndexOp::create(b, dims.back())).getResult();
  Value buffer = flatInputs.lookup(argument);
  bool isRowWide = !dims.empty() && dims.back() == shape.back() && shape.back() != 1;
  if (!isRowWide) {
    Value scalar = emitLoad(b, type.getElementType(), buffer, offset);
    return vector::BroadcastOp::create(b, VectorType::get({lanes}, scalar.getType()), scalar);
  }
  offset = arith::AddIOp::create(b, offset, column);
  if (mask)
    return emitMaskedLoad(b, type.getElementType(), buffer, offset, mask);
  return emitLoad(b, type.getElementType(), buffer, offset, lanes);
}

void Epilogue::emit(KernelFrame &frame, Value value, Value row, Value column, Value mask) const {
  ImplicitLocOpBuilder &b = frame.b;
  int64_t lanes = cast<VectorType>(value.getType()).getNumElements();
  Block &body = nn::KernelOp(kernel).getBody().front();
  DenseMap<Value, Value> values;
  values[root->getResult(0)] = value;
  auto valueOf = [&](Value operand) -> Value {
    auto [it, isNew] = values.try_emplace(operand);
    if (!isNew)
      return it->second;
    Value result;
    if (auto argument = dyn_cast<BlockArgument>(operand)) {
      result = load(frame, argument, row, column, mask, lanes);
    } else {
      Value scalar = emitSplat(b, operand.getDefiningOp<nn::ConstantOp>());
      result = vector::BroadcastOp::create(b, VectorType::get({lanes}, scalar.getType()), scalar);
    }
    return values[operand] = result;
  };
  for (Operation &op : body) {
    if (&op == root || isa<nn::ConstantOp, nn::YieldOp>(op))
      continue;
    SmallVector<Value> operands = llvm::map_to_vector(op.getOperands(), valueOf);
    values[op.getResult(0)] = emitPointwise(b, &op, operands);
  }
  Value offset = arith::AddIOp::create(b, arith::MulIOp::create(b, row, arith::ConstantIndexOp::create(b, shape.back())), column);
  for (auto [i, result] : llvm::enumerate(body.getTerminator()->getOperands())) {
    Type element = cast<RankedTensorType>(result.getType()).getElementType();
    if (mask)
      emitMaskedStore(b, element, valueOf(result), flatOutputs[i], offset, mask);
    else
      emitStore(b, element, valueOf(result), flatOutputs[i], offset);
  }
}

} // namespace fettle::codegen
