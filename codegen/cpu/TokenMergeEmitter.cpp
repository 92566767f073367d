//===- TokenMergeEmitter.cpp - merge_tokens and unmerge_tokens ------------===//
//
// A merge goes from token to token of its result. First the tokens of the input are strung together by where they go,
// each list in increasing order: `first` of the result's token, `next` of each token. Most lists are of one token,
// which is a row to copy; of the others a few vectors at a time are summed in registers. What is written is written
// once.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Pointwise.h"
#include "codegen/common/PointwiseFamilies.h"
#include "codegen/cpu/RegisterTile.h"
#include "codegen/cpu/SequentialEmitters.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fettle::codegen {

/// Elements of the result of a tile: enough that stringing all tokens together does not count.
static constexpr int64_t tileElements = 32 * 1024;

/// Calls `body` with the start of each vector of a row of `extent` elements; a last one that is not full begins earlier
/// and overlaps the one before. Returns by `lanes` how long vectors are: fewer where the row has fewer.
static void forVectors(ImplicitLocOpBuilder &b, int64_t begin, int64_t extent, int64_t lanes,
                       llvm::function_ref<void(Value)> body) {
  int64_t end = begin + (extent - begin) / lanes * lanes;
  emitFor(b, begin, end, lanes, body);
  if (end < extent)
    body(indexConstant(b, extent - lanes));
}

static int64_t fittingLanes(const CpuTarget &target, Type element, int64_t extent) {
  int64_t lanes = target.vectorBytes * 8 / element.getIntOrFloatBitWidth();
  return std::min<int64_t>(lanes, llvm::bit_floor(uint64_t(std::max<int64_t>(1, extent))));
}

namespace {
/// Moves rows of `width` elements, bit by bit.
struct RowMover {
  ImplicitLocOpBuilder &b;
  const CpuTarget &target;
  Type stored;
  int64_t width;

  void forEach(llvm::function_ref<void(Value, VectorType)> body) const {
    if (width == 0)
      return;
    int64_t lanes = fittingLanes(target, stored, width);
    forVectors(b, 0, width, lanes, [&](Value at) { body(at, VectorType::get(lanes, stored)); });
  }
  void copy(Value from, Value source, Value to, Value start) const {
    forEach([&](Value at, VectorType type) {
      Value row = vector::LoadOp::create(b, type, from, addIndex(b, source, at));
      vector::StoreOp::create(b, row, to, addIndex(b, start, at));
    });
  }
  void clear(Value to, Value start) const {
    forEach([&](Value at, VectorType type) {
      vector::StoreOp::create(b, emitConstant(b, type, 0), to, addIndex(b, start, at));
    });
  }
};

class MergeEmitter {
public:
  MergeEmitter(FlatFrame &frame, nn::MergeTokensOp op, const SequentialBuffers &buffers, const CpuTarget &target);
  int64_t emit();

private:
  void stringTogether(Value sequence, Value begin, Value count);
  void emitToken(Value sequence, Value part, Value result);
  void emitMean(Value sequence, Value part, Value result);
  /// Follows a list from `part` on.
  CarriedValues forParts(Value part, ValueRange initial,
                         llvm::function_ref<CarriedValues(Value part, ValueRange)> body);
  Value sizeOf(Value sequence, Value part);
  Value load(Value table, Value at) { return memref::LoadOp::create(b, table, at); }
  Value isNone(Value part) {
    return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, part, emitIntegerConstant(b, part.getType(), 0));
  }
  Value toIndex(Value number) { return arith::IndexCastOp::create(b, b.getIndexType(), number); }

  FlatFrame &frame;
  ImplicitLocOpBuilder &b;
  const SequentialBuffers &buffers;
  const CpuTarget &target;
  Type element, compute;
  int64_t images, tokens, merged, width, chunks, chunk;
  RowMover rows;
  Value first, next; ///< scratch
};
} // namespace

MergeEmitter::MergeEmitter(FlatFrame &frame, nn::MergeTokensOp op, const SequentialBuffers &buffers,
                           const CpuTarget &target)
    : frame(frame), b(frame.b), buffers(buffers), target(target), element(op.getInput().getType().getElementType()),
      compute(computeType(element)), images(op.getInput().getType().getDimSize(0)),
      tokens(op.getInput().getType().getDimSize(1)), merged(op.getTokens()),
      width(op.getInput().getType().getDimSize(2)), rows{b, target, storageType(element), width} {
  chunks = std::clamp<int64_t>(merged * width / tileElements, 1, merged);
  chunk = llvm::divideCeil(merged, chunks);
  first = frame.scratch(b.getI32Type(), chunk);
  next = frame.scratch(b.getI32Type(), tokens);
}

void MergeEmitter::stringTogether(Value sequence, Value begin, Value count) {
  Value none = emitIntegerConstant(b, b.getI32Type(), -1), last = indexConstant(b, tokens - 1);
  emitFor(b, 0, chunk, 1, [&](Value i) { memref::StoreOp::create(b, none, first, i); });
  emitFor(b, 0, tokens, 1, [&](Value i) {
    Value part = arith::SubIOp::create(b, last, i); // from the last one on: lists grow at their fronts
    Value place = arith::SubIOp::create(b, toIndex(load(buffers.inputs[1], addIndex(b, sequence, part))), begin);
    emitIf(b, arith::CmpIOp::create(b, arith::CmpIPredicate::ult, place, count), [&] {
      memref::StoreOp::create(b, load(first, place), next, part);
      memref::StoreOp::create(b, arith::IndexCastOp::create(b, b.getI32Type(), part).getResult(), first, place);
    });
  });
}

Value MergeEmitter::sizeOf(Value sequence, Value part) {
  if (buffers.inputs.size() < 3)
    return emitConstant(b, compute, 1);
  return emitLoad(b, element, buffers.inputs[2], addIndex(b, sequence, part));
}

CarriedValues MergeEmitter::forParts(Value part, ValueRange initial,
                                     llvm::function_ref<CarriedValues(Value, ValueRange)> body) {
  CarriedValues start = {part};
  start.append(initial.begin(), initial.end());
  auto before = [&](OpBuilder &, Location, ValueRange arguments) {
    Value goesOn = arith::XOrIOp::create(b, isNone(arguments[0]), arith::ConstantOp::create(b, b.getBoolAttr(true)));
    scf::ConditionOp::create(b, goesOn, arguments);
  };
  auto after = [&](OpBuilder &, Location, ValueRange arguments) {
    Value here = toIndex(arguments[0]);
    CarriedValues values = body(here, arguments.drop_front());
    values.insert(values.begin(), load(next, here));
    scf::YieldOp::create(b, values);
  };
  auto loop = scf::WhileOp::create(b, ValueRange(start).getTypes(), start, before, after);
  return CarriedValues(loop.getResults().drop_front());
}

// sum size x / sum size over a list, or the plain mean where all sizes are 0.
void MergeEmitter::emitMean(Value sequence, Value part, Value result) {
  Value none = emitConstant(b, compute, 0);
  CarriedValues sums = forParts(part, {none, none}, [&](Value here, ValueRange carried) -> CarriedValues {
    return {Lanes(b, carried[0]) + Lanes(b, sizeOf(sequence, here)), Lanes(b, carried[1]) + 1.0};
  });
  emitStore(b, element, sums[0], buffers.outputs[1], result);
  Lanes total(b, sums[0]), isEmpty = total == 0.0, divisor = select(isEmpty, Lanes(b, sums[1]), total);
  if (width == 0)
    return;
  int64_t lanes = fittingLanes(target, compute, width);
  auto type = VectorType::get(lanes, compute);
  Lanes divisors(b, vector::BroadcastOp::create(b, type, divisor));
  auto emitVectors = [&](Value at, int64_t vectors) {
    CarriedValues start(vectors, emitConstant(b, type, 0));
    CarriedValues sums = forParts(part, start, [&](Value here, ValueRange carried) {
      Value size = select(isEmpty, 1.0, Lanes(b, sizeOf(sequence, here)));
      Value sizes = vector::BroadcastOp::create(b, type, size);
      Value row = addIndex(b, mulIndex(b, addIndex(b, sequence, here), width), at);
      CarriedValues next;
      for (int64_t i = 0; i < vectors; ++i) {
        Value x = emitLoad(b, element, buffers.inputs[0], addIndex(b, row, i * lanes), lanes);
        next.push_back(emitMultiplyAdd(b, target.hasFma, sizes, x, carried[i]));
      }
      return next;
    });
    Value row = addIndex(b, mulIndex(b, result, width), at);
    for (int64_t i = 0; i < vectors; ++i)
      emitStore(b, element, Lanes(b, sums[i]) / divisors, buffers.outputs[0], addIndex(b, row, i * lanes));
  };
  constexpr int64_t together = 4;
  int64_t whole = width / (together * lanes) * together * lanes;
  emitFor(b, 0, whole, together * lanes, [&](Value at) { emitVectors(at, together); });
  forVectors(b, whole, width, lanes, [&](Value at) { emitVectors(at, 1); });
}

void MergeEmitter::emitToken(Value sequence, Value part, Value result) {
  Value start = mulIndex(b, result, width);
  emitIf(
      b, isNone(part),
      [&] {
        rows.clear(buffers.outputs[0], start);
        emitStore(b, element, emitConstant(b, compute, 0), buffers.outputs[1], result);
      },
      [&] {
        Value only = toIndex(part);
        emitIf(
            b, isNone(load(next, only)),
            [&] {
              rows.copy(buffers.inputs[0], mulIndex(b, addIndex(b, sequence, only), width), buffers.outputs[0], start);
              emitStore(b, element, sizeOf(sequence, only), buffers.outputs[1], result);
            },
            [&] { emitMean(sequence, part, result); });
      });
}

int64_t MergeEmitter::emit() {
  emitFor(b, frame.begin(), frame.end(), 1, [&](Value tile) {
    SmallVector<Value> at = delinearize(b, tile, {images, chunks});
    Value begin = mulIndex(b, at[1], chunk), sequence = mulIndex(b, at[0], tokens);
    // The chunks before may have taken all there is.
    Value count = arith::SubIOp::create(b, minIndex(b, addIndex(b, begin, chunk), indexConstant(b, merged)), begin);
    count = arith::MaxSIOp::create(b, count, indexConstant(b, 0));
    stringTogether(sequence, begin, count);
    Value result = addIndex(b, mulIndex(b, at[0], merged), begin);
    emitFor(b, indexConstant(b, 0), count, 1,
            [&](Value i) { emitToken(sequence, load(first, i), addIndex(b, result, i)); });
  });
  return images * chunks;
}

int64_t emitMergeTokens(FlatFrame &frame, nn::MergeTokensOp op, const SequentialBuffers &buffers,
                        const CpuTarget &target) {
  return MergeEmitter(frame, op, buffers, target).emit();
}

int64_t emitUnmergeTokens(FlatFrame &frame, nn::UnmergeTokensOp op, const SequentialBuffers &buffers,
                          const CpuTarget &target) {
  ImplicitLocOpBuilder &b = frame.b;
  auto type = op.getOutput().getType();
  int64_t tokens = type.getDimSize(1), merged = op.getInput().getType().getDimSize(1), width = type.getDimSize(2);
  RowMover rows{b, target, storageType(type.getElementType()), width};
  return emitRowTiles(frame, AxisRows(type.getShape(), 2), [&](Value row) {
    Value start = mulIndex(b, row, width);
    Value image = b.createOrFold<arith::DivUIOp>(row, indexConstant(b, tokens));
    Value from = arith::IndexCastOp::create(b, b.getIndexType(), memref::LoadOp::create(b, buffers.inputs[1], row));
    emitIf(
        b, arith::CmpIOp::create(b, arith::CmpIPredicate::ult, from, indexConstant(b, merged)),
        [&] {
          Value source = mulIndex(b, addIndex(b, mulIndex(b, image, merged), from), width);
          rows.copy(buffers.inputs[0], source, buffers.outputs[0], start);
        },
        [&] { rows.clear(buffers.outputs[0], start); });
  });
}

} // namespace fettle::codegen
