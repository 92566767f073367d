//===- ConvolutionShape.cpp - the geometry of a convolution ---------------===//

#include "codegen/cpu/ConvolutionBuilder.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fettle::codegen {

FailureOr<ConvolutionShape> convolutionShape(nn::ConvOp conv) {
  ArrayRef<int64_t> in = conv.getInput().getType().getShape(), out = conv.getOutput().getType().getShape();
  ArrayRef<int64_t> weight = conv.getWeight().getType().getShape();
  int64_t rank = int64_t(in.size()) - 2;
  if (!conv.getChannelsLast() || rank < 1 || rank > 2 || conv.getOutput().getType().getNumElements() == 0)
    return failure();
  ArrayRef<int64_t> strides = conv.getStrides(), pads = conv.getPads(), dilations = conv.getDilations();
  ConvolutionShape s;
  bool is2d = rank == 2;
  s.n = in[0];
  s.h = is2d ? in[1] : 1;
  s.w = in[rank];
  s.c = in[rank + 1];
  s.oh = is2d ? out[1] : 1;
  s.ow = out[rank];
  s.o = out[rank + 1];
  s.r = is2d ? weight[2] : 1;
  s.s = weight[rank + 1];
  s.strideY = is2d ? strides[0] : 1;
  s.strideX = strides[rank - 1];
  s.padY = is2d ? pads[0] : 0;
  s.padX = pads[rank - 1];
  s.dilationY = s.r > 1 ? dilations[0] : 1; // of a lone tap it says nothing
  s.dilationX = s.s > 1 ? dilations[rank - 1] : 1;
  s.groups = conv.getGroups();
  if (s.r == 0 || s.s == 0 || s.c == 0)
    return failure();
  return s;
}

SmallVector<bool> PixelSpan::tapsOf(int64_t pixel) const {
  return llvm::map_to_vector(inside, [&](const SmallVector<bool> &tap) { return tap[pixel]; });
}

SmallVector<PixelSpan> pixelSpans(const ConvolutionShape &shape, int64_t rows) {
  SmallVector<PixelSpan> spans;
  int64_t tiles = llvm::divideCeil(shape.ow, rows);
  if (shape.isInteriorInX()) {
    spans.push_back({0, tiles, {}, true});
    spans.back().inside.assign(shape.s, SmallVector<bool>(rows, true));
    return spans;
  }
  for (int64_t tile = 0; tile < tiles; ++tile) {
    int64_t first = std::min(tile * rows, shape.ow - rows);
    PixelSpan span{tile, tile + 1, {}, true};
    for (int64_t tap = 0; tap < shape.s; ++tap) {
      SmallVector<bool> &inside = span.inside.emplace_back();
      for (int64_t i = 0; i < rows; ++i) {
        int64_t x = (first + i) * shape.strideX - shape.padX + tap * shape.dilationX;
        inside.push_back(x >= 0 && x < shape.w);
        span.isInterior &= inside.back();
      }
    }
    if (!spans.empty() && spans.back().inside == span.inside)
      spans.back().lastTile = tile + 1;
    else
      spans.push_back(std::move(span));
  }
  return spans;
}

WindowRows emitWindowRows(ImplicitLocOpBuilder &b, const ConvolutionShape &shape, Value oy) {
  auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, value); };
  Value inputRow = arith::SubIOp::create(b, arith::MulIOp::create(b, oy, index(shape.strideY)), index(shape.padY));
  bool neverAbove = shape.padY == 0;
  bool neverBelow = (shape.oh - 1) * shape.strideY - shape.padY + (shape.r - 1) * shape.dilationY < shape.h;
  Value first = index(0), last = index(shape.r);
  if (!neverAbove) {
    Value missing = arith::MaxSIOp::create(b, arith::SubIOp::create(b, index(0), inputRow), index(0));
    first = arith::CeilDivSIOp::create(b, missing, index(shape.dilationY));
  }
  if (!neverBelow) {
    Value left = arith::MaxSIOp::create(b, arith::SubIOp::create(b, index(shape.h), inputRow), index(0));
    last = arith::MinSIOp::create(b, arith::CeilDivSIOp::create(b, left, index(shape.dilationY)), index(shape.r));
  }
  return {first, last, inputRow};
}

} // namespace fettle::codegen
