//===- DepthwiseQuads.cpp - depthwise convolutions of bytes ---------------===//

#include "codegen/cpu/DepthwiseQuads.h"
#include "codegen/cpu/BytePack.h"
#include "codegen/cpu/LoopEmitter.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;

namespace fettle::codegen {

/// Tiles of a line are looked at one by one while the code is made.
static constexpr int64_t longestLine = 1 << 16;

FailureOr<DepthwiseQuads> DepthwiseQuads::choose(const CpuTarget &target, const ConvolutionShape &shape, Type input, Type weight,
                                                 int64_t zeroPoint) {
  // Few channels take narrower registers: a vector of sums may not reach over the channels of a slot.
  CpuTarget narrowed = target;
  while (narrowed.vectorBytes > 16 && narrowed.vectorBytes / 4 > shape.c)
    narrowed.vectorBytes /= 2;
  std::optional<DotProduct> dot = DotProduct::choose(narrowed, input, weight);
  if (!dot || dot->lanes() > shape.c || shape.ow > longestLine)
    return failure();
  DepthwiseQuads quads;
  quads.s = shape;
  quads.dot = *dot;
  quads.zeroPoint = zeroPoint;
  int64_t whole = shape.c / quads.bytes() * quads.bytes(), rest = shape.c - whole;
  if (whole > 0)
    quads.blocks.push_back({0, whole, quads.bytes(), 0});
  if (rest > 0) {
    // The narrowest block that holds the rest, if there are channels to move it back over.
    int64_t width = quads.dot.lanes();
    while (width < rest && 2 * width <= shape.c)
      width *= 2;
    int64_t first = width >= rest ? shape.c - width : whole;
    quads.blocks.push_back({first, shape.c, width, whole / quads.bytes()});
  }
  for (const Blocks &blocks : quads.blocks)
    quads.blockCount += blocks.count();
  return quads;
}

/// Pixels of a tile: many, so that few columns are read twice, but no more straight-line code than that is worth, and
/// little of it for lines at an edge; a divisor of the stretch where there is one.
int64_t DepthwiseQuads::pixels(const Blocks &blocks, bool isEdge) const {
  int64_t products = s.s * rowQuads() * packedVectors * dot.parts(), all = stretch(blocks);
  int64_t most = std::min(std::clamp<int64_t>(192 / products, 2, isEdge ? 2 : 8), all);
  for (int64_t pixels = most; 2 * pixels > most; --pixels)
    if (all % pixels == 0)
      return pixels;
  return most;
}

OperandPacking DepthwiseQuads::pack(MLIRContext *context, unsigned operand) const {
  OperandPacking packing;
  packing.operand = operand;
  packing.packedType = MemRefType::get({blockCount * (blockBytes() + bytes() * 4)}, IntegerType::get(context, 8));
  llvm::raw_string_ostream(packing.layout) << "depthwise " << dot.name() << " of zero point " << zeroPoint;
  packing.pack = [packed = *this](const HostTensor &tensor) {
    const ConvolutionShape &s = packed.s;
    const DotProduct &dot = packed.dot;
    std::vector<char> data(packed.blockCount * (packed.blockBytes() + packed.bytes() * 4));
    char *quads = data.data(), *table = quads + packed.tableOffset();
    auto weight = [&](int64_t channel, int64_t row, int64_t column) -> int16_t {
      return row < s.r ? int16_t(tensor.integerAt((channel * s.r + row) * s.s + column)) : 0;
    };
    for (const Blocks &blocks : packed.blocks)
      for (int64_t block = 0; block < blocks.count(); ++block) {
        auto channelOf = [&](int64_t byte) { return blocks.channelOf(block) + byte % blocks.width; };
        for (int64_t column = 0; column < s.s; ++column)
          for (int64_t quad = 0; quad < packed.rowQuads(); ++quad)
            for (int64_t vector = 0; vector < 4; ++vector, quads += dot.weightBytes())
              dot.packWeights(quads, [&](int64_t lane, int64_t i) { return weight(channelOf(byteOf(vector, lane)), 4 * quad + i, column); });
        for (int64_t vector = 0; vector < 4; ++vector)
          for (int64_t lane = 0; lane < dot.lanes(); ++lane, table += 4) {
            int32_t sum = 0; // of at most 255 * 256 per tap
            for (int64_t tap = 0; tap < s.r * s.s; ++tap)
              sum -= int32_t(packed.zeroPoint + dot.inputOffset()) * weight(channelOf(byteOf(vector, lane)), tap / s.s, tap % s.s);
            std::memcpy(table, &sum, 4);
          }
      }
    return data;
  };
  return packing;
}

SmallVector<DepthwiseQuads::Span> DepthwiseQuads::spans(const Blocks &blocks, int64_t width) const {
  SmallVector<Span> result;
  int64_t all = stretch(blocks);
  for (int64_t tile = 0, tiles = (all + width - 1) / width; tile < tiles; ++tile) {
    Span span{tile, tile + 1, {}};
    for (int64_t slot = 0; slot < slots(blocks); ++slot) {
      int64_t first = (slotStart(blocks, slot) + std::min(tile * width, all - width)) * s.strideX - s.padX;
      SmallVector<bool> &inside = span.inside.emplace_back();
      for (int64_t column = 0; column < columns(width); ++column)
        inside.push_back(first + column >= 0 && first + column < s.w);
    }
    if (!result.empty() && result.back().inside == span.inside)
      result.back().lastTile = tile + 1;
    else
      result.push_back(std::move(span));
  }
  return result;
}

/// Bytes or words of `x` and `y` in turn, from the low or the high half of each 128 bits: one instruction.
static Value unpack(ImplicitLocOpBuilder &b, Value x, Value y, unsigned bits, bool isHigh) {
  int64_t bytes = cast<VectorType>(x.getType()).getNumElements(), count = bytes * 8 / bits, inLane = 128 / bits;
  auto type = VectorType::get({count}, b.getIntegerType(bits));
  auto cast = [&](Value value, VectorType to) -> Value { return value.getType() == to ? value : vector::BitCastOp::create(b, to, value).getResult(); };
  SmallVector<int64_t> order;
  for (int64_t lane = 0; lane < count; lane += inLane)
    for (int64_t i = 0; i < inLane / 2; ++i)
      for (int64_t source : {int64_t(0), count})
        order.push_back(source + lane + (isHigh ? inLane / 2 : 0) + i);
  Value mixed = vector::ShuffleOp::create(b, cast(x, type), cast(y, type), order);
  return cast(mixed, llvm::cast<VectorType>(x.getType()));
}

/// Four vectors of quads from up to four rows of bytes: lane `lane` of vector `vector` is byte byteOf(vector, lane).
SmallVector<Value> DepthwiseQuads::interleave(ImplicitLocOpBuilder &b, ArrayRef<Value> rows) const {
  SmallVector<Value> x(rows);
  // Rows without weights: zeros, for LLVM 22 runs in circles over a row mixed with itself whose top bits are flipped later.
  x.resize(4, arith::ConstantOp::create(b, b.getZeroAttr(cast<VectorType>(rows[0].getType()))));
  SmallVector<Value> quads;
  Value halves[2][2] = {{unpack(b, x[0], x[1], 8, false), unpack(b, x[0], x[1], 8, true)}, {unpack(b, x[2], x[3], 8, false), unpack(b, x[2], x[3], 8, true)}};
  auto type = VectorType::get({dot.lanes()}, b.getI32Type());
  for (int64_t vector = 0; vector < 4; ++vector)
    quads.push_back(vector::BitCastOp::create(b, type, unpack(b, halves[0][vector / 2], halves[1][vector / 2], 16, vector % 2)));
  return quads;
}

/// Emits one tile: `pixels` pixels of each slot, one block of channels.
struct DepthwiseQuads::Tile {
  const DepthwiseQuads &kernel;
  const Operands &operands;
  const Blocks &blocks;
  const Span &span;
  ArrayRef<Value> rowStarts;  ///< element of the input: window row, column 0, first channel of the block
  ArrayRef<Value> rowInside;  ///< i1, or empty where all rows are
  Value channel, weights, table; ///< places of the block
  int64_t pixels;
  Value firstPixel; ///< of slot 0's stretch
  Value line;

  const ConvolutionShape &s = kernel.s;
  const DotProduct &dot = kernel.dot;
  ImplicitLocOpBuilder &b = operands.frame.b;

  Value loadBytes(Value buffer, Value at, int64_t count) { return vector::LoadOp::create(b, VectorType::get({count}, b.getI8Type()), buffer, at); }
  Value absent(int64_t count) {
    auto type = VectorType::get({count}, b.getI8Type());
    return arith::ConstantOp::create(b, DenseElementsAttr::get(type, b.getI8IntegerAttr(int8_t(kernel.zeroPoint))));
  }
  /// Of a run of lanes of a vector.
  int64_t channelInBlock(int64_t vector, int64_t run) const { return byteOf(vector, run * runLanes) % blocks.width; }
  int64_t slotOf(int64_t vector, int64_t run) const { return byteOf(vector, run * runLanes) / blocks.width; }
  int64_t runs() const { return dot.lanes() / runLanes; }

  /// One register of one row: the bytes of all slots at a column of the tile.
  Value emitBytes(int64_t row, int64_t column) {
    Value result;
    for (int64_t slot = 0; slot < kernel.slots(blocks); ++slot) {
      Value part;
      if (span.inside[slot][column]) {
        Value pixel = addIndex(b, mulIndex(b, firstPixel, s.strideX), kernel.slotStart(blocks, slot) * s.strideX - s.padX + column);
        part = loadBytes(operands.input, addIndex(b, rowStarts[row], mulIndex(b, pixel, s.c)), blocks.width);
      } else {
        part = absent(blocks.width);
      }
      if (blocks.width == kernel.bytes()) {
        result = part;
        continue;
      }
      if (!result)
        result = absent(kernel.bytes());
      result = vector::InsertStridedSliceOp::create(b, part, result, ArrayRef<int64_t>{slot * blocks.width}, ArrayRef<int64_t>{1});
    }
    return rowInside.empty() ? result : arith::SelectOp::create(b, rowInside[row], result, absent(kernel.bytes())).getResult();
  }

  Value emitStart(int64_t vector) {
    Value at = addIndex(b, table, vector * dot.lanes() * 4);
    auto type = VectorType::get({dot.lanes()}, b.getI32Type());
    Value start = vector::BitCastOp::create(b, type, loadBytes(operands.weights, at, dot.lanes() * 4));
    if (!operands.bias)
      return start;
    SmallVector<Value> bias;
    for (int64_t run = 0; run < runs(); ++run)
      bias.push_back(vector::LoadOp::create(b, VectorType::get({runLanes}, b.getI32Type()), operands.bias,
                                            addIndex(b, channel, channelInBlock(vector, run))));
    return arith::AddIOp::create(b, start, joinRuns(b, bias));
  }

  void emit() {
    SmallVector<SmallVector<Value>> sums(pixels);
    for (int64_t column = 0; column < kernel.columns(pixels); ++column) {
      SmallVector<std::pair<int64_t, int64_t>> uses; // pixel, tap
      for (int64_t pixel = 0; pixel < pixels; ++pixel)
        for (int64_t tap = 0; tap < s.s; ++tap)
          if (pixel * s.strideX + tap * s.dilationX == column)
            uses.push_back({pixel, tap});
      if (uses.empty())
        continue;
      SmallVector<Value> rows;
      for (int64_t row = 0; row < s.r; ++row)
        rows.push_back(emitBytes(row, column));
      for (int64_t quad = 0; quad < kernel.rowQuads(); ++quad) {
        SmallVector<Value> quads = kernel.interleave(b, ArrayRef<Value>(rows).slice(4 * quad, std::min<int64_t>(4, s.r - 4 * quad)));
        for (int64_t vector = 0; vector < 4; ++vector) {
          DotProduct::Parts inputs = dot.emitInput(b, quads[vector]);
          for (auto [pixel, tap] : uses) {
            if (sums[pixel].empty())
              for (int64_t v = 0; v < 4; ++v)
                sums[pixel].push_back(emitStart(v));
            Value at = addIndex(b, weights, ((tap * kernel.rowQuads() + quad) * 4 + vector) * dot.weightBytes());
            sums[pixel][vector] = dot.emitStep(b, inputs, dot.emitWeights(b, operands.weights, at), sums[pixel][vector]);
          }
        }
      }
      for (auto [pixel, tap] : uses)
        if (tap == s.s - 1)
          emitFinish(pixel, sums[pixel]);
    }
  }

  void emitFinish(int64_t pixel, ArrayRef<Value> sums) {
    SmallVector<Epilogue::Vector, 4> vectors;
    for (int64_t vector = 0; vector < 4; ++vector) {
      Epilogue::Vector &result = vectors.emplace_back();
      result.value = sums[vector];
      for (int64_t run = 0; run < runs(); ++run) {
        Value x = addIndex(b, firstPixel, kernel.slotStart(blocks, slotOf(vector, run)) + pixel);
        int64_t inBlock = channelInBlock(vector, run);
        result.runs.push_back({addIndex(b, mulIndex(b, line, s.ow), x), addIndex(b, channel, inBlock), /*followsLast=*/inBlock > 0});
      }
    }
    operands.epilogue.emit(operands.frame, vectors);
  }
};

void DepthwiseQuads::emitBlocks(const Operands &operands, const Blocks &blocks, Value line, bool isEdge) const {
  ImplicitLocOpBuilder &b = operands.frame.b;
  Value image = arith::DivUIOp::create(b, line, indexConstant(b, s.oh)), oy = arith::RemUIOp::create(b, line, indexConstant(b, s.oh));
  Value top = addIndex(b, mulIndex(b, oy, s.strideY), -s.padY);
  emitFor(b, 0, blocks.count(), 1, [&](Value block) {
    Value channel = minIndex(b, addIndex(b, mulIndex(b, block, blocks.width), blocks.first), indexConstant(b, blocks.end - blocks.width));
    Value place = addIndex(b, block, blocks.firstIndex);
    SmallVector<Value> rowStarts, rowInside;
    for (int64_t row = 0; row < s.r; ++row) {
      Value y = addIndex(b, top, row * s.dilationY);
      if (isEdge) {
        Value inside = arith::MaxSIOp::create(b, minIndex(b, y, indexConstant(b, s.h - 1)), indexConstant(b, 0));
        rowInside.push_back(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, y, inside));
        y = inside;
      }
      rowStarts.push_back(addIndex(b, mulIndex(b, addIndex(b, mulIndex(b, image, s.h), y), s.w * s.c), channel));
    }
    Value weights = mulIndex(b, place, blockBytes()), table = addIndex(b, mulIndex(b, place, bytes() * 4), tableOffset());
    int64_t width = pixels(blocks, isEdge);
    for (const Span &span : spans(blocks, width))
      emitFor(b, span.firstTile, span.lastTile, 1, [&](Value tile) {
        Value firstPixel = minIndex(b, mulIndex(b, tile, width), indexConstant(b, stretch(blocks) - width));
        Tile{*this, operands, blocks, span, rowStarts, rowInside, channel, weights, table, width, firstPixel, line}.emit();
      });
  });
}

void DepthwiseQuads::emitLine(const Operands &operands, Value line) const {
  ImplicitLocOpBuilder &b = operands.frame.b;
  auto emitAll = [&](bool isEdge) {
    for (const Blocks &each : blocks)
      emitBlocks(operands, each, line, isEdge);
  };
  if (s.isInteriorInY())
    return emitAll(/*isEdge=*/false);
  Value oy = arith::RemUIOp::create(b, line, indexConstant(b, s.oh));
  Value top = addIndex(b, mulIndex(b, oy, s.strideY), -s.padY), bottom = addIndex(b, top, (s.r - 1) * s.dilationY);
  Value isBelowTop = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, top, indexConstant(b, 0));
  Value isAboveBottom = arith::CmpIOp::create(b, arith::CmpIPredicate::slt, bottom, indexConstant(b, s.h));
  auto branch = scf::IfOp::create(b, arith::AndIOp::create(b, isBelowTop, isAboveBottom), /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  emitAll(/*isEdge=*/false);
  b.setInsertionPointToStart(branch.elseBlock());
  emitAll(/*isEdge=*/true);
}

} // namespace fettle::codegen
