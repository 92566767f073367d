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
// Quantized inputs stand for the real 0 where padding is, so that the zero point is
// taken from a sum once per tap that was added: what a sum is corrected by depends on
// which taps those are. Taps left and right of the input differ by pixel and are few
// kinds; those above and below are a stretch of rows, so that the table of
// corrections holds running sums over r, and a tile adds the difference of two of its entries.
//
// With few channels a word (DotProduct.h) reaches over several taps: the taps of a
// window row are then one run, and elements outside the input are patched.
//
// A pointwise convolution with stride 1 is a matrix product over all pixels: one
// row of n*h*w pixels.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/ConvolutionBuilder.h"
#include "codegen/cpu/LoopEmitter.h"
#include "codegen/cpu/PackWeights.h"
#include "codegen/cpu/PanelAgreement.h"
#include "codegen/cpu/RegisterTile.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fettle::codegen {

static bool isPointwiseProduct(const ConvolutionShape &s) {
  return s.r == 1 && s.s == 1 && s.strideX == 1 && s.strideY == 1 && s.ow == s.w && s.oh == s.h && s.padX == 0 && s.padY == 0;
}

namespace {

/// The zero point table of a convolution: one block of entries for each kind of
/// pixel (which taps of a window row are inside), in it running sums over the rows
/// of the window, or just the whole sum where no row is ever outside.
class CorrectionTable {
public:
  /// `kinds` starts with that of the interior.
  CorrectionTable(const ConvolutionShape &shape, ArrayRef<PixelSpan> spans, bool patchesColumns) : s(shape) {
    kinds.emplace_back(s.s, true);
    for (const PixelSpan &span : spans)
      for (int64_t i = 0; !patchesColumns && i < int64_t(span.inside[0].size()); ++i)
        if (SmallVector<bool> taps = span.tapsOf(i); !llvm::is_contained(kinds, taps))
          kinds.push_back(taps);
    patches = patchesColumns;
  }

  int64_t rowEntries() const { return s.isInteriorInY() ? 1 : s.r + 1; }
  int64_t entries() const { return kinds.size() * rowEntries(); }
  /// First entry of the kind of a pixel.
  int64_t entryOf(const PixelSpan &span, int64_t pixel) const {
    return patches ? 0 : (llvm::find(kinds, span.tapsOf(pixel)) - kinds.begin()) * rowEntries();
  }
  /// Whether the weights of `step` (window row, tap, channel) are in the sum of an entry.
  bool covers(int64_t entry, int64_t step) const {
    int64_t tap = step / (s.c / s.groups), row = tap / s.s;
    return (s.isInteriorInY() || row < entry % rowEntries()) && kinds[entry / rowEntries()][tap % s.s];
  }
  std::string name() const {
    std::string text = "starts of";
    for (const SmallVector<bool> &kind : kinds) {
      text += ' ';
      for (bool inside : kind)
        text += inside ? '1' : '0';
    }
    return text + " by " + std::to_string(rowEntries());
  }

private:
  ConvolutionShape s;
  bool patches;
  SmallVector<SmallVector<bool>> kinds;
};

/// What the loops of one convolution share.
struct ConvolutionEmitter {
  KernelFrame &frame;
  const ConvolutionShape &s;
  const RegisterTile &tile;
  const Epilogue &epilogue;
  const CorrectionTable &corrections;
  Value mask, bias;
  Type biasElement;

  ImplicitLocOpBuilder &b = frame.b;
  int64_t channels = s.c / s.groups; ///< per group
  bool rowIsOneRun = isOneRun(s, tile);

  /// Whether the channels of a tap are few, and not whole words.
  static bool isShort(const ConvolutionShape &s, const DotProduct &dot) { return s.c < 4 && s.c % dot.elements() != 0; }
  /// Whether all taps of a window row lie side by side and are packed so.
  static bool isOneRun(const ConvolutionShape &s, const RegisterTile &tile) {
    return tile.dot && isShort(s, *tile.dot) && s.dilationX == 1 && s.groups == 1;
  }
  /// Packed weights of one row of the window.
  int64_t rowSize() const { return rowIsOneRun ? tile.packedSize(s.s * s.c) : s.s * tile.packedSize(channels); }

  Value index(int64_t value) { return arith::ConstantIndexOp::create(b, value); }
  Value add(Value x, Value y) { return arith::AddIOp::create(b, x, y); }
  Value mul(Value x, int64_t factor) { return factor == 1 ? x : arith::MulIOp::create(b, x, index(factor)).getResult(); }

  /// One row of the window: all taps and channels. `lhsBase` is pixel 0, tap 0, channel 0 of the group.
  RegisterTile::Accumulators emitWindowRow(RegisterTile::Accumulators sums, const PixelSpan &span, Value lhsBase, Value rhsBase, const TilePrefetch &prefetch) {
    int64_t pixelStride = s.strideX * s.c, step = tile.panelColumns();
    bool isContiguous = s.dilationX == 1 && s.groups == 1 && (s.c % tile.stepsAtOnce() == 0 || rowIsOneRun);
    if (span.isInterior && isContiguous)
      return tile.emitSteps(b, sums, s.s * s.c, lhsBase, pixelStride, 1, rhsBase, step, mask, {}, prefetch);
    if (rowIsOneRun) {
      tile.emitPatchedRun(b, sums, s.s * s.c, lhsBase, pixelStride, rhsBase, [&](int64_t row, int64_t step) { return span.inside[step / s.c][row]; });
      return sums;
    }
    auto isWhole = [&](int64_t tap) { return llvm::all_of(span.inside[tap], [](bool inside) { return inside; }); };
    for (int64_t tap = 0, next; tap < s.s; tap = next) {
      next = tap + 1;
      if (llvm::none_of(span.inside[tap], [](bool inside) { return inside; }))
        continue;
      // Neighbours that no pixel misses are one stretch of the input: the first layer has but three channels a tap.
      while (isContiguous && isWhole(tap) && next < s.s && isWhole(next))
        ++next;
      Value offset = index(tap * tile.packedSize(channels));
      sums = tile.emitSteps(b, sums, (next - tap) * channels, add(lhsBase, index(tap * s.dilationX * s.c)), pixelStride, 1, add(rhsBase, offset), step,
                            mask, span.inside[tap], prefetch.from(b, offset));
    }
    return sums;
  }

  /// The panel of weights and the output row that tiles belong to.
  struct Place {
    Value image, line; ///< line = image * oh + oy
    WindowRows window;
    Value group, panelBase, tableBase, firstColumn;
    TilePrefetch prefetch;
  };

  /// Adds to the sums of each pixel their part of the zero point table.
  void emitAddZeroPoints(RegisterTile::Accumulators &sums, const PixelSpan &span, const Place &place) {
    if (!place.tableBase)
      return;
    int64_t entryBytes = tile.panelColumns() * 4;
    // Where no row is inside, the first one inside comes after the last.
    Value firstRow = arith::MinSIOp::create(b, place.window.first, place.window.last);
    for (int64_t i = 0; i < tile.shape.rows; ++i) {
      int64_t first = corrections.entryOf(span, i);
      auto entry = [&](Value rows) { return add(place.tableBase, add(index(first * entryBytes), mul(rows, entryBytes))); };
      if (s.isInteriorInY())
        tile.emitAddZeroPoint(b, sums, i, entry(index(0)));
      else
        tile.emitAddZeroPoint(b, sums, i, entry(place.window.last), entry(firstRow));
    }
  }

  /// One tile, from pixel `tileIndex` * rows of the output row on.
  void emitTile(const PixelSpan &span, Value tileIndex, const Place &place) {
    OpBuilder::InsertionGuard guard(b);
    Value x = arith::MinSIOp::create(b, mul(tileIndex, tile.shape.rows), index(s.ow - tile.shape.rows));
    // Pixel 0, tap 0 of window row 0; the columns may begin left of the input.
    Value column = arith::SubIOp::create(b, mul(x, s.strideX * s.c), index(s.padX * s.c));
    Value origin = add(add(mul(add(mul(place.image, s.h), place.window.inputRow), s.w * s.c), column), mul(place.group, channels));
    Value firstRow = add(mul(place.line, s.ow), x);
    TilePrefetch prefetch = place.prefetch;
    prefetch.addResults(epilogue, firstRow, tile.shape.rows, place.firstColumn, std::min(tile.panelColumns(), tile.columns));
    auto rows = scf::ForOp::create(b, place.window.first, place.window.last, index(1), tile.emitStart(b));
    forbidUnrolling(rows);
    b.setInsertionPointToStart(rows.getBody());
    Value r = rows.getInductionVar();
    RegisterTile::Accumulators carried(rows.getRegionIterArgs().begin(), rows.getRegionIterArgs().end());
    Value offset = mul(r, rowSize());
    carried = emitWindowRow(carried, span, add(origin, mul(r, s.dilationY * s.w * s.c)), add(place.panelBase, offset), prefetch.from(b, offset));
    scf::YieldOp::create(b, carried);
    b.setInsertionPointAfter(rows);
    RegisterTile::Accumulators sums(rows.getResults().begin(), rows.getResults().end());
    emitAddZeroPoints(sums, span, place);
    Value firstColumn = emitOpaque(b, place.firstColumn);
    if (bias)
      tile.emitAddBias(b, sums, bias, biasElement, firstColumn, mask);
    tile.emitFinish(frame, epilogue, sums, firstRow, firstColumn, mask);
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
  Type element = conv.getInput().getType().getElementType();
  // More taps than this would be unrolled into too much straight-line code.
  bool hasFewTaps = s.s <= 16, isContiguous = s.isInteriorInX() && s.dilationX == 1 && s.groups == 1;
  if (!hasFewTaps && !isContiguous)
    return failure();
  std::optional<DotProduct> dot = DotProduct::choose(target, element, conv.getWeight().getType().getElementType());
  if (dot && !hasFewTaps && s.c % dot->elements() != 0 && !ConvolutionEmitter::isShort(s, *dot))
    dot = std::nullopt;
  RegisterTile tile = RegisterTile::choose(target, accumulator, s.ow, s.o / s.groups, element, /*rhsElement=*/Type(), dot, agreedPanelVectors(kernel));
  tile.lhsZeroPoint = int64_t(conv.getZeroPoint());

  LoweredKernel lowered;
  SmallVector<PixelSpan> spans = pixelSpans(s, tile.shape.rows);
  int64_t channels = s.c / s.groups;
  bool rowIsOneRun = ConvolutionEmitter::isOneRun(s, tile);
  CorrectionTable corrections(s, spans, /*patchesColumns=*/rowIsOneRun);
  ZeroPointTable table = tile.zeroPointTable(corrections.entries(), [corrections](int64_t entry, int64_t step) { return corrections.covers(entry, step); }, corrections.name());
  PackedWeights weights = tile.pack(weight.getArgNumber(), viewConvolutionWeights(conv.getWeight().getType(), s.groups),
                                    rowIsOneRun ? s.s * s.c : channels, table);
  lowered.packings.push_back(weights.packing);
  SmallVector<MemRefType> packedTypes(kernel.getInputs().size());
  packedTypes[weight.getArgNumber()] = weights.packing.packedType;
  KernelFrame frame(kernel, moduleBuilder, packedTypes);
  ImplicitLocOpBuilder &b = frame.b;
  epilogue->prepare(frame, target);
  tile.lhs = flatten(b, frame.buffer(input));
  tile.rhs = flatten(b, frame.buffer(weight));
  Value biasBuffer = bias ? flatten(b, frame.buffer(bias)) : Value();
  ConvolutionEmitter e{frame, s, tile, *epilogue, corrections, tile.emitTailMask(b), biasBuffer, bias ? conv.getBias().getType().getElementType() : Type()};

  int64_t panelSize = s.r * e.rowSize();
  // A lone row (a pointwise convolution) is cut along its pixels, others between rows.
  bool isOneRow = s.n * s.oh == 1 && spans.size() == 1;
  int64_t units = isOneRow ? spans[0].lastTile : s.n * s.oh;
  int64_t stepsOfUnit = (isOneRow ? tile.shape.rows : s.ow) * panelSize / (tile.dot ? 4 : 1); // four bytes of weights take as long as an f32
  int64_t chunk = std::clamp<int64_t>((1 << 18) / std::max<int64_t>(1, stepsOfUnit), 1, units), chunks = llvm::divideCeil(units, chunk);
  int64_t panels = tile.panels() * s.groups;
  bool panelsRunFastest = panels * panelSize * (tile.dot ? 1 : 4) <= (256 << 10);
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
  Value tableBase = weights.tableBytes > 0 ? e.add(e.mul(panel, weights.tableBytes), e.index(weights.tableOffset)) : Value();
  Value firstUnit = e.mul(chunkId, chunk);
  Value lastUnit = arith::MinSIOp::create(b, e.add(firstUnit, e.index(chunk)), e.index(units));
  auto unitLoop = scf::ForOp::create(b, firstUnit, lastUnit, e.index(1));
  b.setInsertionPointToStart(unitLoop.getBody());
  Value unit = unitLoop.getInductionVar();
  Value line = isOneRow ? e.index(0) : unit;
  Value image = arith::DivUIOp::create(b, line, e.index(s.oh)), oy = arith::RemUIOp::create(b, line, e.index(s.oh));
  TilePrefetch prefetch(s.r * s.s * channels / tile.stepsAtOnce(), panelSize);
  if (!panelsRunFastest && units > 1) {
    Value next = e.mul(minIndex(b, e.add(panel, e.index(1)), e.index(panels - 1)), panelSize);
    prefetch.addWeights(b, tile.rhs, next, unit, units);
  }
  ConvolutionEmitter::Place place{image, line, emitWindowRows(b, s, oy), group, panelBase, tableBase, firstColumn, prefetch};
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
