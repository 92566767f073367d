//===- Epilogue.cpp - what follows a contraction, in registers ------------===//

#include "codegen/cpu/Epilogue.h"
#include "codegen/common/Pointwise.h"
#include "codegen/cpu/BytePack.h"
#include "codegen/cpu/LoopEmitter.h"

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

int64_t elementsOfLine(Type element) { return std::max<int64_t>(1, 64 / elementBytes(element)); }

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

void Epilogue::prepare(KernelFrame &frame, const CpuTarget &target) {
  canPack = hasBytePack(target);
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
  return emitLoadOfLanes(b, type.getElementType(), buffer, offset, lanes, mask);
}

Value Epilogue::load(KernelFrame &frame, BlockArgument argument, const Vector &vector) const {
  int64_t lanes = cast<VectorType>(vector.value.getType()).getNumElements();
  if (vector.runs.empty())
    return load(frame, argument, vector.row, vector.column, vector.mask, lanes);
  if (cast<RankedTensorType>(argument.getType()).getNumElements() == 1)
    return load(frame, argument, vector.runs[0].row, vector.runs[0].column, Value(), lanes);
  SmallVector<Value> runs;
  for (const Run &run : vector.runs)
    runs.push_back(load(frame, argument, run.row, run.column, Value(), runLanes));
  return joinRuns(frame.b, runs);
}

std::optional<Epilogue::PackedResult> Epilogue::packedResult(Value yielded) const {
  auto quantize = yielded.getDefiningOp<nn::QuantizeOp>();
  if (!canPack || !quantize || !yielded.hasOneUse() || !isa<nn::YieldOp>(*yielded.user_begin()) || !quantize.getInput().getType().getElementType().isF32() ||
      !quantize.getOutput().getType().getElementType().isUnsignedInteger(8))
    return std::nullopt;
  if (!quantize.getZeroPoint())
    return PackedResult{quantize, 0};
  auto constant = quantize.getZeroPoint().getDefiningOp<nn::ConstantOp>();
  if (!constant)
    return std::nullopt;
  return PackedResult{quantize, HostTensor::fromAttribute(constant.getValue()).integerAt(0)};
}

DenseMap<Value, Value> Epilogue::evaluate(KernelFrame &frame, const Vector &vector, bool packs) const {
  ImplicitLocOpBuilder &b = frame.b;
  int64_t lanes = cast<VectorType>(vector.value.getType()).getNumElements();
  Block &body = nn::KernelOp(kernel).getBody().front();
  DenseMap<Value, Value> values;
  values[root->getResult(0)] = vector.value;
  auto valueOf = [&](Value operand) -> Value {
    auto [it, isNew] = values.try_emplace(operand);
    if (!isNew)
      return it->second;
    Value result;
    if (auto argument = dyn_cast<BlockArgument>(operand)) {
      result = load(frame, argument, vector);
    } else {
      Value scalar = emitSplat(b, operand.getDefiningOp<nn::ConstantOp>());
      result = vector::BroadcastOp::create(b, VectorType::get({lanes}, scalar.getType()), scalar);
    }
    return values[operand] = result;
  };
  for (Operation &op : body) {
    if (&op == root || isa<nn::ConstantOp, nn::YieldOp>(op))
      continue;
    if (packs && packedResult(op.getResult(0))) {
      values[op.getResult(0)] = arith::DivFOp::create(b, valueOf(op.getOperand(0)), valueOf(op.getOperand(1)));
      continue;
    }
    SmallVector<Value> operands = llvm::map_to_vector(op.getOperands(), valueOf);
    values[op.getResult(0)] = emitPointwise(b, &op, operands);
  }
  for (Value result : body.getTerminator()->getOperands())
    valueOf(result);
  return values;
}

Value Epilogue::offsetOf(ImplicitLocOpBuilder &b, Value row, Value column) const {
  Value rowStart = arith::MulIOp::create(b, row, arith::ConstantIndexOp::create(b, shape.back()));
  return arith::AddIOp::create(b, rowStart, column);
}

static Value extractLanes(ImplicitLocOpBuilder &b, Value vector, int64_t first, int64_t count) {
  if (count == cast<VectorType>(vector.getType()).getNumElements())
    return vector;
  return vector::ExtractStridedSliceOp::create(b, vector, ArrayRef<int64_t>{first}, ArrayRef<int64_t>{count}, ArrayRef<int64_t>{1});
}

void Epilogue::store(KernelFrame &frame, const Vector &vector, Type element, Value value, Value output) const {
  ImplicitLocOpBuilder &b = frame.b;
  for (auto [i, run] : llvm::enumerate(vector.runs))
    emitStore(b, element, extractLanes(b, value, i * runLanes, runLanes), output, offsetOf(b, run.row, run.column));
  if (!vector.runs.empty())
    return;
  Value at = offsetOf(b, vector.row, vector.column);
  if (vector.mask)
    emitMaskedStore(b, element, value, output, at, vector.mask);
  else
    emitStore(b, element, value, output, at);
}

/// Stores each vector's part of `bytes`, those of neighbours together.
void Epilogue::storePacked(KernelFrame &frame, ArrayRef<Vector> vectors, Value bytes, Value output) const {
  ImplicitLocOpBuilder &b = frame.b;
  int64_t lanes = cast<VectorType>(bytes.getType()).getNumElements() / packedVectors;
  Type byte = b.getIntegerType(8, /*isSigned=*/false);
  struct Piece {
    Value row, column, mask;
    bool followsLast;
  };
  SmallVector<Piece> pieces;
  for (size_t i = 0, runs = vectors[0].runs.size(); i < runs; ++i)
    for (const Vector &vector : vectors)
      pieces.push_back({vector.runs[i].row, vector.runs[i].column, Value(), vector.runs[i].followsLast});
  int64_t count = pieces.empty() ? lanes : runLanes;
  if (pieces.empty())
    for (const Vector &vector : vectors)
      pieces.push_back({vector.row, vector.column, vector.mask, vector.followsLast});
  for (size_t first = 0, last; first < pieces.size(); first = last) {
    last = first + 1;
    while (last < pieces.size() && pieces[last].followsLast && !pieces[last].mask)
      ++last;
    Value part = extractLanes(b, bytes, int64_t(first) * count, int64_t(last - first) * count), at = offsetOf(b, pieces[first].row, pieces[first].column);
    if (pieces[first].mask)
      emitMaskedStore(b, byte, part, output, at, pieces[first].mask);
    else
      emitStore(b, byte, part, output, at);
  }
}

void Epilogue::emitGroup(KernelFrame &frame, ArrayRef<Vector> vectors) const {
  ImplicitLocOpBuilder &b = frame.b;
  assert((vectors[0].runs.empty() || vectors.size() == size_t(packedVectors)) && "runs continue over four vectors");
  bool packs = vectors.size() > 1;
  auto results = nn::KernelOp(kernel).getBody().front().getTerminator()->getOperands();
  SmallVector<DenseMap<Value, Value>> values;
  for (const Vector &vector : vectors) {
    values.push_back(evaluate(frame, vector, packs));
    for (auto [i, result] : llvm::enumerate(results)) {
      Type element = cast<RankedTensorType>(result.getType()).getElementType();
      Value value = values.back()[result];
      if (packs && packedResult(result))
        continue;
      store(frame, vector, element, value, flatOutputs[i]);
    }
  }
  for (auto [i, result] : llvm::enumerate(results)) {
    std::optional<PackedResult> packed = packs ? packedResult(result) : std::nullopt;
    if (!packed)
      continue;
    SmallVector<Value> quotients;
    for (DenseMap<Value, Value> &each : values)
      quotients.push_back(each[result]);
    quotients.resize(packedVectors, quotients.back());
    PackOrder order = vectors[0].runs.empty() ? PackOrder::vectors : PackOrder::runs;
    storePacked(frame, vectors, emitBytePack(b, quotients, packed->zeroPoint, order), flatOutputs[i]);
  }
}

void Epilogue::emit(KernelFrame &frame, ArrayRef<Vector> vectors) const {
  for (; !vectors.empty(); vectors = vectors.drop_front(std::min<size_t>(vectors.size(), packedVectors)))
    emitGroup(frame, vectors.take_front(packedVectors));
}

bool Epilogue::isReadThere(BlockArgument argument) const {
  auto type = cast<RankedTensorType>(argument.getType()), result = cast<RankedTensorType>(root->getResult(0).getType());
  return type.getNumElements() == result.getNumElements() && type.getShape().take_back() == shape.take_back() &&
         llvm::any_of(argument.getUsers(), [&](Operation *user) { return user != root; });
}

void Epilogue::emitPrefetch(ImplicitLocOpBuilder &b, Value row, Value column, int64_t columns) const {
  Value at = offsetOf(b, row, column);
  auto fetch = [&](Value buffer, bool isWrite) {
    int64_t line = elementsOfLine(cast<MemRefType>(buffer.getType()).getElementType());
    for (int64_t i = 0; i < columns; i += line)
      memref::PrefetchOp::create(b, buffer, addIndex(b, at, i), isWrite, /*localityHint=*/3, /*isDataCache=*/true);
  };
  for (Value output : flatOutputs)
    fetch(output, /*isWrite=*/true);
  for (BlockArgument argument : nn::KernelOp(kernel).getBody().getArguments())
    if (isReadThere(argument))
      fetch(flatInputs.lookup(argument), /*isWrite=*/false);
}

} // namespace fettle::codegen
