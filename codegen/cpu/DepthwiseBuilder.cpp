//===- DepthwiseBuilder.cpp - one filter per channel ----------------------===//
//
// Lanes run over channels, so input, weights and output are all read and written
// as vectors; a tile is a few pixels of one output row by one vector of channels,
// summed in registers over the whole window. Edges as in ConvolutionBuilder.cpp:
// spans of tiles with straight-line code for the taps that lie inside.
//
//   tile t of the kernel = (chunk of output rows, strip as wide as a tile); in it, for each vector of channels, all rows
//
// A vector of channels is one cache line of each pixel. Three rows of those lines stay in the first level of the
// cache while the window moves down, where three whole rows would not: 56 pixels of 144 channels are 11 kB against
// 97 kB. And the lines of a strip's row lie in two or three pages, those of a whole row in eight, which is more than the
// processor sees coming. Measured on a Zen 5 core, 3x3 on 56x56x144 goes from 53 % of the peak (whole rows, all
// channels) over 75 % (whole rows, one vector) to 82 %, where copying input to output takes 80 % of the time; on
// 112x112x32 from 57 % to 84 %.
//
// Whether the processor sees the row below in time depends on what else goes on: without help 56x56x144 takes 41 us or 51,
// for a tenth of a second or for minutes, and 57 where another program runs on the core's second hardware thread
// (tests/bench/Lookahead.h), which leaves each of them half of the queue of instructions. So the lines that the tile
// below will be the first to read are fetched on the way, but for those on its left, which the strip there has brought in:
// 40 us, and 50 on half a core; 104x104x32 takes 35 for 42, 52x52x128 39 for 59. Inputs that fit into the second level with
// their outputs are left alone, for 14x14x576 would lose 7 %, and so are vectors that straddle lines (56x56x72: 5 %); steps of
// two pixels gain nothing. Fetching where the sums will be stored costs 2 to 11 %. Loading each line once, for the three rows
// of sums that it belongs to, takes narrower strips: 46 us.
//
// Chunks are half of the output's rows at most, and tiles are numbered chunk by chunk: so a thread that takes a stretch
// of them reads the rows that it has written in the layer before. With strips from top to bottom, half of the input came
// from another core's caches, and two threads could take longer than one. Quarters cost one thread 4 to 9 %: at the top
// of a strip the processor does not yet see what comes.
//
// Bytes are multiplied four at a time instead (DepthwiseQuads.h).
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Pointwise.h"
#include "codegen/cpu/ConvolutionBuilder.h"
#include "codegen/cpu/DepthwiseQuads.h"
#include "codegen/cpu/KernelBuilders.h"
#include "codegen/cpu/LoopEmitter.h"
#include "codegen/cpu/PackWeights.h"
#include "codegen/cpu/RegisterTile.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fettle::codegen {

namespace {

struct DepthwiseEmitter {
  KernelFrame &frame;
  const ConvolutionShape &s;
  const Epilogue &epilogue;
  int64_t lanes, pixels;
  bool hasFma;
  Type element, accumulator;
  Value input, weights, bias;
  Type biasElement;
  bool fetchesBelow; ///< input that the tile below reads first

  ImplicitLocOpBuilder &b = frame.b;

  Value index(int64_t value) { return arith::ConstantIndexOp::create(b, value); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value add(Value x, int64_t y) { return y == 0 ? x : add(x, index(y)); }
  Value mul(Value x, int64_t factor) { return factor == 1 ? x : arith::MulIOp::create(b, x, index(factor)).getResult(); }

  Value load(Value at, Value mask, Value buffer, Type type) {
    return emitLoadOfLanes(b, type, buffer, at, lanes, mask);
  }

  /// Fetches, while row `r` of the window is added, that part of the row that the window of the tile below reaches first.
  void emitFetchBelow(Value origin, Value r) {
    int64_t known = (s.s - 1) / 2 * s.dilationX, columns = pixels + (s.s - 1) * s.dilationX - known, part = llvm::divideCeil(columns, s.r);
    Value corner = add(add(origin, (((s.r - 1) * s.dilationY + 1) * s.w + known) * s.c), mul(r, part * s.c));
    for (int64_t x = 0; x < part; ++x)
      memref::PrefetchOp::create(b, input, add(corner, x * s.c), /*isWrite=*/false, /*localityHint=*/3, /*isDataCache=*/true);
  }

  /// Pixels [x, x + pixels) of one output row, channels [channel, channel + lanes).
  void emitTile(const PixelSpan &span, Value tileIndex, Value image, Value line, const WindowRows &window, Value channel, Value mask) {
    OpBuilder::InsertionGuard guard(b);
    Value x = arith::MinSIOp::create(b, mul(tileIndex, pixels), index(s.ow - pixels));
    auto type = VectorType::get({lanes}, accumulator);
    Value start = bias ? load(channel, mask, bias, biasElement) : arith::ConstantOp::create(b, b.getZeroAttr(type)).getResult();
    SmallVector<Value> sums(pixels, start);
    Value column = arith::SubIOp::create(b, mul(x, s.strideX * s.c), index(s.padX * s.c));
    Value origin = add(add(mul(add(mul(image, s.h), window.inputRow), s.w * s.c), column), channel);
    // Packed as [channels / lanes][r][s][lanes].
    Value weightBase = mul(channel, s.r * s.s);
    auto rows = scf::ForOp::create(b, window.first, window.last, index(1), sums);
    forbidUnrolling(rows);
    b.setInsertionPointToStart(rows.getBody());
    Value r = rows.getInductionVar();
    SmallVector<Value> carried(rows.getRegionIterArgs().begin(), rows.getRegionIterArgs().end());
    Value inputRow = add(origin, mul(r, s.dilationY * s.w * s.c)), weightRow = add(weightBase, mul(r, s.s * lanes));
    if (fetchesBelow)
      emitFetchBelow(origin, r);
    for (int64_t tap = 0; tap < s.s; ++tap) {
      Value weight = emitLoad(b, accumulator, weights, add(weightRow, tap * lanes), lanes);
      for (int64_t i = 0; i < pixels; ++i) {
        if (!span.inside[tap][i])
          continue;
        Value value = load(add(inputRow, (i * s.strideX + tap * s.dilationX) * s.c), mask, input, element);
        carried[i] = emitMultiplyAdd(b, hasFma, value, weight, carried[i]);
      }
    }
    scf::YieldOp::create(b, carried);
    b.setInsertionPointAfter(rows);
    Value firstRow = add(mul(line, s.ow), x);
    for (int64_t i = 0; i < pixels; ++i)
      epilogue.emit(frame, {{rows.getResult(i), add(firstRow, i), channel, mask}});
  }

  /// Output rows [first, last) of one strip, for the channels at `channel`.
  void emitLines(const PixelSpan &span, Value strip, Value first, Value last, Value channel, Value mask) {
    emitFor(b, first, last, 1, [&](Value line) {
      Value image = index(0), oy = line;
      if (s.n > 1) {
        image = arith::DivUIOp::create(b, line, index(s.oh));
        oy = arith::RemUIOp::create(b, line, index(s.oh));
      }
      emitTile(span, strip, image, line, emitWindowRows(b, s, oy), channel, mask);
    });
  }

  /// Output rows [first, last) of strip `strip`, all channels.
  void emitStrip(Value strip, Value first, Value last) {
    int64_t wholeChannels = s.c / lanes * lanes;
    for (const PixelSpan &span : pixelSpans(s, pixels)) {
      // A loop of one turn where the strip is of this span, of none elsewhere.
      Value begin = arith::MaxSIOp::create(b, strip, index(span.firstTile)), end = minIndex(b, add(strip, 1), index(span.lastTile));
      emitFor(b, begin, end, 1, [&](Value strip) {
        emitFor(b, 0, wholeChannels, lanes, [&](Value channel) { emitLines(span, strip, first, last, channel, Value()); });
        if (wholeChannels == s.c)
          return;
        Value mask = vector::CreateMaskOp::create(b, VectorType::get({lanes}, b.getI1Type()), index(s.c - wholeChannels));
        emitLines(span, strip, first, last, index(wholeChannels), mask);
      });
    }
  }
};

} // namespace

/// Where there is a row below, vectors are lines of the cache, and input and output are more than its second level holds.
static bool fetchesBelow(const ConvolutionShape &s, Type element, int64_t lanes) {
  constexpr int64_t secondLevel = 1 << 20;
  bool areLines = lanes == elementsOfLine(element) && s.c % lanes == 0;
  return s.oh > 1 && areLines && s.strideX == 1 && s.strideY == 1 && s.n * s.c * (s.h * s.w + s.oh * s.ow) * elementBytes(element) > secondLevel;
}

/// Pixels per tile: enough independent sums to hide the latency of the
/// multiply-add, a divisor of the row where there is one.
static int64_t choosePixels(int64_t rowPixels, const CpuTarget &target) {
  int64_t most = target.vectorRegisters == 32 ? 14 : 7;
  for (int64_t pixels = std::min(most, rowPixels); pixels >= 4; --pixels)
    if (rowPixels % pixels == 0)
      return pixels;
  return std::min<int64_t>(rowPixels, 7);
}

static WeightsView viewDepthwiseWeights(const ConvolutionShape &s, int64_t lanes) {
  // Seen as one block of channels, padded to whole vectors, the weights pack like a dense panel.
  WeightsView view;
  view.blocks = 1;
  view.columns = llvm::alignTo(s.c, lanes);
  view.steps = s.r * s.s;
  view.index = [window = s.r * s.s, channels = s.c](int64_t, int64_t column, int64_t step) { return std::min(column, channels - 1) * window + step; };
  view.order = "channel, window";
  return view;
}

FailureOr<LoweredKernel> buildDepthwise(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &moduleBuilder) {
  auto conv = dyn_cast_or_null<nn::ConvOp>(findRoot(kernel));
  if (!conv)
    return failure();
  auto input = dyn_cast<BlockArgument>(conv.getInput());
  auto weight = dyn_cast<BlockArgument>(conv.getWeight());
  auto bias = dyn_cast_or_null<BlockArgument>(conv.getBias());
  FailureOr<Epilogue> epilogue = Epilogue::match(kernel, conv);
  FailureOr<ConvolutionShape> shape = convolutionShape(conv);
  Type element = conv.getInput().getType().getElementType(), accumulator = accumulatorType(element);
  if (!input || !weight || (conv.getBias() && !bias) || failed(epilogue) || failed(shape) || !isConstantOperand(kernel, weight))
    return failure();
  ConvolutionShape s = *shape;
  bool isDepthwise = s.groups == s.c && s.o == s.c && s.groups > 1;
  if (!isDepthwise || !accumulator || s.s > 16 || s.r > 16)
    return failure();
  FailureOr<DepthwiseQuads> quads = failure();
  if (!isa<FloatType>(accumulator)) {
    quads = DepthwiseQuads::choose(target, s, element, conv.getWeight().getType().getElementType(), int64_t(conv.getZeroPoint()));
    if (failed(quads))
      return failure();
  }

  int64_t lanes = target.vectorBytes * 8 / accumulator.getIntOrFloatBitWidth();
  LoweredKernel lowered;
  unsigned operand = weight.getArgNumber();
  lowered.packings.push_back(succeeded(quads) ? quads->pack(kernel.getContext(), operand)
                                              : packPanels(operand, viewDepthwiseWeights(s, lanes), lanes, accumulator));
  SmallVector<MemRefType> packedTypes(kernel.getInputs().size());
  packedTypes[operand] = lowered.packings.back().packedType;
  KernelFrame frame(kernel, moduleBuilder, packedTypes);
  ImplicitLocOpBuilder &b = frame.b;
  epilogue->prepare(frame, target);
  Value inputBuffer = flatten(b, frame.buffer(input)), biasBuffer = bias ? flatten(b, frame.buffer(bias)) : Value();

  int64_t lines = s.n * s.oh, pixels = succeeded(quads) ? s.ow : choosePixels(s.ow, target), strips = llvm::divideCeil(s.ow, pixels);
  int64_t chunk = (succeeded(quads) ? 1 << 17 : 1 << 19) / std::max<int64_t>(1, pixels * s.c * s.r * s.s);
  // Rows that the window reaches beyond a chunk are read again for the next one: a quarter of a chunk at most.
  if (failed(quads))
    chunk = std::max(chunk, 4 * (s.r - 1) * s.dilationY / s.strideY);
  chunk = std::clamp<int64_t>(chunk, 1, llvm::divideCeil(lines, 2));
  int64_t chunks = llvm::divideCeil(lines, chunk);
  chunk = llvm::divideCeil(lines, chunks); // of one size
  lowered.tiles = chunks * strips;
  auto tiles = scf::ForOp::create(b, frame.begin(), frame.end(), indexConstant(b, 1));
  b.setInsertionPointToStart(tiles.getBody());
  Value tile = tiles.getInductionVar();
  Value first = mulIndex(b, arith::DivUIOp::create(b, tile, indexConstant(b, strips)), chunk), strip = arith::RemUIOp::create(b, tile, indexConstant(b, strips));
  Value last = minIndex(b, addIndex(b, first, chunk), indexConstant(b, lines));
  if (succeeded(quads)) {
    emitFor(b, first, last, 1, [&](Value line) { quads->emitLine({frame, *epilogue, inputBuffer, frame.buffer(weight), biasBuffer}, line); });
  } else {
    DepthwiseEmitter{frame, s, *epilogue, lanes, pixels, target.hasFma, element, accumulator, inputBuffer, frame.buffer(weight), biasBuffer,
                     bias ? conv.getBias().getType().getElementType() : Type(), fetchesBelow(s, element, lanes)}
        .emitStrip(strip, first, last);
  }
  lowered.function = frame.function;
  return lowered;
}

} // namespace fettle::codegen
