//===- ConvolutionBuilder.cpp - convolutions in register tiles ------------===//
//
// Direct: no patches are copied. A tile is a few pixels of one output row by a
// few vectors of output channels; its accumulators live in registers over the
// whole window and all input channels. Padding costs nothing inside the loops:
// rows of the window outside the input shorten the loop over r, columns outside
// are left out of the straight-line code of the spans at the edges (PixelSpan).
//
//   tile t of the kernel = (panel of output channels, chunk of output rows)
//
// A pointwise convolution with stride 1 is a matrix product over all pixels: one
// row of n*h*w pixels.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/ConvolutionBuilder.h"
#include "codegen/cpu/PackWeights.h"
#include "codegen/cpu/RegisterTile.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fettle::codegen {

static bool isPointwiseProduct(const ConvolutionShape &s) {
  return s.r == 1 && s.s == 1 && s.strideX == 1 && s.strideY == 1 && s.ow == s.w && s.oh == s.h && s.padX == 0 && s.padY == 0;
}

namespace {

/// What the loops of one convolution share.
struct ConvolutionEmitter {
  KernelFrame &frame;
  const ConvolutionShape &s;
  const RegisterTile &tile;
  const Epilogue &epilogue;
  Value mask, bias;
  Type biasElement;

  ImplicitLocOpBuilder &b = frame.b;
  int64_t channels = s.c / s.groups; ///< per group

  Value index(int64_t value) { return arith::ConstantIndexOp::create(b, value); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value mul(Value x, int64_t factor) { return factor == 1 ? x : arith::MulIOp::create(b, x, index(factor)).getResult(); }

  /// One row of the window: all taps and channels. `lhsBase` is pixel 0, tap 0, channel 0 of the group.
  RegisterTile::Accumulators emitWindowRow(RegisterTile::Accumulators sums, const PixelSpan &span, Value lhsBase, Value rhsBase) {
    int64_t pixelStride = s.strideX * s.c, step = tile.panelColumns();
    if (span.isInterior && s.dilationX == 1 && s.groups == 1) // taps and channels are one contiguous stretch
      return tile.emitSteps(b, sums, s.s * s.c, lhsBase, pixelStride, 1, rhsBase, step, mask);
    for (int64_t tap = 0; tap < s.s; ++tap) {
      if (llvm::none_of(span.inside[tap], [](bool inside) { return inside; }))
        continue;
      sums = tile.emitSteps(b, sums, channels, add(lhsBase, index(tap * s.dilationX * s.c)), pixelStride, 1,
                            add(rhsBase, index(tap * channels * step)), step, mask, span.inside[tap]);
    }
    return sums;
  }

  /// The panel of weights and the output row that tiles belong to.
  struct Place {
    Value image, line; ///< line = image * oh + oy
    WindowRows window;
    Value group, panelBase, firstColumn;
  };

  /// One tile, from pixel `tileIndex` * rows of the output row on.
  void emitTile(const PixelSpan &span, Value tileIndex, const Place &place) {
    OpBuilder::InsertionGuard guard(b);
    Value x = arith::MinSIOp::create(b, mul(tileIndex, tile.shape.rows), index(s.ow - tile.shape.rows));
    auto sums = tile.emitStart(b, bias, biasElement, place.firstColumn, mask);
    // Pixel 0, tap 0 of window row 0; the columns may begin left of the input.
    Value column = arith::SubIOp::create(b, mul(x, s.strideX * s.c), index(s.padX * s.c));
    Value origin = add(add(mul(add(mul(place.image, s.h), place.window.inputRow), s.w * s.c), column), mul(place.group, channels));
    auto rows = scf::ForOp::create(b, place.window.first, place.window.last, index(1), sums);
    b.setInsertionPointToStart(rows.getBody());
    Value r = rows.getInductionVar();
    RegisterTile::Accumulators carried(rows.getRegionIterArgs().begin(), rows.getRegionIterArgs().end());
    carried = emitWindowRow(carried, span, add(origin, mul(r, s.dilationY * s.w * s.c)), add(place.panelBase, mul(r, s.s * channels * tile.panelColumns())));
    scf::YieldOp::create(b, carried);
    b.setInsertionPointAfter(rows);
    RegisterTile::Accumulators results(rows.getResults().begin(), rows.getResults().end());
    tile.emitFinish(frame, epilogue, results, add(mul(place.line, s.ow), x), place.firstColumn, mask);
  }
};

} // namespace

FailureOr<LoweredKernel> buildConvolution(nn::KernelOp kernel, nn::ConvOp conv, const CpuTarget &target, OpBuilder &moduleBuilder) {
  auto input = dyn_cast<BlockArgument>(conv.getInput());
  auto weight = dyn_cast<BlockArgument>(conv.getWeight());
  auto bias = dyn_cast_or_null<BlockArgument>(conv.getBias());
  FailureOr<Epilogue> epilogue = Epilogue::match(kernel, conv);
  FailureOr<ConvolutionShape> shape = convolutionShape(conv);
  Type accumulator = accumulatorType(conv.getInput().getType().getElementType());
  if (!input || !weight || (conv.getBias() && !bias) || failed(epilogue) || failed(shape) || !accumulator || !isConstantOperand(kernel, weight))
    return failure();
  ConvolutionShape s = *shape;
  if (isPointwiseProduct(s)) {
    s.ow = s.w = s.n * s.h * s.w;
    s.n = s.h = s.oh = 1;
  }
  RegisterTile tile =
      RegisterTile::choose(target, accumulator, s.ow, s.o / s.groups, conv.getInput().getType().getElementType(), /*rhsElement=*/Type());

  if (s.s > 16 && !(s.isInteriorInX() && s.dilationX == 1 && s.groups == 1))
    return failure(); // taps would be unrolled into too much straight-line code

  LoweredKernel lowered;
  lowered.packings.push_back(packPanels(weight.getArgNumber(), viewConvolutionWeights(conv.getWeight().getType(), s.groups), tile.panelColumns(), accumulator));
  SmallVector<MemRefType> packedTypes(kernel.getInputs().size());
  packedTypes[weight.getArgNumber()] = lowered.packings.back().packedType;
  KernelFrame frame(kernel, moduleBuilder, packedTypes);
  ImplicitLocOpBuilder &b = frame.b;
  epilogue->prepare(frame);
  tile.lhs = flatten(b, frame.buffer(input));
  tile.rhs = flatten(b, frame.buffer(weight));
  Value biasBuffer = bias ? flatten(b, frame.buffer(bias)) : Value();
  ConvolutionEmitter e{frame, s, tile, *epilogue, tile.emitTailMask(b), biasBuffer, bias ? conv.getBias().getType().getElementType() : Type()};

  SmallVector<PixelSpan> spans = pixelSpans(s, tile.shape.rows);
  int64_t channels = s.c / s.groups, panelSize = s.r * s.s * channels * tile.panelColumns();
  // A lone row (a pointwise convolution) is cut along its pixels, others between rows.
  bool isOneRow = s.n * s.oh == 1 && spans.size() == 1;
  int64_t units = isOneRow ? spans[0].lastTile : s.n * s.oh;
  int64_t macsOfUnit = (isOneRow ? tile.shape.rows : s.ow) * panelSize;
  int64_t chunk = std::clamp<int64_t>((1 << 18) / std::max<int64_t>(1, macsOfUnit), 1, units), chunks = llvm::divideCeil(units, chunk);
  int64_t panels = tile.panels() * s.groups;
  bool panelsRunFastest = panels * panelSize * 4 <= (256 << 10);
  lowered.tiles = panels * chunks;

  auto tiles = scf::ForOp::create(b, frame.begin(), frame.end(), e.index(1));
  b.setInsertionPointToStart(tiles.getBody());
  Value id = tiles.getInductionVar();
  Value fast = arith::RemUIOp::create(b, id, e.index(panelsRunFastest ? panels : chunks));
  Value slow = arith::DivUIOp::create(b, id, e.index(panelsRunFastest ? panels : chunks));
  Value panel = panelsRunFastest ? fast : slow, chunkId = panelsRunFastest ? slow : fast;
  Value group = arith::DivUIOp::create(b, panel, e.index(tile.panels()));
  Value columnInGroup = tile.emitFirstColumn(b, arith::RemUIOp::create(b, panel, e.index(tile.panels())));
  Value firstColumn = e.add(e.mul(group, tile.columns), columnInGroup);
  Value panelBase = e.mul(panel, panelSize);
  Value firstUnit = e.mul(chunkId, chunk);
  Value lastUnit = arith::MinSIOp::create(b, e.add(firstUnit, e.index(chunk)), e.index(units));
  auto unitLoop = scf::ForOp::create(b, firstUnit, lastUnit, e.index(1));
  b.setInsertionPointToStart(unitLoop.getBody());
  Value unit = unitLoop.getInductionVar();
  Value line = isOneRow ? e.index(0) : unit;
  Value image = arith::DivUIOp::create(b, line, e.index(s.oh)), oy = arith::RemUIOp::create(b, line, e.index(s.oh));
  ConvolutionEmitter::Place place{image, line, emitWindowRows(b, s, oy), group, panelBase, firstColumn};
  if (isOneRow) {
    e.emitTile(spans[0], unit, place);
  } else {
    for (const PixelSpan &span : spans) {
      OpBuilder::InsertionGuard guard(b);
      auto spanTiles = scf::ForOp::create(b, e.index(span.firstTile), e.index(span.lastTile), e.index(1));
      b.setInsertionPointToStart(spanTiles.getBody());
      e.emitTile(span, spanTiles.getInductionVar(), place);
    }
  }
  lowered.function = frame.function;
  return lowered;
}

} // namespace fettle::codegen
