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
// One to three query rows (a decoder's step) read K and V where they lie. Scores are kept in units of ln 2, so that a
// power of two gives the exponential. Copies make both products the same dense register tile, whatever the strides of
// Q, K and V (usually slices of one packed projection, see StridedView.h), and cost one shuffle per element against one
// multiply-add per element and query row. With several blocks of keys the maximum grows as blocks come; what was summed
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

static constexpr double log2OfE = 1.4426950408889634;

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
  void emitScores(int64_t keys);
  void emitSoftmax(Value firstRow, Value firstKey, int64_t keys);
  void emitWeightedValues(Value firstRow, int64_t keys);
  /// The same products without copies, for the few rows of a direct shape.
  void emitScoresDirectly(Value firstKey, int64_t keys);
  void emitWeightedValuesDirectly(Value firstKey, int64_t keys);
  void emitResult(const ElementPosition &position, Value value);

  void emitRowMaximum(Value row, Value firstRow, Value firstKey, int64_t keys);
  void emitRowExponentials(Value row, int64_t keys);
  /// A score as the softmax sees it: cap, mask, and -inf for what is not seen. Lanes beyond `active` are left alone.
  Value finishScore(Value raw, Value queryRow, Value key, int64_t active);
  /// `vector` with `other` beyond its first `active` lanes.
  Value fillLanes(Value vector, int64_t active, float other) {
    return active == lanes() ? vector : Value(arith::SelectOp::create(b(), laneMask(active), vector, splat(other)));
  }
  /// Folds a row of `keys` scores into one vector, by several accumulators. Of that at `column`, `active` lanes exist.
  Value foldRow(int64_t keys, llvm::function_ref<Value(Value column, int64_t active)> valueOf,
                llvm::function_ref<Value(Value, Value)> combine);
  /// The vectors in `partial` of the `active` rows from `row` on, folded into a lane each; `other` in lanes beyond.
  Value foldPartial(Value row, int64_t active, float other, llvm::function_ref<Value(Value, Value)> combine);
  /// Runs `body` where a query row of [firstRow, firstRow + rows) sees a key from `firstKey` on.
  void ifSeen(Value firstRow, int64_t rows, Value firstKey, llvm::function_ref<void()> body);
  /// For each vector of `extent` elements: where it starts and how many of its lanes exist.
  void forVectors(int64_t extent, llvm::function_ref<void(Value offset, int64_t active)> body);
  /// Address of a vector at (step, column) in panels (TiledProduct.h).
  Value panelIndex(Value step, Value column, TileShape tile, int64_t panelSteps) {
    Value width = indexConstant(b(), tile.vectors * lanes());
    Value panel = b().createOrFold<arith::DivUIOp>(column, width),
          inPanel = b().createOrFold<arith::RemUIOp>(column, width);
    return addIndex(b(), addIndex(b(), mulIndex(b(), panel, tile.vectors * lanes() * panelSteps), inPanel),
                    mulIndex(b(), step, tile.vectors * lanes()));
  }

  Value read(const FusedExpression &expression, ArrayRef<Value> coordinates, int64_t active) {
    ElementPosition position{SmallVector<Value>(coordinates), 3, lanes(), active};
    return expression.emit(b(), position, [&](BlockArgument argument) { return frame->flat(argument); });
  }
  bool hasCap() { return op.getSoftcap().convertToDouble() > 0; }
  ImplicitLocOpBuilder &b() { return frame->b; }
  int64_t lanes() const { return shape.lanes; }
  VectorType vectorType() { return VectorType::get(lanes(), b().getF32Type()); }
  Value splat(float value) { return arith::ConstantOp::create(b(), DenseElementsAttr::get(vectorType(), value)); }
  Value broadcast(Value scalar) { return vector::BroadcastOp::create(b(), vectorType(), scalar); }
  Value load(Value buffer, Value index) { return vector::LoadOp::create(b(), vectorType(), buffer, index); }
  void store(Value value, Value buffer, Value index) { vector::StoreOp::create(b(), value, buffer, index); }
  Value laneMask(int64_t active) {
    return vector::ConstantMaskOp::create(b(), VectorType::get(lanes(), b().getI1Type()), ArrayRef<int64_t>{active});
  }
  /// The first `active` lanes; a vector of a row's state may reach over its block.
  void storeLanes(Value vector, Value buffer, Value index, int64_t active) {
    if (active == lanes())
      return store(vector, buffer, index);
    vector::MaskedStoreOp::create(b(), buffer, index, laneMask(active), vector);
  }
  Value loadScalar(Value buffer, Value index) { return memref::LoadOp::create(b(), buffer, index); }
  void storeScalar(Value value, Value buffer, Value index) { memref::StoreOp::create(b(), value, buffer, index); }
  Value maximum(Value x, Value y) {
    return arith::SelectOp::create(b(), arith::CmpFOp::create(b(), arith::CmpFPredicate::OGT, x, y), x, y);
  }
  /// The query row that row `row` of the chunk stands for.
  Value queryRow(Value row) {
    return minIndex(b(), addIndex(b(), chunkStart, row), indexConstant(b(), shape.queries - 1));
  }

  nn::KernelOp kernel;
  const CpuTarget &target;
  nn::AttentionOp op;
  AttentionShape shape;
  FusedExpression query, key, value;
  std::optional<FusedExpression> mask;
  SmallVector<FusedExpression> outputs;
  std::optional<FlatFrame> frame;
  // Scratch: see the essay. Per row of a block: a vector of maxima, then of sums; the shift of its exponentials; the
  // factor `alpha`. With several blocks of keys, per row of the chunk: the state of the online softmax.
  Value queries, keysTransposed, values, scores, partial, shifts, alpha;
  Value runningMax, runningSum, accumulated;
  Value batch, head, keyHead, chunkStart;
};

} // namespace

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

LogicalResult AttentionEmitter::analyze() {
  op = dyn_cast_or_null<nn::AttentionOp>(findRoot(kernel.getBody().front()));
  if (!op)
    return failure();
  shape = AttentionShape::choose(shapeOf(op.getQuery()), shapeOf(op.getValue()), target);
  for (auto [operand, expression] :
       {std::pair(op.getQuery(), &query), std::pair(op.getKey(), &key), std::pair(op.getValue(), &value)}) {
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
  int64_t rows = llvm::alignTo(shape.rowBlock, lanes());
  queries = frame->scratch(f32, shape.rowBlock * shape.depth);
  if (!shape.isDirect) {
    keysTransposed =
        frame->scratch(f32, shape.depth * llvm::alignTo(shape.keyBlock, shape.scoreTile.vectors * lanes()));
    values = frame->scratch(f32, shape.keyBlock * llvm::alignTo(shape.width, shape.resultTile.vectors * lanes()));
  }
  scores = frame->scratch(f32, shape.rowBlock * shape.keyBlock);
  partial = frame->scratch(f32, shape.rowBlock * lanes());
  for (Value *perRow : {&shifts, &alpha})
    *perRow = frame->scratch(f32, rows);
  if (shape.keyBlocks() > 1) {
    runningMax = frame->scratch(f32, shape.chunkRows + lanes());
    runningSum = frame->scratch(f32, shape.chunkRows + lanes());
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
    forVectors(shape.width, [&](Value column, int64_t active) {
      Value weighted = load(accumulated, addIndex(b(), mulIndex(b(), row, shape.paddedWidth()), column));
      emitResult({{batch, head, queryRow(row), column}, 3, lanes(), active},
                 arith::MulFOp::create(b(), weighted, inverse));
    });
  });
}

void AttentionEmitter::emitResult(const ElementPosition &position, Value result) {
  for (auto [i, expression] : llvm::enumerate(outputs)) {
    Value stored = expression.emit(
        b(), position, [&](BlockArgument argument) { return frame->flat(argument); }, result);
    expression.emitStore(b(), position, stored, frame->flatOutput(i));
  }
}

void AttentionEmitter::ifSeen(Value firstRow, int64_t rows, Value firstKey, llvm::function_ref<void()> body) {
  if (!op.getCausal() || shape.keyBlocks() == 1)
    return body();
  Value lastKey = addIndex(b(), queryRow(addIndex(b(), firstRow, rows - 1)), shape.keys - shape.queries);
  emitIf(b(), arith::CmpIOp::create(b(), arith::CmpIPredicate::sle, firstKey, lastKey), body);
}

void AttentionEmitter::emitKeyBlock(Value firstKey, int64_t keys) {
  if (shape.isDirect) {
    Value firstRow = indexConstant(b(), 0);
    packQueries(firstRow);
    emitScoresDirectly(firstKey, keys);
    emitSoftmax(firstRow, firstKey, keys);
    return emitWeightedValuesDirectly(firstKey, keys);
  }
  ifSeen(indexConstant(b(), 0), shape.chunkRows, firstKey, [&] {
    packKeys(firstKey, keys);
    packValues(firstKey, keys);
    emitFor(b(), 0, shape.chunkRows, shape.rowBlock, [&](Value firstRow) {
      ifSeen(firstRow, shape.rowBlock, firstKey, [&] {
        packQueries(firstRow);
        emitScores(keys);
        emitSoftmax(firstRow, firstKey, keys);
        emitWeightedValues(firstRow, keys);
      });
    });
  });
}

// One product of lanes for as many keys as there are lanes, summed together at the end.
void AttentionEmitter::emitScoresDirectly(Value firstKey, int64_t keys) {
  forVectors(keys, [&](Value first, int64_t rows) {
    emitFor(b(), 0, shape.rowBlock, 1, [&](Value row) {
      auto addProducts = [&](Value depth, int64_t active, ValueRange carried) {
        Value at = addIndex(b(), mulIndex(b(), row, shape.depth), depth);
        Value q = active == lanes()
                      ? load(queries, at)
                      : Value(vector::MaskedLoadOp::create(b(), vectorType(), queries, at, laneMask(active), splat(0)));
        CarriedValues next(carried);
        for (int64_t i = 0; i < rows; ++i) {
          Value k = read(key, {batch, keyHead, addIndex(b(), addIndex(b(), firstKey, first), i), depth}, active);
          next[i] = emitMultiplyAdd(b(), target.hasFma, k, q, next[i]);
        }
        return next;
      };
      int64_t whole = shape.depth / lanes() * lanes();
      CarriedValues sums =
          emitFor(b(), 0, whole, lanes(), CarriedValues(lanes(), splat(0)),
                  [&](Value depth, ValueRange carried) { return addProducts(depth, lanes(), carried); });
      if (whole < shape.depth)
        sums = addProducts(indexConstant(b(), whole), shape.depth - whole, sums);
      store(emitSumsOfRows(b(), sums), scores, addIndex(b(), mulIndex(b(), row, shape.keyBlock), first));
    });
  });
}

// Eight sums at a time hide the latency of a multiply-add: a few columns for several keys.
void AttentionEmitter::emitWeightedValuesDirectly(Value firstKey, int64_t keys) {
  constexpr int64_t widestGroup = 4, sumsAtOnce = 8;
  auto emitGroup = [&](Value row, int64_t firstColumn, int64_t vectors) {
    int64_t parts = sumsAtOnce / vectors;
    auto columnOf = [&](int64_t vector) { return firstColumn + vector * lanes(); };
    auto activeOf = [&](int64_t vector) { return std::min(lanes(), shape.width - columnOf(vector)); };
    auto addKey = [&](Value keyInBlock, int64_t part, CarriedValues &sums) {
      Value p = broadcast(loadScalar(scores, addIndex(b(), mulIndex(b(), row, shape.keyBlock), keyInBlock)));
      for (int64_t vector = 0; vector < vectors; ++vector) {
        Value &sum = sums[part * vectors + vector];
        Value v =
            read(value, {batch, keyHead, addIndex(b(), firstKey, keyInBlock), indexConstant(b(), columnOf(vector))},
                 activeOf(vector));
        sum = emitMultiplyAdd(b(), target.hasFma, p, v, sum);
      }
    };
    int64_t whole = keys / parts * parts;
    CarriedValues sums =
        emitFor(b(), 0, whole, parts, CarriedValues(parts * vectors, splat(0)), [&](Value first, ValueRange carried) {
          CarriedValues next(carried);
          for (int64_t part = 0; part < parts; ++part)
            addKey(addIndex(b(), first, part), part, next);
          return next;
        });
    for (int64_t rest = 0; whole + rest < keys; ++rest)
      addKey(indexConstant(b(), whole + rest), rest, sums);
    Value factor = broadcast(loadScalar(alpha, row));
    for (int64_t vector = 0; vector < vectors; ++vector) {
      Value sum = sums[vector];
      for (int64_t part = 1; part < parts; ++part)
        sum = arith::AddFOp::create(b(), sum, sums[part * vectors + vector]);
      Value column = indexConstant(b(), columnOf(vector));
      if (accumulated) {
        Value place = addIndex(b(), mulIndex(b(), row, shape.paddedWidth()), column);
        store(emitMultiplyAdd(b(), target.hasFma, load(accumulated, place), factor, sum), accumulated, place);
      } else {
        emitResult({{batch, head, queryRow(row), column}, 3, lanes(), activeOf(vector)},
                   arith::MulFOp::create(b(), sum, factor));
      }
    }
  };
  emitFor(b(), 0, shape.rowBlock, 1, [&](Value row) {
    int64_t vectors = llvm::divideCeil(shape.width, lanes());
    for (int64_t first = 0; first < vectors; first += widestGroup)
      emitGroup(row, first * lanes(), std::min(widestGroup, vectors - first));
  });
}

void AttentionEmitter::forVectors(int64_t extent, llvm::function_ref<void(Value, int64_t)> body) {
  int64_t whole = extent / lanes() * lanes();
  emitFor(b(), 0, whole, lanes(), [&](Value offset) { body(offset, lanes()); });
  if (whole < extent)
    body(indexConstant(b(), whole), extent - whole);
}

// Squares of lanes x lanes: rows are keys, read along d.
void AttentionEmitter::packKeys(Value firstKey, int64_t keys) {
  forVectors(keys, [&](Value firstInBlock, int64_t rows) {
    forVectors(shape.depth, [&](Value depth, int64_t active) {
      SmallVector<Value> block;
      for (int64_t i = 0; i < lanes(); ++i) {
        Value row = addIndex(b(), addIndex(b(), firstKey, firstInBlock), i);
        block.push_back(i < rows ? read(key, {batch, keyHead, row, depth}, active) : splat(0));
      }
      block = emitTransposeLanes(b(), block);
      for (int64_t i = 0; i < active; ++i)
        store(block[i], keysTransposed,
              panelIndex(addIndex(b(), depth, i), firstInBlock, shape.scoreTile, shape.depth));
    });
  });
}

void AttentionEmitter::packValues(Value firstKey, int64_t keys) {
  emitFor(b(), 0, keys, 1, [&](Value row) {
    forVectors(shape.width, [&](Value column, int64_t active) {
      Value vector = read(value, {batch, keyHead, addIndex(b(), firstKey, row), column}, active);
      store(vector, values, panelIndex(row, column, shape.resultTile, shape.keyBlock));
    });
  });
}

void AttentionEmitter::packQueries(Value firstRow) {
  Value scale = splat(op.getScale().convertToDouble() * (hasCap() ? 1 : log2OfE));
  emitFor(b(), 0, shape.rowBlock, 1, [&](Value row) {
    Value from = queryRow(addIndex(b(), firstRow, row));
    forVectors(shape.depth, [&](Value depth, int64_t active) {
      Value vector = arith::MulFOp::create(b(), read(query, {batch, head, from, depth}, active), scale);
      storeLanes(vector, queries, addIndex(b(), mulIndex(b(), row, shape.depth), depth), active);
    });
  });
}

void AttentionEmitter::emitScores(int64_t keys) {
  int64_t panelColumns = shape.scoreTile.vectors * lanes();
  TiledProduct product{queries,
                       indexConstant(b(), 0),
                       shape.depth,
                       1,
                       keysTransposed,
                       panelColumns,
                       panelColumns * shape.depth,
                       shape.rowBlock,
                       0,
                       int64_t(llvm::divideCeil(keys, lanes())),
                       shape.depth,
                       lanes(),
                       shape.scoreTile};
  product.emit(
      b(), target, [&](Value, Value) { return splat(0); },
      [&](Value row, Value column, Value sum) {
        store(sum, scores, addIndex(b(), mulIndex(b(), row, shape.keyBlock), column));
      });
}

// Starts from the first vectors, not from a neutral element: with few keys that would be as many steps again.
Value AttentionEmitter::foldRow(int64_t keys, llvm::function_ref<Value(Value, int64_t)> valueOf,
                                llvm::function_ref<Value(Value, Value)> combine) {
  constexpr int64_t most = 4; // accumulators
  int64_t turn = most * lanes(), whole = std::max(turn, keys / turn * turn);
  auto valueAt = [&](int64_t column) {
    return valueOf(indexConstant(b(), column), std::min(lanes(), keys - column));
  };
  CarriedValues parts;
  for (int64_t column = 0; column < std::min(turn, keys); column += lanes())
    parts.push_back(valueAt(column));
  if (whole > turn)
    parts = emitFor(b(), turn, whole, turn, parts, [&](Value column, ValueRange carried) {
      CarriedValues next;
      for (int64_t i = 0; i < most; ++i)
        next.push_back(combine(valueOf(addIndex(b(), column, i * lanes()), lanes()), carried[i]));
      return next;
    });
  for (int64_t i = 0; whole + i * lanes() < keys; ++i)
    parts[i] = combine(valueAt(whole + i * lanes()), parts[i]);
  while (parts.size() > 1) {
    Value last = parts.pop_back_val();
    parts.front() = combine(parts.front(), last);
  }
  return parts.front();
}

Value AttentionEmitter::finishScore(Value score, Value queryRow, Value key, int64_t active) {
  Value lowest = splat(-std::numeric_limits<float>::infinity());
  if (hasCap()) {
    double cap = op.getSoftcap().convertToDouble();
    Value bounded = emitTanh(b(), arith::DivFOp::create(b(), score, splat(cap)));
    score = arith::MulFOp::create(b(), bounded, splat(cap * log2OfE));
  }
  if (mask)
    score =
        emitMultiplyAdd(b(), target.hasFma, read(*mask, {batch, head, queryRow, key}, active), splat(log2OfE), score);
  if (op.getCausal()) { // key <= row + keys - queries
    Type i32 = b().getI32Type();
    auto lanesOfI32 = VectorType::get(lanes(), i32);
    SmallVector<int32_t> counted;
    for (int64_t i = 0; i < lanes(); ++i)
      counted.push_back(i);
    Value offsets = arith::ConstantOp::create(b(), DenseElementsAttr::get(lanesOfI32, ArrayRef<int32_t>(counted)));
    Value room = arith::SubIOp::create(b(), addIndex(b(), queryRow, shape.keys - shape.queries), key);
    Value limit = vector::BroadcastOp::create(b(), lanesOfI32, arith::IndexCastOp::create(b(), i32, room));
    score = arith::SelectOp::create(b(), arith::CmpIOp::create(b(), arith::CmpIPredicate::sle, offsets, limit), score,
                                    lowest);
  }
  return score;
}

// Final scores and their maxima, lane by lane.
void AttentionEmitter::emitRowMaximum(Value row, Value firstRow, Value firstKey, int64_t keys) {
  Value from = queryRow(addIndex(b(), firstRow, row)), rowBase = mulIndex(b(), row, shape.keyBlock);
  auto finish = [&](Value column, int64_t active) {
    Value at = addIndex(b(), rowBase, column), raw = load(scores, at);
    Value score = finishScore(raw, from, addIndex(b(), firstKey, column), active);
    if (score != raw)
      store(score, scores, at);
    return fillLanes(score, active, -std::numeric_limits<float>::infinity());
  };
  auto larger = [&](Value x, Value y) { return maximum(x, y); };
  store(foldRow(keys, finish, larger), partial, mulIndex(b(), row, lanes()));
}

// Exponentials and their sums, lane by lane. Lanes beyond the keys are filled up in registers only: a store of some
// lanes is one that a load of all has to wait for.
void AttentionEmitter::emitRowExponentials(Value row, int64_t keys) {
  Value rowBase = mulIndex(b(), row, shape.keyBlock), shift = broadcast(loadScalar(shifts, row));
  auto exponential = [&](Value column, int64_t active) {
    Value at = addIndex(b(), rowBase, column);
    Value p = emitExp2(b(), arith::SubFOp::create(b(), load(scores, at), shift));
    store(p, scores, at);
    return fillLanes(p, active, 0);
  };
  auto add = [&](Value x, Value y) -> Value { return arith::AddFOp::create(b(), x, y); };
  store(foldRow(keys, exponential, add), partial, mulIndex(b(), row, lanes()));
}

Value AttentionEmitter::foldPartial(Value row, int64_t active, float other,
                                    llvm::function_ref<Value(Value, Value)> combine) {
  SmallVector<Value> rows(lanes(), splat(other));
  for (int64_t i = 0; i < active; ++i)
    rows[i] = load(partial, mulIndex(b(), addIndex(b(), row, i), lanes()));
  return emitFoldOfRows(b(), rows, combine);
}

// Two passes over the scores of a block of rows; what happens once per row in between, the last steps of its maximum
// and of its sum too, is done for a vector of rows at a time. `alpha` becomes 1 / sum, or with several blocks of keys
// the factor for what was accumulated before.
void AttentionEmitter::emitSoftmax(Value firstRow, Value firstKey, int64_t keys) {
  emitFor(b(), 0, shape.rowBlock, 1, [&](Value row) { emitRowMaximum(row, firstRow, firstKey, keys); });
  Value lowest = splat(-std::numeric_limits<float>::infinity());
  forVectors(shape.rowBlock, [&](Value row, int64_t active) {
    Value best = foldPartial(row, active, -std::numeric_limits<float>::infinity(),
                             [&](Value x, Value y) { return maximum(x, y); });
    Value before;
    if (runningMax) {
      before = load(runningMax, addIndex(b(), firstRow, row));
      best = maximum(best, before);
      storeLanes(best, runningMax, addIndex(b(), firstRow, row), active);
    }
    // A row that sees nothing has maximum -inf and must give zeros, not NaN.
    Value shift = arith::SelectOp::create(b(), arith::CmpFOp::create(b(), arith::CmpFPredicate::OEQ, best, lowest),
                                          splat(0), best);
    store(shift, shifts, row);
    if (runningMax)
      store(emitExp2(b(), arith::SubFOp::create(b(), before, shift)), alpha, row);
  });
  emitFor(b(), 0, shape.rowBlock, 1, [&](Value row) { emitRowExponentials(row, keys); });
  forVectors(shape.rowBlock, [&](Value row, int64_t active) {
    Value sum =
        foldPartial(row, active, 0, [&](Value x, Value y) -> Value { return arith::AddFOp::create(b(), x, y); });
    if (runningSum) {
      Value chunkRow = addIndex(b(), firstRow, row);
      sum = emitMultiplyAdd(b(), target.hasFma, load(runningSum, chunkRow), load(alpha, row), sum);
      return storeLanes(sum, runningSum, chunkRow, active);
    }
    Value any = arith::CmpFOp::create(b(), arith::CmpFPredicate::UNE, sum, splat(0));
    store(arith::SelectOp::create(b(), any, arith::DivFOp::create(b(), splat(1), sum), splat(0)), alpha, row);
  });
}

void AttentionEmitter::emitWeightedValues(Value firstRow, int64_t keys) {
  auto place = [&](Value row, Value column) {
    return addIndex(b(), mulIndex(b(), addIndex(b(), firstRow, row), shape.paddedWidth()), column);
  };
  auto emitPart = [&](int64_t firstColumn, int64_t vectors, int64_t active) {
    int64_t panelColumns = shape.resultTile.vectors * lanes();
    TiledProduct product{scores,
                         indexConstant(b(), 0),
                         shape.keyBlock,
                         1,
                         values,
                         panelColumns,
                         panelColumns * shape.keyBlock,
                         shape.rowBlock,
                         firstColumn,
                         vectors,
                         keys,
                         lanes(),
                         shape.resultTile};
    product.emit(
        b(), target,
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
    emitPart(0, whole, lanes());
  if (tail > 0)
    emitPart(whole * lanes(), 1, tail);
}

FailureOr<LoweredKernel> buildAttention(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  AttentionEmitter emitter(kernel, target);
  if (failed(emitter.analyze()))
    return failure();
  return emitter.emit(b);
}

} // namespace fettle::codegen
