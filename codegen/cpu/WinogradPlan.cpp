//===- WinogradPlan.cpp - which convolutions, in which blocks -------------===//
//
// Problem. More tiles in a block mean that the weights, up to four times their size, are read less often; but the transformed
// input of a block must stay in the second-level cache, on a stack of bounded size, and the rows of a block are
// best a multiple of the register tile's.
//
// Example. 14x14 pixels, 256 channels to 256, F(2x2, 3x3): 49 tiles, 4.2 MB of weights. One block would take 0.9 MB of scratch; two,
// of 25 and 24 tiles, take 0.5 MB, in two register tiles of 13 rows each. F(4x4, 3x3) has 16 tiles, whose work is done before
// their 9.4 MB of weights have come from memory: the smaller form is taken. 512 channels to 512 on 7x7 pixels stay direct.
//
// Method. All numbers of blocks are tried with all register tiles, and what takes the fewest cycles is taken: those of
// the products (TileShape.h), of starting and storing register tiles, of the transforms; or those in which the weights
// come, where these are more.
//
// Cost. At most some ten thousand estimates, a few milliseconds. Measured on one Zen 5 core: of 70 convolutions of 3 to 512 channels with
// AVX-512, 50 with AVX2 and 24 with SSE, weights in the cache or in memory, what the estimate takes was at most 9 % slower than direct
// (7x7x256, weights in memory) and at best 3.2 times as fast (56x56x64). Where large weights meet few pixels and are in the cache,
// the larger form would be up to a third faster than what is taken.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/WinogradPlan.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

namespace fettle::codegen {

/// Stack bytes of a call, at most.
constexpr int64_t mostScratch = 512 * 1024;
/// Pieces of work, so that several threads find some, evenly; and what of one thread's time is given for an even division
/// between two of them, at most.
constexpr int64_t wantedPieces = 8;
constexpr double sharingWorth = 0.25;
/// Bytes of weights that come in a cycle: from memory; from the third level of the cache; and mostly from the second.
constexpr double memoryBytes = 8, farBytes = 24, nearBytes = 64;
/// Weights up to which size a later block finds them there.
constexpr int64_t nearWeights = 2 << 20, farWeights = 10 << 20;
/// The first block finds them in memory, but for weights so small that the whole network is: they stay in the third level
/// from call to call.
constexpr int64_t stayingWeights = 1 << 20;
/// What of weights stays in the first level of the cache, bytes a cycle from the second, and what stays in that.
constexpr int64_t firstCache = 32 * 1024;
constexpr double loadBytes = 32;
constexpr int64_t secondCache = 1 << 20;
/// Cycles to begin and end one register tile besides its stores, and to find the place of one tile of the output.
constexpr double tileStart = 20, placeStart = 25;

/// Elements of a row of at least `elements`, in an odd number of cache lines: rows below each other then lie in different sets.
static int64_t oddLines(int64_t elements) {
  constexpr int64_t line = 16;
  return (llvm::divideCeil(elements, line) | 1) * line;
}

static int64_t scratchBytes(const WinogradPlan &plan, int64_t lanes) {
  int64_t products = plan.form.positions() * plan.mostTiles() * plan.product.vectors * lanes;
  return 4 * (plan.form.positions() * (plan.rowStride + plan.positionStride) + products);
}

static int64_t panelsOf(const WinogradPlan &plan, const ConvolutionShape &s, int64_t lanes) {
  return llvm::divideCeil(s.o, lanes * plan.product.vectors);
}

/// Cycles in which weights come to the first block.
static double arrivalCycles(double bytes) { return bytes / (bytes > stayingWeights ? memoryBytes : farBytes); }

/// Work and the arrival of what it needs go on at the same time, not perfectly.
static double overlap(double work, double arrival) { return std::max(work, arrival) + std::min(work, arrival) / 4; }

static double estimateCycles(const WinogradPlan &plan, const ConvolutionShape &s, const CpuTarget &target) {
  int64_t lanes = target.vectorBytes / 4, channelVectors = llvm::divideCeil(s.c, lanes), columnVectors = llvm::divideCeil(s.o, lanes);
  int64_t panels = panelsOf(plan, s, lanes), registerTiles = llvm::divideCeil(plan.mostTiles(), plan.product.rows) * panels;
  // The weights of a step are loaded by each row of register tiles, from the second level where they do not stay in the first.
  double step = tileCycles(plan.mostTiles(), columnVectors, multiplyAddStep(target), plan.product) * (target.hasFma ? 1 : 2);
  double loads = double(llvm::divideCeil(plan.mostTiles(), plan.product.rows)) * columnVectors * target.vectorBytes / loadBytes;
  int64_t weights = plan.product.vectors * target.vectorBytes * s.c;
  if (weights >= firstCache)
    step = std::max(step, loads);
  if (weights > firstCache / 2)
    step += loads / 4;
  double block = plan.form.positions() * (step * s.c + registerTiles * (tileStart + plan.product.rows * plan.product.vectors));
  // A store for each position of a vector; with few registers what is between them is stored too.
  double vector = plan.form.positions() * (target.vectorRegisters < 32 ? 2.2 : 1.6);
  double transforms = plan.tiles * ((channelVectors + columnVectors) * vector + (1 + panels) * placeStart);
  double bytes = 4.0 * plan.form.positions() * s.c * s.o;
  double again = bytes / (bytes > farWeights ? memoryBytes : bytes > nearWeights ? farBytes : nearBytes);
  // Weights of a panel that push the transformed input out of the second level make each panel wait for it.
  double input = 4.0 * plan.form.positions() * plan.positionStride;
  if (scratchBytes(plan, lanes) + bytes / panels > secondCache)
    block += panels * input / farBytes;
  return overlap(block, arrivalCycles(bytes)) + (plan.blocks - 1) * overlap(block, again) + transforms;
}

static double costOf(const WinogradPlan &plan, int64_t panels) {
  double pieces = plan.blocks * panels, unevenness = 2 * std::ceil(pieces / 2) / pieces - 1;
  return plan.cycles * (1 + sharingWorth * unevenness);
}

llvm::SmallVector<WinogradForm> winogradForms(const ConvolutionShape &s) {
  auto isTaken = [](int64_t taps) { return taps == 1 || taps == 3 || taps == 5; };
  bool isPlain = s.strideX == 1 && s.strideY == 1 && s.groups == 1;
  if (!isPlain || !isTaken(s.r) || !isTaken(s.s) || s.r * s.s == 1)
    return {};
  llvm::SmallVector<WinogradForm> forms;
  for (int64_t output : {2, 4}) {
    auto axis = [&](int64_t taps) { return WinogradAxis{taps == 1 ? 1 : output, taps}; };
    WinogradForm form{axis(s.r), axis(s.s)};
    // In two dimensions, eight points would lose digits.
    if (s.r == 1 || s.s == 1 || (form.y.patch() <= 6 && form.x.patch() <= 6))
      forms.push_back(form);
  }
  return forms;
}

mlir::FailureOr<WinogradPlan> WinogradPlan::choose(WinogradForm form, const ConvolutionShape &s, const CpuTarget &target, int64_t panelVectors) {
  int64_t lanes = target.vectorBytes / 4, columnVectors = llvm::divideCeil(s.o, lanes);
  WinogradPlan plan;
  plan.form = form;
  auto tilesOf = [](int64_t extent, int64_t dilation, WinogradAxis axis) { return dilation * llvm::divideCeil(extent, dilation * axis.output); };
  plan.tilesY = tilesOf(s.oh, s.dilationY, form.y);
  plan.tilesX = tilesOf(s.ow, s.dilationX, form.x);
  plan.tiles = s.n * plan.tilesY * plan.tilesX;
  plan.rowStride = oddLines(llvm::alignTo(s.c, lanes));
  plan.blocks = 0; // none yet
  WinogradPlan best = plan;
  TileStep step = multiplyAddStep(target);
  for (int64_t tiles = std::min<int64_t>(plan.tiles, mostScratch / (4 * form.positions() * plan.rowStride)); tiles > 0; --tiles) {
    int64_t blocks = llvm::divideCeil(plan.tiles, tiles);
    if (blocks == plan.blocks)
      continue; // as many blocks of fewer tiles are the same blocks
    plan.blocks = blocks;
    plan.positionStride = oddLines(plan.mostTiles() * plan.rowStride);
    // No more rows than the smallest block has: the last register tile is moved back over its neighbour.
    for (TileShape tile{1, 1}; tile.vectors <= std::min(maxTileVectors, columnVectors); ++tile.vectors)
      for (tile.rows = 1; tile.rows <= std::min(maxTileRows, plan.fewestTiles()); ++tile.rows) {
        plan.product = tile;
        bool isFree = panelVectors == 0 || tile.vectors == panelVectors;
        if (!isFree || !fitsRegisters(target, tile, step) || scratchBytes(plan, lanes) > mostScratch)
          continue;
        plan.cycles = estimateCycles(plan, s, target);
        plan.cost = costOf(plan, panelsOf(plan, s, lanes));
        if (best.blocks == 0 || plan.cost < best.cost)
          best = plan;
      }
  }
  if (best.blocks == 0)
    return mlir::failure();
  int64_t panels = panelsOf(best, s, lanes);
  auto isEven = [&] { return best.blocks * best.parts >= 2 * wantedPieces || (best.blocks * best.parts) % 2 == 0; };
  while (best.parts < panels && (best.blocks * best.parts < wantedPieces || !isEven()))
    ++best.parts;
  return best;
}

/// Taps of all windows of one axis that lie inside the input.
static int64_t tapsInside(int64_t input, int64_t output, int64_t window, int64_t dilation, int64_t pad) {
  int64_t taps = 0;
  for (int64_t tap = 0; tap < window * dilation; tap += dilation)
    taps += std::max<int64_t>(0, std::min(output, input + pad - tap) - std::max<int64_t>(0, pad - tap));
  return taps;
}

/// The same estimate for the direct algorithm (ConvolutionBuilder.cpp).
static double directCycles(const ConvolutionShape &s, const CpuTarget &target) {
  int64_t columnVectors = llvm::divideCeil(s.o, target.vectorBytes / 4);
  TileStep step = multiplyAddStep(target);
  double rowOfOneTap = tileCycles(s.ow, columnVectors, step, chooseTile(target, s.ow, columnVectors)) * s.c * (target.hasFma ? 1 : 2);
  double taps = double(tapsInside(s.h, s.oh, s.r, s.dilationY, s.padY)) * tapsInside(s.w, s.ow, s.s, s.dilationX, s.padX) / s.ow;
  return overlap(rowOfOneTap * taps * s.n, arrivalCycles(4.0 * s.r * s.s * s.c * s.o));
}

/// Share of the time of the direct algorithm, and of the next smaller form, that the estimate must stay below: what it is not
/// exact about, and larger weights for nothing.
constexpr double worthwhile = 0.9;

std::optional<WinogradForm> worthwhileForm(ConvolutionShape shape, const CpuTarget &target) {
  shape.n = 1;
  std::optional<WinogradForm> best;
  double leastCycles = directCycles(shape, target);
  for (WinogradForm form : winogradForms(shape)) {
    mlir::FailureOr<WinogradPlan> plan = WinogradPlan::choose(form, shape, target, /*panelVectors=*/0);
    if (failed(plan) || plan->cost > worthwhile * leastCycles)
      continue;
    leastCycles = plan->cost;
    best = form;
  }
  return best;
}

} // namespace fettle::codegen
