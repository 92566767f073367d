//===- Pooling.cpp - windows reduced to one element -----------------------===//
//
// `ceil_mode` is not written: operators of the opsets, and runtimes, disagree about what it counts. The end is padded
// as far as the windows reach instead, with padding that does not count. Dilated averages, which the first opsets lack,
// are a convolution with ones, divided by the number of elements that each window sees.
//
//===----------------------------------------------------------------------===//

#include "ir/export/ExportTable.h"

using namespace mlir;

namespace fettle {

namespace {
/// The windows of a pooling over [n, c, spatial...].
struct Windows {
  SmallVector<int64_t> input, output; ///< spatial extents
  ArrayRef<int64_t> kernel, strides, dilations, ownPads;
  SmallVector<int64_t> pads; ///< with the end padded as far as the windows reach

  size_t rank() const { return kernel.size(); }
  bool isDilated() const {
    return llvm::any_of(dilations, [](int64_t dilation) { return dilation != 1; });
  }
  bool reachesBeyondPads() const { return ArrayRef<int64_t>(pads) != ownPads; }
};
} // namespace

template <typename Op> static Windows windowsOf(NodeWriter &writer, Op op) {
  ArrayRef<int64_t> input = typeOf(op.getInput()).getShape(), output = writer.resultType().getShape();
  Windows windows;
  windows.kernel = op.getKernel();
  windows.strides = op.getStrides();
  windows.dilations = op.getDilations();
  windows.ownPads = op.getPads();
  windows.input.assign(input.begin() + 2, input.end());
  windows.output.assign(output.begin() + 2, output.end());
  windows.pads.assign(windows.ownPads.begin(), windows.ownPads.end());
  for (size_t i = 0; op.getCeilMode() && i < windows.rank(); ++i) {
    int64_t reach = (windows.output[i] - 1) * windows.strides[i] + (windows.kernel[i] - 1) * windows.dilations[i] + 1;
    windows.pads[windows.rank() + i] = std::max<int64_t>(reach - windows.input[i] - windows.pads[i], 0);
  }
  return windows;
}

static Attributes windowAttributes(const Windows &windows, ArrayRef<int64_t> pads) {
  Attributes attributes =
      Attributes().with("kernel_shape", windows.kernel).with("strides", windows.strides).with("pads", pads);
  if (windows.isDilated())
    attributes.with("dilations", windows.dilations);
  return attributes;
}

/// How many elements each window sees, of the input or with its own padding: [1, 1, output...].
static HostTensor countSeen(const Windows &windows, bool withPad, Type element) {
  SmallVector<int64_t> shape = {1, 1};
  shape.append(windows.output);
  HostTensor counts(RankedTensorType::get(shape, element));
  for (int64_t at = 0, end = counts.numElements(); at < end; ++at) {
    int64_t rest = at, count = 1;
    for (size_t i = windows.rank(); i-- > 0;) {
      int64_t start = rest % windows.output[i] * windows.strides[i] - windows.ownPads[i], seen = 0;
      rest /= windows.output[i];
      int64_t first = withPad ? -windows.ownPads[i] : 0;
      int64_t last = windows.input[i] + (withPad ? windows.ownPads[windows.rank() + i] : 0);
      for (int64_t tap = 0; tap < windows.kernel[i]; ++tap) {
        int64_t position = start + tap * windows.dilations[i];
        seen += position >= first && position < last;
      }
      count *= seen;
    }
    counts.setDouble(at, double(count));
  }
  return counts;
}

/// The sum over each window, every channel by itself.
static Term sumWindows(NodeWriter &writer, Term input, const Windows &windows) {
  ArrayRef<int64_t> shape = input.shape();
  SmallVector<int64_t> flat = {shape[0] * shape[1], 1}, kernel = {1, 1}, sums = flat;
  flat.append(windows.input);
  kernel.append(windows.kernel.begin(), windows.kernel.end());
  sums.append(windows.output);
  return writer.apply("Conv", {writer.reshape(input, flat), writer.splat(1, kernel, input.element())}, sums,
                      windowAttributes(windows, windows.pads));
}

static Term writeAverage(NodeWriter &writer, Term input, Windows windows, bool withPad) {
  ArrayRef<int64_t> shape = writer.resultType().getShape();
  if (windows.isDilated() && writer.opset < 19) {
    Term x = writer.widened(input), sums = sumWindows(writer, x, windows);
    Term average = writer.div(sums, writer.constant(countSeen(windows, withPad, x.element())));
    return writer.cast(writer.reshape(average, shape), input.element());
  }
  if (withPad && windows.reachesBeyondPads()) {
    // The own padding becomes part of the input, and counts; what lies beyond does not.
    SmallVector<int64_t> low = {0, 0}, high = {0, 0}, padded(input.shape());
    for (size_t i = 0; i < windows.rank(); ++i) {
      int64_t before = windows.ownPads[i], after = windows.ownPads[windows.rank() + i];
      low.push_back(before);
      high.push_back(after);
      padded[2 + i] += before + after;
      windows.pads[i] = 0;
      windows.pads[windows.rank() + i] = std::max<int64_t>(windows.pads[windows.rank() + i] - after, 0);
    }
    low.append(high);
    input = writer.move("Pad", {input, writer.integers(low)}, padded);
    withPad = false;
  }
  return writer.apply("AveragePool", input, shape,
                      windowAttributes(windows, windows.pads).with("count_include_pad", int64_t(withPad)));
}

static Term writeLp(NodeWriter &writer, Term input, const Windows &windows, int64_t p) {
  ArrayRef<int64_t> shape = writer.resultType().getShape();
  if (!windows.isDilated() || writer.opset >= 18)
    return writer.apply("LpPool", input, shape, windowAttributes(windows, windows.pads).with("p", p));
  Term x = writer.widened(input);
  Term powers = writer.binary("Pow", writer.unary("Abs", x), writer.scalarLike(double(p), x));
  Term sums = sumWindows(writer, powers, windows);
  Term norm = writer.binary("Pow", sums, writer.scalarLike(1.0 / double(p), x));
  return writer.cast(writer.reshape(norm, shape), input.element());
}

static void writePool(NodeWriter &writer, nn::PoolOp op) {
  if (op.getChannelsLast())
    return writer.fail("is channels-last: only modules before the layout phase are exported");
  Term input = writer.term(op.getInput());
  Windows windows = windowsOf(writer, op);
  switch (op.getKind()) {
  case nn::PoolKind::max_pool:
    return writer.setResult(
        writer.apply("MaxPool", input, writer.resultType().getShape(), windowAttributes(windows, windows.pads)));
  case nn::PoolKind::average:
  case nn::PoolKind::average_with_pad:
    return writer.setResult(writeAverage(writer, input, windows, op.getKind() == nn::PoolKind::average_with_pad));
  case nn::PoolKind::lp:
    return writer.setResult(writeLp(writer, input, windows, int64_t(op.getP())));
  }
}

static void writeMaxPoolIndices(NodeWriter &writer, nn::MaxPoolIndicesOp op) {
  Term input = writer.term(op.getInput());
  Windows windows = windowsOf(writer, op);
  Type compute = writer.computeType("MaxPool", input.element());
  auto results =
      writer.nodes("MaxPool", writer.cast(input, compute),
                   {RankedTensorType::get(writer.resultType().getShape(), compute), writer.resultType()},
                   windowAttributes(windows, windows.pads).with("storage_order", int64_t(op.getColumnMajor())));
  writer.setResult(results[1]);
}

ArrayRef<ExportEntry> poolingExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::PoolOp, writePool>(),
      exportEntry<nn::MaxPoolIndicesOp, writeMaxPoolIndices>(),
  };
  return table;
}

} // namespace fettle
