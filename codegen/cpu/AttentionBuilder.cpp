//===- AttentionBuilder.cpp - fused attention -----------------------------===//
//
// softmax(scale Q K^T + mask) V for one head and a chunk of query rows at a time,
// so that scores exist for one block of rows only:
//
//   for each block of keys:                  (one block if they fit the scratch)
//     copy K transposed [d][keys] and V [keys][e] to the stack
//     for each block of query rows:
//       scores [rows][keys] = (scale Q) K^T  register tiles, lanes along the keys
//       p = exp(scores - row maximum)        and its row sums
//       O = O * alpha + p V                  register tiles, lanes along e
//   result = O / row sum
//
// Copies make both products the same dense register tile, whatever the strides
// of Q, K and V (usually slices of one packed projection, see StridedView.h), and cost
// one shuffle per element against one multiply-add per element and query row.
// With several blocks of keys the maximum grows as blocks come; what was summed
// so far is scaled by alpha = exp(old maximum - new maximum) (online softmax,
// Milakov and Gimelshein, arXiv:1805.02867). Rows beyond the last are copies of it, written to its place.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/FusedExpression.h"
#include "codegen/common/VectorMath.h"
#include "codegen/cpu/AttentionShape.h"
#include "codegen/cpu/KernelBuilders.h"
#include "codegen/cpu/LoopEmitter.h"
#include "codegen/cpu/TiledProduct.h"
#include "codegen/cpu/TransposeLanes.h"

using namespace mlir;

namespace fettle::codegen {

namespace {

class AttentionEmitter {
public:
  AttentionEmitter(nn::KernelOp kernel, const CpuTarget &target) : kernel(kernel), target(target) {}
  LogicalResult analyze();
  LoweredKernel emit(OpBuilder &moduleBuilder);

private:
  void emitTile(Value tile);
  /// Everything for keys [firstKey, firstKey + keys).
  void emitKeyBlock(Value firstKey, int64_t keys);
  void packKeys(Value firstKey, int64_t keys);
  void packValues(Value firstKey, int64_t keys);
  void packQueries(Value firstRow);
  void emitSoftmax(Value firstRow, Value firstKey, int64_t keys);
  void emitWeightedValues(Value firstRow, int64_t keys);
  void emitResult(const ElementPosition &position, Value value);

  /// out[rows][columns] = lhs[rows][steps] * rhs[steps][columns], in register tiles, for `vectors` vectors of
  /// columns from `firstColumn` on.
  void emitProduct(Value lhs, int64_t lhsRowStride, Value rhs, int64_t rhsStepStride, int64_t firstColumn, int64_t vectors, int64_t steps,
                   llvm::function_ref<Value(Value row, Value column)> start, llvm::function_ref<void(Value row, Value column, Value sum)> finish);

  Value read(const FusedExpression &expression, ArrayRef<Value> coordinates, int64_t active) {
    ElementPosition position{SmallVector<Value>(coordinates), 3, lanes(), active};
    return expression.emit(b(), position, [&](BlockArgument argument) { return frame->flat(argument); });
  }
  ImplicitLocOpBuilder &b() { return frame->b; }
  int64_t lanes() const { return shape.lanes; }
  VectorType vectorType() { return VectorType::get(lanes(), b().getF32Type()); }
  Value splat(float value) { return arith::ConstantOp::create(b(), DenseElementsAttr::get(vectorType(), value)); }
  Value broadcast(Value scalar) { return vector::BroadcastOp::create(b(), vectorType(), scalar); }
  Value load(Value buffer, Value index) { return vector::LoadOp::create(b(), vectorType(), buffer, index); }
  void store(Value value, Value buffer, Value index) { vector::StoreOp::create(b(), value, buffer, index); }
  Value loadScalar(Value buffer, Value index) { return memref::LoadOp::create(b(), buffer, index); }
  void storeScalar(Value value, Value buffer, Value index) { memref::StoreOp::create(b(), value, buffer, index); }
  Value maximum(Value x, Value y) { return arith::SelectOp::create(b(), arith::CmpFOp::create(b(), arith::CmpFPredicate::OGT, x, y), x, y); }
  /// The query row that row `row` of the chunk stands for.
  Value queryRow(Value row) { return minIndex(b(), addIndex(b(), chunkStart, row), indexConstant(b(), shape.queries - 1)); }

  nn::KernelOp kernel;
  const CpuTarget &target;
  nn::AttentionOp op;
  AttentionShape shape;
  FusedExpression query, key, value;
  std::optional<FusedExpression> mask;
  SmallVector<FusedExpression> outputs;
  std::optional<FlatFrame> frame;
  // Scratch: see the essay; `alpha` holds one factor per row of a block, the last three a row per row of the chunk.
  Value queries, keysTransposed, values, scores, alpha, runningMax, runningSum, accumulated;
  Value batch, head, keyHead, chunkStart;
};

} // namespace

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

LogicalResult AttentionEmitter::analyze() {
  op = dyn_cast_or_null<nn::AttentionOp>(findRoot(kernel.getBody().front()));
  if (!op)
    return failure();
  shape = AttentionShape::choose(shapeOf(op.getQuery()), shapeOf(op.getValue()), target);
  for (auto [operand, expression] : {std::pair(op.getQuery(), &query), std::pair(op.getKey(), &key), std::pair(op.getValue(), &value)}) {
    FailureOr<FusedExpression> read = FusedExpression::get(operand);
    if (failed(read) || llvm::is_contained(shapeOf(operand), 0) || !computeType(read->elementType()).isF32())
      return failure();
    *expression = std::move(*read);
  }
  if (op.getMask()) {
    FailureOr<FusedExpression> read = FusedExpression::get(op.getMask());
    int64_t scoresShape[] = {shape.batches, shape.heads, shape.queries, shape.keys};
    if (failed(read) || !computeType(read->elementType()).isF32() ||
        failed(read->rewrite([&](const StridedView &view) { return std::optional(view.broadcastTo(scoresShape)); })))
      return failure();
    mask = std::move(*read);
  }
  auto yield = cast<nn::YieldOp>(kernel.getBody().front().getTerminator());
  for (Value result : yield.getValues()) {
    FailureOr<FusedExpression> expression = FusedExpression::getAtRoot(result, op.getOutput());
    if (failed(expression))
      return failure();
    outputs.push_back(std::move(*expression));
  }
  return success();
}

LoweredKernel AttentionEmitter::emit(OpBuilder &moduleBuilder) {
  frame.emplace(kernel, moduleBuilder);
  Type f32 = b().getF32Type();
  queries = frame->scratch(f32, shape.rowBlock * shape.depth);
  keysTransposed = frame->scratch(f32, shape.depth * shape.keyBlock);
  values = frame->scratch(f32, shape.keyBlock * shape.paddedWidth());
  scores = frame->scratch(f32, shape.rowBlock * shape.keyBlock);
  alpha = frame->scratch(f32, shape.rowBlock);
  if (shape.keyBlocks() > 1) {
    runningMax = frame->scratch(f32, shape.chunkRows);
    runningSum = frame->scratch(f32, shape.chunkRows);
    accumulated = frame->scratch(f32, shape.chunkRows * shape.paddedWidth());
  }
  emitFor(b(), frame->begin(), frame->end(), 1, [&](Value tile) { emitTile(tile); });
  return {frame->function, shape.tiles(), {}};
}

void AttentionEmitter::emitTile(Value tile) {
  SmallVector<Value> coordinates = delinearize(b(), tile, {shape.batches, shape.heads, shape.chunks()});
  batch = coordinates[0];
  head = coordinates[1];
  keyHead = b().createOrFold<arith::DivUIOp>(head, indexConstant(b(), shape.heads / shape.keyHeads));
  chunkStart = mulIndex(b(), coordinates[2], shape.chunkRows);
  if (shape.keyBlocks() == 1)
    return emitKeyBlock(indexConstant(b(), 0), shape.keys);

  Value zero = arith::ConstantOp::create(b(), b().getF32FloatAttr(0));
  Value lowest = arith::ConstantOp::create(b(), b().getF32FloatAttr(-std::numeric_limits<float>::infinity()));
  emitFor(b(), 0, shape.chunkRows, 1, [&](Value row) {
    storeScalar(lowest, runningMax, row);
    storeScalar(zero, runningSum, row);
  });
  emitFor(b(), 0, shape.chunkRows * shape.paddedWidth(), lanes(), [&](Value i) { store(splat(0), accumulated, i); });
  int64_t whole = shape.keys / shape.keyBlock * shape.keyBlock;
  emitFor(b(), 0, whole, shape.keyBlock, [&](Value firstKey) { emitKeyBlock(firstKey, shape.keyBlock); });
  if (whole < shape.keys)
    emitKeyBlock(indexConstant(b(), whole), shape.keys - whole);
  emitFor(b(), 0, shape.chunkRows, 1, [&](Value row) {
    Value sum = loadScalar(runningSum, row);
    Value any = arith::CmpFOp::create(b(), arith::CmpFPredicate::UNE, sum, zero);
    Value one = arith::ConstantOp::create(b(), b().getF32FloatAttr(1));
    Value inverse = broadcast(arith::SelectOp::create(b(), any, arith::DivFOp::create(b(), one, sum), zero));
    for (int64_t column = 0; column < shape.width; column += lanes()) {
      Value sums = load(accumulated, addIndex(b(), mulIndex(b(), row, shape.paddedWidth()), column));
      emitResult({{batch, head, queryRow(row), indexConstant(b(), column)}, 3, lanes(), std::min(lanes(), shape.width - column)},
                 arith::MulFOp::create(b(), sums, inverse));
    }
  });
}

void AttentionEmitter::emitResult(const ElementPosition &position, Value result) {
  for (auto [i, expression] : llvm::enumerate(outputs)) {
    Value stored = expression.emit(b(), position, [&](BlockArgument argument) { return frame->flat(argument); }, result);
    expression.emitStore(b(), position, stored, frame->flatOutput(i));
  }
}

void AttentionEmitter::emitKeyBlock(Value firstKey, int64_t keys) {
  packKeys(firstKey, keys);
  packValues(firstKey, keys);
  emitFor(b(), 0, shape.chunkRows, shape.rowBlock, [&](Value firstRow) {
    packQueries(firstRow);
    int64_t vectors = llvm::divideCeil(keys, lanes());
    emitProduct(queries, shape.depth, keysTransposed, shape.keyBlock, 0, vectors, shape.depth, [&](Value, Value) { return splat(0); },
                [&](Value row, Value column, Value sum) { store(sum, scores, addIndex(b(), mulIndex(b(), row, shape.keyBlock), column)); });
    emitSoftmax(firstRow, firstKey, keys);
    emitWeightedValues(firstRow, keys);
  });
}

// Squares of lanes x lanes: rows are keys, read along d.
void AttentionEmitter::packKeys(Value firstKey, int64_t keys) {
  auto square = [&](Value firstInBlock, int64_t rows) {
    for (int64_t depth = 0; depth < shape.depth; depth += lanes()) {
      int64_t active = std::min(lanes(), shape.depth - depth);
      SmallVector<Value> block;
      for (int64_t i = 0; i < lanes(); ++i) {
        Value row = addIndex(b(), addIndex(b(), firstKey, firstInBlock), i);
        block.push_back(i < rows ? read(key, {batch, keyHead, row, indexConstant(b(), depth)}, active) : splat(0));
      }
      block = emitTransposeLanes(b(), block);
      for (int64_t i = 0; i < active; ++i)
        store(block[i], keysTransposed, addIndex(b(), firstInBlock, (depth + i) * shape.keyBlock));
    }
  };
  int64_t whole = keys / lanes() * lanes();
  emitFor(b(), 0, whole, lanes(), [&](Value firstInBlock) { square(firstInBlock, lanes()); });
  if (whole < keys)
    square(indexConstant(b(), whole), keys - whole);
}

void AttentionEmitter::packValues(Value firstKey, int64_t keys) {
  emitFor(b(), 0, keys, 1, [&](Value row) {
    for (int64_t column = 0; column < shape.width; column += lanes()) {
      Value vector = read(value, {batch, keyHead, addIndex(b(), firstKey, row), indexConstant(b(), column)}, std::min(lanes(), shape.width - column));
      store(vector, values, addIndex(b(), mulIndex(b(), row, shape.paddedWidth()), column));
    }
  });
}

void AttentionEmitter::packQueries(Value firstRow) {
  Value scale = splat(op.getScale().convertToDouble());
  emitFor(b(), 0, shape.rowBlock, 1, [&](Value row) {
    Value from = queryRow(addIndex(b(), firstRow, row));
    for (int64_t depth = 0; depth < shape.depth; depth += lanes()) {
      int64_t active = std::min(lanes(), shape.depth - depth);
      Value vector = arith::MulFOp::create(b(), read(query, {batch, head, from, indexConstant(b(), depth)}, active), scale);
      Value to = addIndex(b(), mulIndex(b(), row, shape.depth), depth);
      if (active == lanes()) {
        store(vector, queries, to);
        continue;
      }
      Value exists = vector::ConstantMaskOp::create(b(), VectorType::get(lanes(), b().getI1Type()), ArrayRef<int64_t>{active});
      vector::MaskedStoreOp::create(b(), queries, to, exists, vector);
    }
  });
}

void AttentionEmitter::emitProduct(Value lhs, int64_t lhsRowStride, Value rhs, int64_t rhsStepStride, int64_t firstColumn, int64_t vectors, int64_t steps,
                                   llvm::function_ref<Value(Value, Value)> start, llvm::function_ref<void(Value, Value, Value)> finish) {
  TiledProduct product{lhs, indexConstant(b(), 0), lhsRowStride, 1, rhs, 1, rhsStepStride, shape.rowBlock, firstColumn, vectors, steps, lanes(),
                       chooseTile(target, shape.rowBlock, vectors)};
  product.emit(b(), target, start, finish);
}

// Two passes over each row of scores: their final values and maximum, then the
// exponentials and their sum. `alpha` becomes 1 / sum, or with several blocks of
// keys the factor for what was accumulated before.
void AttentionEmitter::emitSoftmax(Value firstRow, Value firstKey, int64_t keys) {
  float infinity = std::numeric_limits<float>::infinity();
  double cap = op.getSoftcap().convertToDouble();
  auto sweep = [&](Value initial, llvm::function_ref<Value(Value column, int64_t active, Value carried)> step) {
    constexpr int64_t parts = 4; // accumulators
    int64_t turn = parts * lanes(), whole = keys / turn * turn;
    CarriedValues carried = emitFor(b(), 0, whole, turn, CarriedValues(parts, initial), [&](Value column, ValueRange values) {
      CarriedValues next;
      for (int64_t i = 0; i < parts; ++i)
        next.push_back(step(addIndex(b(), column, i * lanes()), lanes(), values[i]));
      return next;
    });
    for (int64_t i = 0; whole + i * lanes() < keys; ++i)
      carried[i] = step(indexConstant(b(), whole + i * lanes()), std::min(lanes(), keys - whole - i * lanes()), carried[i]);
    return carried;
  };
  emitFor(b(), 0, shape.rowBlock, 1, [&](Value row) {
    Value rowBase = mulIndex(b(), row, shape.keyBlock), chunkRow = addIndex(b(), firstRow, row), from = queryRow(chunkRow);
    CarriedValues best = sweep(splat(-infinity), [&](Value column, int64_t active, Value carried) {
      Value at = addIndex(b(), rowBase, column), firstHere = addIndex(b(), firstKey, column), raw = load(scores, at), score = raw;
      if (cap > 0)
        score = arith::MulFOp::create(b(), emitTanh(b(), arith::DivFOp::create(b(), score, splat(cap))), splat(cap));
      if (mask)
        score = arith::AddFOp::create(b(), score, read(*mask, {batch, head, from, firstHere}, active));
      if (op.getCausal()) { // key <= row + keys - queries
        auto indices = VectorType::get(lanes(), b().getIndexType());
        Value here = arith::AddIOp::create(b(), vector::StepOp::create(b(), indices), vector::BroadcastOp::create(b(), indices, firstHere));
        Value last = vector::BroadcastOp::create(b(), indices, addIndex(b(), from, shape.keys - shape.queries));
        score = arith::SelectOp::create(b(), arith::CmpIOp::create(b(), arith::CmpIPredicate::sle, here, last), score, splat(-infinity));
      }
      if (active < lanes()) {
        Value exists = vector::ConstantMaskOp::create(b(), VectorType::get(lanes(), b().getI1Type()), ArrayRef<int64_t>{active});
        score = arith::SelectOp::create(b(), exists, score, splat(-infinity));
      }
      if (score != raw)
        store(score, scores, at);
      return maximum(score, carried);
    });
    Value top = vector::ReductionOp::create(b(), vector::CombiningKind::MAXNUMF, maximum(maximum(best[0], best[1]), maximum(best[2], best[3])));
    Value zero = arith::ConstantOp::create(b(), b().getF32FloatAttr(0)), one = arith::ConstantOp::create(b(), b().getF32FloatAttr(1));
    Value before;
    if (runningMax) {
      before = loadScalar(runningMax, chunkRow);
      top = maximum(top, before);
      storeScalar(top, runningMax, chunkRow);
    }
    // A row that sees nothing has maximum -inf and must give zeros, not NaN.
    Value lowest = arith::ConstantOp::create(b(), b().getF32FloatAttr(-infinity));
    Value shift = arith::SelectOp::create(b(), arith::CmpFOp::create(b(), arith::CmpFPredicate::OEQ, top, lowest), zero, top);
    Value shifts = broadcast(shift);
    CarriedValues sums = sweep(splat(0), [&](Value column, int64_t active, Value carried) {
      Value at = addIndex(b(), rowBase, column);
      Value p = emitExp(b(), arith::SubFOp::create(b(), load(scores, at), shifts));
      store(p, scores, at);
      return arith::AddFOp::create(b(), carried, p);
    });
    auto add = [&](Value x, Value y) -> Value { return arith::AddFOp::create(b(), x, y); };
    Value sum = vector::ReductionOp::create(b(), vector::CombiningKind::ADD, add(add(sums[0], sums[1]), add(sums[2], sums[3])), arith::FastMathFlags::reassoc);
    Value factor;
    if (runningMax) {
      factor = emitExp(b(), arith::SubFOp::create(b(), before, shift));
      storeScalar(emitMultiplyAdd(b(), target.hasFma, loadScalar(runningSum, chunkRow), factor, sum), runningSum, chunkRow);
    } else {
      Value any = arith::CmpFOp::create(b(), arith::CmpFPredicate::UNE, sum, zero);
      factor = arith::SelectOp::create(b(), any, arith::DivFOp::create(b(), one, sum), zero);
    }
    storeScalar(factor, alpha, row);
  });
}

void AttentionEmitter::emitWeightedValues(Value firstRow, int64_t keys) {
  auto place = [&](Value row, Value column) { return addIndex(b(), mulIndex(b(), addIndex(b(), firstRow, row), shape.paddedWidth()), column); };
  auto product = [&](int64_t firstColumn, int64_t vectors, int64_t active) {
    emitProduct(scores, shape.keyBlock, values, shape.paddedWidth(), firstColumn, vectors, keys,
                [&](Value row, Value column) -> Value {
                  if (!accumulated)
                    return splat(0);
                  return arith::MulFOp::create(b(), load(accumulated, place(row, column)), broadcast(loadScalar(alpha, row)));
                },
                [&](Value row, Value column, Value sum) {
                  if (accumulated)
                    return store(sum, accumulated, place(row, column));
                  emitResult({{batch, head, queryRow(addIndex(b(), firstRow, row)), column}, 3, lanes(), active},
                             arith::MulFOp::create(b(), sum, broadcast(loadScalar(alpha, row))));
                });
  };
  // A vector that is not full is computed on its own.
  int64_t whole = shape.width / lanes(), tail = shape.width % lanes();
  if (whole > 0)
    product(0, whole, lanes());
  if (tail > 0)
    product(whole * lanes(), 1, tail);
}

FailureOr<LoweredKernel> buildAttention(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  AttentionEmitter emitter(kernel, target);
  if (failed(emitter.analyze()))
    return failure();
  return emitter.emit(b);
}

} // namespace fettle::codegen
