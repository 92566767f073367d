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

/// The offset that `row` contributes for an operand of shape `type` broadcast to
/// `shape`; rows enumerate all axes of `shape` but the last.
static Value emitRowOffset(ImplicitLocOpBuilder &b, RankedTensorType type, ArrayRef<int64_t> shape, Value row) {
  ArrayRef<int64_t> dims = type.getShape();
  int64_t lastDim = dims.empty() ? 1 : dims.back();
  ArrayRef<int64_t> leading = dims.empty() ? dims : dims.drop_back();
  ArrayRef<int64_t> leadingShape = shape.drop_back();
  auto constant = [&](int64_t v) { return arith::ConstantIndexOp::create(b, v).getResult(); };
  if (llvm::all_of(leading, [](int64_t d) { return d == 1; }))
    return constant(0);
  if (leading == leadingShape)
    return arith::MulIOp::create(b, row, constant(lastDim));
  // Mixed broadcasting: take the row apart into coordinates.
  Value offset = constant(0), rest = row;
  int64_t stride = lastDim;
  for (int64_t i = leadingShape.size() - 1, j = int64_t(leading.size()) - 1; i >= 0 && j >= 0; --i, --j) {
    Value extent = constant(leadingShape[i]);
    Value coordinate = arith::RemUIOp::create(b, rest, extent);
    rest = arith::DivUIOp::create(b, rest, extent);
    if (leading[j] != 1)
      offset = arith::AddIOp::create(b, offset, arith::MulIOp::create(b, coordinate, constant(stride)));
    stride *= leading[j];
  }
  return offset;
}

Value Epilogue::load(KernelFrame &frame, BlockArgument argument, Value row, Value column, Value mask, int64_t lanes) const {
  ImplicitLocOpBuilder &b = frame.b;
  auto type = cast<RankedTensorType>(argument.getType());
  Value offset = emitRowOffset(b, type, shape, row);
  Value buffer = flatInputs.lookup(argument);
  bool isRowWide = type.getRank() > 0 && type.getShape().back() == shape.back() && shape.back() != 1;
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
