//===- WinogradBuilder.cpp - convolutions with fewer multiplications ------===//
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
// multiplications instead of 36, and F(4x4, 3x3) 4x4 outputs from 6x6 inputs with 36 instead of 144:
// Y = A^T [sum over channels of (G g G^T) * (B^T d B)] A (WinogradTransform.cpp). Along an axis where the window has one tap nothing
// is transformed: a sequence under a window of 5 takes F(4, 5), 8 multiplications instead of 20. Where taps lie a dilation
// apart, so do the pixels of a tile: of dilation 2, one tile has the even rows and the next the odd ones.
//
//   tile t of the kernel = (block of tiles of the output, stretch of panels of output channels)
//     transform the patches of the block's tiles to scratch:   V[positions][tiles][input channels]
//     for each panel:
//       for each position: V[position] x weights[position]  -> M[positions][tiles][panel]   (register tiles)
//       for each tile: A^T M A, bias, epilogue, 2 to 16 pixels of the output
//
// The parts of one block that a thread computes one after the other have V in common. Patches that reach beyond the input
// are copied first, with zeros around; pixels beyond the output are not stored.
//
// Why it is sound. The sums are those of the direct algorithm in another order, with a few more roundings of each input and
// of each result; each sum has fewer terms, under 3x3 a ninth. In random convolutions of 4 to 256 channels the largest error
// of F(2x2, 3x3) was 0.3 to 0.7 of that of the direct algorithm, of F(4x4, 3x3) 1.2 to 3.3 times that
// (WinogradBuilderTest.cpp holds F(4, 5) to 5 times). Errors grow with the largest input of the patch rather than of a window,
// and inputs beyond 1e37 overflow where the direct algorithm does not; an infinite one gives NaN in all outputs of its patch, for
// infinities are subtracted.
//
// Cost. The weights become 16/9 or 36/9 of their size (under 5x5 36/25, five in a row 6/5 or 8/5), and half a megabyte of
// stack is used at most. Measured on one Zen 5 core, direct, F(2x2, 3x3) and F(4x4, 3x3): 56x56x64 to 64 channels takes 0.94,
// 0.51 and 0.30 ms, 14x14x256 to 256 0.87, 0.48 and 0.43 if the weights are in the cache, 0.92, 0.54 and 0.98 if not;
// 28x28x64 to 64 under 5x5 0.61 and, by F(2x2, 5x5), 0.29. WinogradPlan.cpp tells where which of them is worth it.
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
  bool hasFma;

  ImplicitLocOpBuilder &b = frame.b;
  Type f32 = b.getF32Type();
  WinogradTransform transform{b, plan.form, hasFma};

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

  /// Row and column of the output's pixel 0 of a tile, and the image. Pixels of a tile, and of its patch, are a dilation apart:
  /// tiles come in groups that lie between each other.
  struct Place {
    Value image, y, x;
  };
  Place placeOf(Value index) {
    SmallVector<Value> at = delinearize(b, index, {s.n, plan.tilesY, plan.tilesX});
    auto pixelOf = [&](Value tile, int64_t output, int64_t dilation) -> Value {
      if (dilation == 1)
        return mulIndex(b, tile, output);
      Value group = arith::DivUIOp::create(b, tile, indexConstant(b, dilation)), place = arith::RemUIOp::create(b, tile, indexConstant(b, dilation));
      return arith::AddIOp::create(b, mulIndex(b, group, output * dilation), place);
    };
    return {at[0], pixelOf(at[1], plan.form.y.output, s.dilationY), pixelOf(at[2], plan.form.x.output, s.dilationX)};
  }

  /// B^T d B of the patch at `base` of `from`, as row `row` of each position.
  void emitTransformPatch(Value from, Value base, int64_t rowStride, int64_t pixelStride, Value row) {
    Value to = mulIndex(b, row, plan.rowStride);
    int64_t width = plan.form.x.patch();
    forChannels([&](Value channel, Value mask) {
      Value start = addIndex(b, base, channel);
      Value at = addIndex(b, to, channel);
      transform.emitInput(
          [&](int64_t i) { return load(from, addIndex(b, start, i / width * rowStride + i % width * pixelStride), mask); },
          [&](int64_t position, Value value) { emitStore(b, f32, value, transformed, addIndex(b, at, position * plan.positionStride)); });
    });
  }

  /// Copies the patch whose pixel 0 is (y, x) of the input; zeros stand for what is outside.
  void emitCopyPatch(Value image, Value y, Value x) {
    Value zero = arith::ConstantOp::create(b, b.getZeroAttr(VectorType::get({tile.lanes}, f32)));
    emitFor(b, 0, plan.form.positions(), 1, [&](Value pixel) {
      Value row = addIndex(b, y, mulIndex(b, arith::DivUIOp::create(b, pixel, indexConstant(b, plan.form.x.patch())), s.dilationY));
      Value column = addIndex(b, x, mulIndex(b, arith::RemUIOp::create(b, pixel, indexConstant(b, plan.form.x.patch())), s.dilationX));
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
    auto isInside = [&](Value first, int64_t extent, int64_t patch, int64_t dilation) -> Value {
      Value isLow = arith::CmpIOp::create(b, arith::CmpIPredicate::sge, first, indexConstant(b, 0));
      Value isHigh = arith::CmpIOp::create(b, arith::CmpIPredicate::sle, first, indexConstant(b, extent - 1 - (patch - 1) * dilation));
      return arith::AndIOp::create(b, isLow, isHigh);
    };
    emitIf(
        b, arith::AndIOp::create(b, isInside(y, s.h, plan.form.y.patch(), s.dilationY), isInside(x, s.w, plan.form.x.patch(), s.dilationX)),
        [&] {
          Value base = mulIndex(b, addIndex(b, mulIndex(b, addIndex(b, mulIndex(b, place.image, s.h), y), s.w), x), s.c);
          emitTransformPatch(input, base, s.dilationY * s.w * s.c, s.dilationX * s.c, row);
        },
        [&] {
          emitCopyPatch(place.image, y, x);
          emitTransformPatch(patch, indexConstant(b, 0), plan.form.x.patch() * plan.rowStride, plan.rowStride, row);
        });
  }

  /// The products of one panel of weights for `count` tiles.
  void emitProducts(Value panel, Value count) {
    int64_t size = s.c * tile.panelColumns(), mostTiles = llvm::divideCeil(plan.mostTiles(), tile.shape.rows);
    emitFor(b, 0, plan.form.positions(), 1, [&](Value position) {
      Value weights = mulIndex(b, addIndex(b, mulIndex(b, panel, plan.form.positions()), position), size);
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

  /// A^T m A, bias and epilogue for one tile of the output and vectors [begin, end) of one panel.
  void emitFinishVectors(const Place &place, Value from, Value firstColumn, int64_t begin, int64_t end, Value mask) {
    int64_t height = plan.form.y.output, width = plan.form.x.output;
    auto maskOf = [&](int64_t j) { return j == tile.shape.vectors - 1 ? mask : Value(); };
    SmallVector<SmallVector<Value>> results;
    for (int64_t j = begin; j < end; ++j) {
      results.push_back(transform.emitOutput([&](int64_t position) {
        return load(products, addIndex(b, from, position * plan.mostTiles() * tile.panelColumns() + j * tile.lanes), Value());
      }));
      if (!bias)
        continue;
      Value value = load(bias, addIndex(b, firstColumn, j * tile.lanes), maskOf(j));
      for (Value &result : results.back())
        result = arith::AddFOp::create(b, result, value);
    }
    auto emitPixels = [&](ArrayRef<int64_t> pixels) {
      SmallVector<Epilogue::Vector> vectors;
      for (int64_t pixel : pixels) {
        Value y = addIndex(b, place.y, pixel / width * s.dilationY), x = addIndex(b, place.x, pixel % width * s.dilationX);
        Value line = addIndex(b, mulIndex(b, place.image, s.oh), y), outputRow = addIndex(b, mulIndex(b, line, s.ow), x);
        for (int64_t j = begin; j < end; ++j)
          vectors.push_back({results[j - begin][pixel], outputRow, addIndex(b, firstColumn, j * tile.lanes), maskOf(j), /*followsLast=*/j > begin});
      }
      epilogue.emit(frame, vectors);
    };
    if (s.oh % (height * s.dilationY) == 0 && s.ow % (width * s.dilationX) == 0)
      return emitPixels(llvm::to_vector(llvm::seq<int64_t>(height * width)));
    auto isWithin = [&](Value first, int64_t offset, int64_t extent) -> Value {
      return arith::CmpIOp::create(b, arith::CmpIPredicate::slt, first, indexConstant(b, extent - offset));
    };
    for (int64_t pixel = 0; pixel < height * width; ++pixel) {
      Value isInY = isWithin(place.y, pixel / width * s.dilationY, s.oh), isInX = isWithin(place.x, pixel % width * s.dilationX, s.ow);
      emitIf(b, arith::AndIOp::create(b, isInY, isInX), [&] { emitPixels({pixel}); });
    }
  }

  /// The same for the whole panel.
  void emitFinishTile(Value index, Value row, Value firstColumn, Value mask) {
    Place place = placeOf(index);
    Value from = mulIndex(b, row, tile.panelColumns());
    // Sixteen pixels fill the registers with one vector each.
    int64_t together = plan.form.outputs() <= 4 ? tile.shape.vectors : 1;
    for (int64_t j = 0; j < tile.shape.vectors; j += together)
      emitFinishVectors(place, from, firstColumn, j, j + together, mask);
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

/// `choose`: the form for a convolution, if it is to be built.
static FailureOr<LoweredKernel> build(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &moduleBuilder,
                                      llvm::function_ref<std::optional<WinogradForm>(const ConvolutionShape &)> choose) {
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
  std::optional<WinogradForm> form = choose(*shape);
  if (!form)
    return failure();
  FailureOr<WinogradPlan> plan = WinogradPlan::choose(*form, *shape, target, agreedPanelVectors(kernel));
  if (failed(plan))
    return failure();

  Type f32 = conv.getInput().getType().getElementType();
  RegisterTile tile = RegisterTile::choose(target, f32, plan->mostTiles(), shape->o, f32, /*rhsElement=*/Type());
  tile.shape = plan->product;
  LoweredKernel lowered;
  lowered.packings.push_back(packWinogradWeights(weight.getArgNumber(), conv.getWeight().getType(), *form, tile));
  lowered.tiles = plan->blocks * plan->parts;
  lowered.cycles = plan->cycles;
  SmallVector<MemRefType> packedTypes(kernel.getInputs().size());
  packedTypes[weight.getArgNumber()] = lowered.packings.back().packedType;
  FlatFrame frame(kernel, moduleBuilder, packedTypes);
  epilogue->prepare(frame, target);
  Value patch = frame.scratch(f32, plan->form.positions() * plan->rowStride);
  Value transformed = frame.scratch(f32, plan->form.positions() * plan->positionStride);
  Value products = frame.scratch(f32, plan->form.positions() * plan->mostTiles() * tile.panelColumns());
  tile.lhs = transformed;
  tile.rhs = frame.flat(weight);
  WinogradEmitter emitter{frame, *shape, *plan, tile, *epilogue, frame.flat(input), bias ? frame.flat(bias) : Value(), patch, transformed, products, target.hasFma};
  emitFor(frame.b, frame.begin(), frame.end(), 1, [&](Value id) { emitter.emitPart(id); });
  lowered.function = frame.function;
  return lowered;
}

FailureOr<LoweredKernel> buildWinograd(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  return build(kernel, target, b, [&](const ConvolutionShape &shape) { return worthwhileForm(shape, target); });
}

template <size_t index> FailureOr<LoweredKernel> buildWinogradForm(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  return build(kernel, target, b, [](const ConvolutionShape &shape) -> std::optional<WinogradForm> {
    SmallVector<WinogradForm> forms = winogradForms(shape);
    return index < forms.size() ? std::optional(forms[index]) : std::nullopt;
  });
}

template FailureOr<LoweredKernel> buildWinogradForm<0>(nn::KernelOp, const CpuTarget &, OpBuilder &);
template FailureOr<LoweredKernel> buildWinogradForm<1>(nn::KernelOp, const CpuTarget &, OpBuilder &);

} // namespace fettle::codegen
