//===- WinogradBuilder.cpp - 3x3 convolutions with fewer multiplications --===//
//
// Problem. Large convolutions run at the peak of the multiply-add units: only fewer multiplications make them faster.
//
// Example, F(2, 3) in one dimension: two outputs of a window of three taps, y0 = d0 g0 + d1 g1 + d2 g2 and
// y1 = d1 g0 + d2 g1 + d3 g2, take six multiplications. With
//
//   m0 = (d0 - d2) g0    m1 = (d1 + d2) (g0 + g1 + g2) / 2    m2 = (d2 - d1) (g0 - g1 + g2) / 2    m3 = (d1 - d3) g2
//
// y0 = m0 + m1 + m2 and y1 = m1 - m2 - m3 take four. What the taps are multiplied by is known when the weights are packed;
// the differences of the inputs are made once for all output channels, and the sums of the products, being linear, once
// for all input channels. Nested in two dimensions, F(2x2, 3x3) makes 2x2 outputs from a patch of 4x4 inputs with 16
// multiplications instead of 36: Y = A^T [sum over channels of (G g G^T) * (B^T d B)] A.
//
//   tile t of the kernel = (block of tiles of the output, stretch of panels of output channels)
//     transform the patches of the block's tiles to scratch:   V[16 positions][tiles][input channels]
//     for each panel:
//       for each position: V[position] x weights[position]  -> M[16 positions][tiles][panel]   (register tiles)
//       for each tile: A^T M A, bias, epilogue, up to four pixels of the output
//
// The parts of one block that a thread computes one after the other have V in common. Patches that reach beyond the input
// are copied first, with zeros around; pixels beyond an odd height or width are not stored.
//
// Why it is sound. The sums are those of the direct algorithm in another order, with two or three more roundings of each input
// and of each result. Each sum has a ninth of the terms: in random convolutions of 4 to 256 channels the largest error
// was 0.3 to 0.7 of that of the direct algorithm. (F(4x4, 3x3) needs factors up to 8 and loses digits; it is not used.)
// An infinite input gives NaN in all outputs of its patch, for infinities are subtracted.
//
// Cost. 16/9 of the weights, and up to half a megabyte of stack. Measured on one Zen 5 core: 56x56x64 to 64 channels takes
// 0.51 ms instead of 0.96, 14x14x256 to 256 0.49 instead of 0.90. WinogradPlan.cpp tells where it is worth it.
//
// Source: A. Lavin, S. Gray, "Fast Algorithms for Convolutional Neural Networks", 2015, arXiv:1509.09308, section 4.1.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Pointwise.h"
#include "codegen/cpu/ConvolutionBuilder.h"
#include "codegen/cpu/KernelBuilders.h"
#include "codegen/cpu/LoopEmitter.h"
#include "codegen/cpu/PanelAgreement.h"
#include "codegen/cpu/RegisterTile.h"
#include "codegen/cpu/WinogradPlan.h"
#include "codegen/cpu/WinogradTransform.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fettle::codegen {

namespace {

/// What the loops of one convolution share.
struct WinogradEmitter {
  FlatFrame &frame;
  const ConvolutionShape &s;
  const WinogradPlan &plan;
  RegisterTile &tile; ///< of the products
  const Epilogue &epilogue;
  Value input, bias;
  Value patch, transformed, products; ///< scratch

  ImplicitLocOpBuilder &b = frame.b;
  Type f32 = b.getF32Type();

  Value load(Value buffer, Value at, Value mask) {
    return emitLoadOfLanes(b, f32, buffer, at, tile.lanes, mask);
  }
  /// The channels of a pixel of the input, a vector at a time.
  void forChannels(llvm::function_ref<void(Value channel, Value mask)> body) {
    int64_t whole = s.c / tile.lanes * tile.lanes;
    emitFor(b, 0, whole, tile.lanes, [&](Value channel) { body(channel, Value()); });
    if (whole < s.c)
      body(indexConstant(b, whole), vector::CreateMaskOp::create(b, VectorType::get({tile.lanes}, b.getI1Type()), indexConstant(b, s.c - whole)));
  }

  /// Row and column of the output's pixel 0 of a tile, and the image.
  struct Place {
    Value image, y, x;
  };
  Place placeOf(Value index) {
    SmallVector<Value> at = delinearize(b, index, {s.n, plan.tilesY, plan.tilesX});
    return {at[0], mulIndex(b, at[1], winogradOutput), mulIndex(b, at[2], winogradOutput)};
  }

  /// B^T d B of the patch at `base` of `from`, as row `row` of each position.
  void emitTransformPatch(Value from, Value base, int64_t rowStride, int64_t pixelStride, Value row) {
    Value to = mulIndex(b, row, plan.rowStride);
    forChannels([&](Value channel, Value mask) {
      Value start = addIndex(b, base, channel);
      SmallVector<Value> pixels;
      for (int64_t i = 0; i < winogradPositions; ++i)
        pixels.push_back(load(from, addIndex(b, start, i / winogradPatch * rowStride + i % winogradPatch * pixelStride), mask));
      Value at = addIndex(b, to, channel);
      for (auto [position, value] : llvm::enumerate(emitInputTransform(b, pixels)))
        emitStore(b, f32, value, transformed, addIndex(b, at, position * plan.positionStride));
    });
  }

  /// Copies the patch whose pixel 0 is (y, x) of the input; zeros stand for what is outside.
  void emitCopyPatch(Value image, Value y, Value x) {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(VectorType::get({tile.lanes}, f32)));
    emitFor(b, 0, winogradPositions, 1, [&](Value pixel) {
      Value row = addIndex(b, y, arith::DivUIOp::create(b, pixel, indexConstant(b, winogradPatch)));
      Value column = addIndex(b, x, arith::RemUIOp::create(b, pixel, indexConstant(b, winogradPatch)));
      Value to = mulIndex(b, pixel, plan.rowStride);
      auto isBelow = [&](Value index, int64_t extent) { // and not negative
        return arith::CmpIOp::create(b, arith::CmpIPredicate::ult, index, indexConstant(b, extent));
      };
      Value isInside = arith::AndIOp::create(b, isBelow(row, s.h), isBelow(column, s.w));
      emitIf(
          b, isInside,
          [&] {
            Value from = mulIndex(b, addIndex(b, mulIndex(b, addIndex(b, mulIndex(b, image, s.h), row), s.w), column), s.c);
            forChannels([&](Value channel, Value mask) {
              emitStore(b, f32, load(input, addIndex(b, from, channel), mask), patch, addIndex(b, to, channel));
            });
          },
          [&] { forChannels([&](Value channel, Value) { emitStore(b, f32, zero, patch, addIndex(b, to, channel)); }); });
    });
  }

  /// Tile `index` of the output becomes row `row` of the products' left-hand sides.
  void emitTransformTile(Value index, Value row) {
    Place place = placeOf(index);
    Value y = arith::SubIOp::create(b, place.y, indexConstant(b, s.padY)), x = arith::SubIOp::create(b, place.x, indexConstant(b, s.padX));
    auto isInside = [&](Value first, int64_t extent) -> Value {
      Value isLow = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, first, indexConstant(b, 0));
      Value isHigh = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, first, indexConstant(b, extent - winogradPatch));
      return arith::AndIOp::create(b, isLow, isHigh);
    };
    emitIf(
        b, arith::AndIOp::create(b, isInside(y, s.h), isInside(x, s.w)),
        [&] {
          Value base = mulIndex(b, addIndex(b, mulIndex(b, addIndex(b, mulIndex(b, place.image, s.h), y), s.w), x), s.c);
          emitTransformPatch(input, base, s.w * s.c, s.c, row);
        },
        [&] {
          emitCopyPatch(place.image, y, x);
          emitTransformPatch(patch, indexConstant(b, 0), winogradPatch * plan.rowStride, plan.rowStride, row);
        });
  }

  /// The products of one panel of weights for `count` tiles.
  void emitProducts(Value panel, Value count) {
    int64_t size = s.c * tile.panelColumns(), mostTiles = llvm::divideCeil(plan.mostTiles(), tile.shape.rows);
    emitFor(b, 0, winogradPositions, 1, [&](Value position) {
      Value weights = mulIndex(b, addIndex(b, mulIndex(b, panel, winogradPositions), position), size);
      Value rowTiles = arith::CeilDivSIOp::create(b, count, indexConstant(b, tile.shape.rows));
      emitFor(b, indexConstant(b, 0), rowTiles, 1, [&](Value rowTile) {
        Value lastRow = arith::SubIOp::create(b, count, indexConstant(b, tile.shape.rows));
        Value row = minIndex(b, mulIndex(b, rowTile, tile.shape.rows), lastRow);
        Value base = addIndex(b, mulIndex(b, position, plan.positionStride), mulIndex(b, row, plan.rowStride));
        // For a lone register tile too: with the weights of 512 channels to 512 that took 23 ms instead of 36 (28x28 pixels, AVX2).
        TilePrefetch prefetch(s.c, size);
        prefetch.addWeights(b, tile.rhs, addIndex(b, weights, size), rowTile, mostTiles);
        auto sums = tile.emitSteps(b, tile.emitStart(b), s.c, base, plan.rowStride, 1, weights, tile.panelColumns(), {}, {}, prefetch);
        Value to = mulIndex(b, addIndex(b, mulIndex(b, position, plan.mostTiles()), row), tile.panelColumns());
        for (auto [i, value] : llvm::enumerate(sums))
          emitStore(b, f32, value, products, addIndex(b, to, i * tile.lanes));
      });
    });
  }

  /// A^T m A, bias and epilogue for one tile of the output and one panel.
  void emitFinishTile(Value index, Value row, Value firstColumn, Value mask) {
    Place place = placeOf(index);
    SmallVector<SmallVector<Value>> results;
    Value from = mulIndex(b, row, tile.panelColumns());
    for (int64_t j = 0; j < tile.shape.vectors; ++j) {
      SmallVector<Value> parts;
      for (int64_t position = 0; position < winogradPositions; ++position)
        parts.push_back(load(products, addIndex(b, from, position * plan.mostTiles() * tile.panelColumns() + j * tile.lanes), Value()));
      results.push_back(emitOutputTransform(b, parts));
      if (!bias)
        continue;
      Value isLast = j == tile.shape.vectors - 1 ? mask : Value();
      Value value = load(bias, addIndex(b, firstColumn, j * tile.lanes), isLast);
      for (Value &result : results.back())
        result = arith::AddFOp::create(b, result, value);
    }
    auto emitPixels = [&](ArrayRef<int64_t> pixels) {
      SmallVector<Epilogue::Vector> vectors;
      for (int64_t pixel : pixels) {
        Value y = addIndex(b, place.y, pixel / winogradOutput), x = addIndex(b, place.x, pixel % winogradOutput);
        Value line = addIndex(b, mulIndex(b, place.image, s.oh), y), outputRow = addIndex(b, mulIndex(b, line, s.ow), x);
        for (int64_t j = 0; j < tile.shape.vectors; ++j)
          vectors.push_back({results[j][pixel], outputRow, addIndex(b, firstColumn, j * tile.lanes),
                             j == tile.shape.vectors - 1 ? mask : Value(), /*followsLast=*/j > 0});
      }
      epilogue.emit(frame, vectors);
    };
    auto isWithin = [&](Value first, int64_t extent) { // with its neighbour
      return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, first, indexConstant(b, extent - 1));
    };
    if (s.oh % winogradOutput == 0 && s.ow % winogradOutput == 0)
      return emitPixels({0, 1, 2, 3});
    Value hasRight = isWithin(place.x, s.ow), hasBelow = isWithin(place.y, s.oh);
    emitPixels({0});
    emitIf(b, hasRight, [&] { emitPixels({1}); });
    emitIf(b, hasBelow, [&] { emitPixels({2}); });
    emitIf(b, arith::AndIOp::create(b, hasRight, hasBelow), [&] { emitPixels({3}); });
  }

  /// Tile `id` of the kernel: a stretch of panels for a block of tiles.
  void emitPart(Value id) {
    Value block = arith::DivUIOp::create(b, id, indexConstant(b, plan.parts)), part = arith::RemUIOp::create(b, id, indexConstant(b, plan.parts));
    auto boundary = [&](Value i, int64_t extent, int64_t pieces) -> Value {
      return arith::DivUIOp::create(b, mulIndex(b, i, extent), indexConstant(b, pieces));
    };
    auto first = boundary(block, plan.tiles, plan.blocks);
    Value count = arith::SubIOp::create(b, boundary(addIndex(b, block, 1), plan.tiles, plan.blocks), first);
    // The parts of a block that one call computes have the transformed input in common.
    Value isFirstOfBlock = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, part, indexConstant(b, 0));
    Value isFirstOfCall = arith::CmpIOp::create(b, arith::CmpIPredicate::eq, id, frame.begin());
    emitIf(b, arith::OrIOp::create(b, isFirstOfBlock, isFirstOfCall), [&] {
      emitFor(b, indexConstant(b, 0), count, 1, [&](Value row) { emitTransformTile(addIndex(b, first, row), row); });
    });
    Value firstPanel = boundary(part, tile.panels(), plan.parts), lastPanel = boundary(addIndex(b, part, 1), tile.panels(), plan.parts);
    emitFor(b, firstPanel, lastPanel, 1, [&](Value panel) {
      emitProducts(panel, count);
      Value firstColumn = tile.emitFirstColumn(b, panel), mask = tile.emitTailMask(b);
      emitFor(b, indexConstant(b, 0), count, 1, [&](Value row) { emitFinishTile(addIndex(b, first, row), row, firstColumn, mask); });
    });
  }
};

} // namespace

/// Share of the time of direct that the estimate must stay below: what it is not exact about, and larger weights for nothing.
constexpr double worthwhile = 0.9;

/// For one image, whatever the batch is: an artifact of several batch sizes has one form of the weights, and an image's results do
/// not depend on those beside it.
static bool isWorthwhile(ConvolutionShape shape, const CpuTarget &target) {
  shape.n = 1;
  FailureOr<WinogradPlan> plan = WinogradPlan::choose(shape, target, /*panelVectors=*/0);
  return succeeded(plan) && plan->cycles <= worthwhile * directCycles(shape, target);
}

static FailureOr<LoweredKernel> build(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &moduleBuilder, bool mustBeWorthwhile) {
  auto conv = dyn_cast_or_null<nn::ConvOp>(findRoot(kernel));
  if (!conv)
    return failure();
  auto input = dyn_cast<BlockArgument>(conv.getInput());
  auto weight = dyn_cast<BlockArgument>(conv.getWeight());
  auto bias = dyn_cast_or_null<BlockArgument>(conv.getBias());
  FailureOr<Epilogue> epilogue = Epilogue::match(kernel, conv);
  FailureOr<ConvolutionShape> shape = convolutionShape(conv);
  auto isF32 = [](Value value) { return !value || cast<RankedTensorType>(value.getType()).getElementType().isF32(); };
  if (!input || !weight || (conv.getBias() && !bias) || failed(epilogue) || failed(shape) || !isConstantOperand(kernel, weight))
    return failure();
  if (!isF32(conv.getInput()) || !isF32(conv.getWeight()) || !isF32(conv.getBias()))
    return failure();
  FailureOr<WinogradPlan> plan = WinogradPlan::choose(*shape, target, agreedPanelVectors(kernel));
  if (failed(plan) || (mustBeWorthwhile && !isWorthwhile(*shape, target)))
    return failure();

  Type f32 = conv.getInput().getType().getElementType();
  RegisterTile tile = RegisterTile::choose(target, f32, plan->mostTiles(), shape->o, f32, /*rhsElement=*/Type());
  tile.shape = plan->product;
  LoweredKernel lowered;
  lowered.packings.push_back(packWinogradWeights(weight.getArgNumber(), conv.getWeight().getType(), tile));
  lowered.tiles = plan->blocks * plan->parts;
  SmallVector<MemRefType> packedTypes(kernel.getInputs().size());
  packedTypes[weight.getArgNumber()] = lowered.packings.back().packedType;
  FlatFrame frame(kernel, moduleBuilder, packedTypes);
  epilogue->prepare(frame, target);
  Value patch = frame.scratch(f32, winogradPositions * plan->rowStride);
  Value transformed = frame.scratch(f32, winogradPositions * plan->positionStride);
  Value products = frame.scratch(f32, winogradPositions * plan->mostTiles() * tile.panelColumns());
  tile.lhs = transformed;
  tile.rhs = frame.flat(weight);
  WinogradEmitter emitter{frame, *shape, *plan, tile, *epilogue, frame.flat(input), bias ? frame.flat(bias) : Value(), patch, transformed, products};
  emitFor(frame.b, frame.begin(), frame.end(), 1, [&](Value id) { emitter.emitPart(id); });
  lowered.function = frame.function;
  return lowered;
}

FailureOr<LoweredKernel> buildWinograd(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  return build(kernel, target, b, /*mustBeWorthwhile=*/true);
}

FailureOr<LoweredKernel> buildWinogradAnywhere(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  return build(kernel, target, b, /*mustBeWorthwhile=*/false);
}

} // namespace fettle::codegen
