//===- Convolution.cpp - convolution, both ways ---------------------------===//
//
// A convolution is a set of links (input position, kernel tap, output position);
// conv adds up along them from input to output, conv_transpose the other way.
// Both walk the links of one kernel tap at a time, a row of the last axis at
// once. Data are held channels-first while they are worked on.
//
//===----------------------------------------------------------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "ir/reference/eval/Strided.h"

using namespace mlir;

namespace fettle::reference {

/// The spatial side of a convolution: `wide` positions are strided over, `narrow`
/// ones are not. In conv the input is wide, in conv_transpose the output.
struct Window {
  Shape wide, narrow, kernel;
  ArrayRef<int64_t> strides, dilations, pads;

  /// Calls link(tap, wideOffset, narrowOffset, count, wideStep) for every run of
  /// links along the last axis.
  template <typename Link> void forEachRun(Link link) const {
    size_t rank = wide.size();
    Shape wideStrides = contiguousStrides(wide), narrowStrides = contiguousStrides(narrow);
    Shape none(rank, 0), rows(narrow);
    rows.back() = std::min<int64_t>(rows.back(), 1);
    Shape tapStrides = contiguousStrides(kernel);
    forEachIndex(kernel, std::array<Shape, 1>{tapStrides}, [&](int64_t tap, const std::array<int64_t, 1> &) {
      Shape shift;
      for (size_t axis = 0; axis < rank; ++axis)
        shift.push_back(tap / tapStrides[axis] % kernel[axis] * dilations[axis] - pads[axis]);
      // The last axis: narrow positions [first, last) land inside the wide extent.
      int64_t step = strides.back(), from = shift.back();
      int64_t first = from >= 0 ? 0 : (-from + step - 1) / step;
      int64_t room = wide.back() - 1 - from;
      int64_t last = room < 0 ? 0 : std::min(narrow.back(), room / step + 1);
      if (first >= last)
        return;
      forEachIndex(rows, std::array<Shape, 1>{narrowStrides}, [&](int64_t, const std::array<int64_t, 1> &at) {
        int64_t wideOffset = 0;
        for (size_t axis = 0; axis + 1 < rank; ++axis) {
          int64_t position = at[0] / narrowStrides[axis] % narrow[axis] * strides[axis] + shift[axis];
          if (position < 0 || position >= wide[axis])
            return;
          wideOffset += position * wideStrides[axis];
        }
        link(tap, wideOffset + first * step + from, at[0] + first, last - first, step);
      });
    });
  }
};

/// Offset of element (n, c, position) of an image in either layout.
struct ImageIndex {
  int64_t channels, area;
  bool channelsLast;
  int64_t operator()(int64_t n, int64_t c, int64_t position) const {
    return channelsLast ? (n * area + position) * channels + c : (n * channels + c) * area + position;
  }
};

static Shape spatialOf(ArrayRef<int64_t> shape, bool channelsLast) {
  return Shape(channelsLast ? shape.drop_front(1).drop_back(1) : shape.drop_front(2));
}

/// `Number` is double, or uint64_t for integers modulo 2^64.
template <typename Number, typename Reader, typename Writer, typename OpTy>
static HostTensor convolve(OpTy op, Operands operands, bool isTransposed, int64_t zeroPoint) {
  const HostTensor &input = operands[0], &weight = operands[1], *bias = optionalOperand(op, operands, 2);
  HostTensor result(op.getOutput().getType());
  if (result.numElements() == 0)
    return result;
  bool channelsLast = op.getChannelsLast();
  Shape inSpatial = spatialOf(input.shape(), channelsLast), outSpatial = spatialOf(result.shape(), channelsLast);
  Window window = {isTransposed ? outSpatial : inSpatial,
                   isTransposed ? inSpatial : outSpatial,
                   Shape(weight.shape().drop_front(2)),
                   op.getStrides(),
                   op.getDilations(),
                   op.getPads()};
  int64_t batch = input.shape()[0], groups = op.getGroups(), taps = countElements(window.kernel);
  int64_t inChannels = channelsLast ? input.shape().back() : input.shape()[1];
  int64_t outChannels = channelsLast ? result.shape().back() : result.shape()[1];
  int64_t inPerGroup = inChannels / groups, outPerGroup = outChannels / groups;
  ImageIndex inIndex = {inChannels, countElements(inSpatial), channelsLast};
  ImageIndex outIndex = {outChannels, countElements(outSpatial), channelsLast};
  Reader readInput(input), readWeight(weight);
  Writer write(result);
  std::vector<Number> images(inPerGroup * inIndex.area), sums(outIndex.area), filter(inPerGroup * taps);
  for (int64_t n = 0; n < batch; ++n) {
    for (int64_t group = 0; group < groups; ++group) {
      for (int64_t c = 0; c < inPerGroup; ++c)
        for (int64_t i = 0; i < inIndex.area; ++i)
          images[c * inIndex.area + i] = Number(readInput[inIndex(n, group * inPerGroup + c, i)]) - Number(zeroPoint);
      for (int64_t o = 0; o < outPerGroup; ++o) {
        int64_t channel = group * outPerGroup + o;
        for (int64_t c = 0; c < inPerGroup; ++c)
          for (int64_t tap = 0; tap < taps; ++tap) // [out, in/groups, taps] or [in, out/groups, taps]
            filter[c * taps + tap] =
                Number(readWeight[isTransposed ? ((group * inPerGroup + c) * outPerGroup + o) * taps + tap
                                               : (channel * inPerGroup + c) * taps + tap]);
        std::fill(sums.begin(), sums.end(), Number(0));
        window.forEachRun([&](int64_t tap, int64_t wide, int64_t narrow, int64_t count, int64_t step) {
          for (int64_t c = 0; c < inPerGroup; ++c) {
            Number w = filter[c * taps + tap];
            const Number *image = &images[c * inIndex.area];
            if (isTransposed)
              for (int64_t i = 0; i < count; ++i)
                sums[wide + i * step] += w * image[narrow + i];
            else
              for (int64_t i = 0; i < count; ++i)
                sums[narrow + i] += w * image[wide + i * step];
          }
        });
        Number offset = bias ? Number(Reader(*bias)[channel]) : Number(0);
        for (int64_t i = 0; i < outIndex.area; ++i)
          write.set(outIndex(n, channel, i), sums[i] + offset);
      }
    }
  }
  return result;
}

template <typename OpTy> static Results convolve(OpTy op, Operands operands, bool isTransposed, int64_t zeroPoint = 0) {
  if (isFloat(operands[0]))
    return {convolve<double, DoubleReader, DoubleWriter>(op, operands, isTransposed, 0)};
  return {convolve<uint64_t, IntegerReader, IntegerWriter>(op, operands, isTransposed, zeroPoint)};
}

Results evaluateOp(nn::ConvOp op, Operands operands) {
  return convolve(op, operands, /*isTransposed=*/false, int64_t(op.getZeroPoint()));
}
Results evaluateOp(nn::ConvTransposeOp op, Operands operands) { return convolve(op, operands, /*isTransposed=*/true); }

} // namespace fettle::reference
