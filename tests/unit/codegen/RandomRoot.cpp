//===- RandomRoot.cpp - random structured ops -----------------------------===//

#include "tests/unit/codegen/RandomFunction.h"
#include "tests/unit/codegen/RandomKernel.h"

using namespace mlir;

namespace fettle::test {

using Shape = SmallVector<int64_t>;

static Value matMul(RandomFunction &f, Type element) {
  int64_t m = f.roll(1, 20), n = f.roll(1, 40), k = f.roll(1, 24);
  bool transposeLhs = f.chance(3), transposeRhs = f.chance(2);
  Shape lhs, rhs;
  if (f.chance(2)) {
    int64_t batch = f.roll(1, 3);
    lhs.push_back(batch);
    if (f.chance(2))
      rhs.push_back(f.chance(3) ? 1 : batch);
  }
  lhs.append({transposeLhs ? k : m, transposeLhs ? m : k});
  rhs.append({transposeRhs ? n : k, transposeRhs ? k : n});
  Value bias = f.chance(2) ? f.input(f.chance(2) ? Shape{n} : Shape{m, 1}, element) : Value();
  return nn::MatMulOp::create(f.b, f.input(lhs, element), f.input(rhs, element), bias, transposeLhs, transposeRhs);
}

/// Strides, pads and dilations of windows of `kernel` extents; dilations stay small
/// enough for a window to fit into `extent` padded elements.
struct RandomWindow {
  Shape kernel, strides, pads, dilations, extents;
  RandomWindow(RandomFunction &f, int64_t rank) : pads(2 * rank) {
    for (int64_t i = 0; i < rank; ++i) {
      kernel.push_back(f.roll(1, 4));
      strides.push_back(f.roll(1, 3));
      dilations.push_back(f.chance(3) ? 2 : 1);
      int64_t reach = (kernel[i] - 1) * dilations[i];
      pads[i] = f.roll(reach + 1);
      pads[rank + i] = f.roll(reach + 1);
      extents.push_back(reach + f.roll(1, 11));
    }
  }
};

static Shape image(int64_t batch, int64_t channels, ArrayRef<int64_t> spatial, bool channelsLast) {
  Shape shape = {batch};
  if (!channelsLast)
    shape.push_back(channels);
  shape.append(spatial.begin(), spatial.end());
  if (channelsLast)
    shape.push_back(channels);
  return shape;
}

static Value convolution(RandomFunction &f, Type element, bool isTransposed) {
  int64_t rank = f.chance(2) ? 2 : f.roll(1, 3);
  RandomWindow window(f, rank);
  int64_t groups = f.chance(3) ? f.roll(1, 6) : 1;
  bool isDepthwise = f.chance(5), channelsLast = f.chance(2);
  int64_t in = isDepthwise ? 1 : f.roll(1, 6), out = isDepthwise ? 1 : f.roll(1, 9);
  if (isDepthwise)
    groups = f.roll(2, 35);
  Shape weight = isTransposed ? Shape{in * groups, out} : Shape{out * groups, in};
  weight.append(window.kernel.begin(), window.kernel.end());
  Value input = f.input(image(f.roll(1, 2), in * groups, window.extents, channelsLast), element);
  Value filter = f.input(weight, element), bias = f.chance(2) ? f.input({out * groups}, element) : Value();
  if (!isTransposed)
    return nn::ConvOp::create(f.b, input, filter, bias, window.strides, window.pads, window.dilations, uint64_t(groups),
                              channelsLast);
  // Pads may not eat more than there is.
  Shape padding(rank, 0), pads(window.pads);
  for (int64_t i = 0; i < rank; ++i) {
    padding[i] = f.roll(window.strides[i]);
    pads[i] = std::min<int64_t>(pads[i], 1);
    pads[rank + i] = 0;
  }
  return nn::ConvTransposeOp::create(f.b, input, filter, bias, window.strides, pads, window.dilations, padding,
                                     uint64_t(groups), channelsLast);
}

static Value pooling(RandomFunction &f, Type element) {
  RandomWindow window(f, f.roll(1, 3));
  bool channelsLast = f.chance(2);
  auto kind = f.pick({nn::PoolKind::max_pool, nn::PoolKind::average, nn::PoolKind::average_with_pad, nn::PoolKind::lp});
  // Windows that see nothing have no average.
  if (kind == nn::PoolKind::average)
    window.pads.assign(window.pads.size(), 0);
  Value input = f.input(image(f.roll(1, 2), f.roll(1, 19), window.extents, channelsLast), element);
  return nn::PoolOp::create(f.b, kind, input, window.kernel, window.strides, window.pads, window.dilations,
                            uint64_t(f.roll(1, 3)), kind != nn::PoolKind::average && f.chance(2), channelsLast);
}

static Value maxPoolIndices(RandomFunction &f, Type element) {
  RandomWindow window(f, f.roll(1, 2));
  Value input = f.input(image(1, f.roll(1, 3), window.extents, false), element);
  return nn::MaxPoolIndicesOp::create(f.b, input, window.kernel, window.strides, window.pads, window.dilations,
                                      f.chance(2), f.chance(2));
}

static Value attention(RandomFunction &f, Type element) {
  int64_t shared = f.roll(1, 2), heads = shared * f.roll(1, 3), s = f.roll(1, 20), t = f.roll(1, 37), d = f.roll(1, 20),
          e = f.roll(1, 20);
  bool causal = f.chance(3);
  Value q = f.input({1, heads, s, d}, element), k = f.input({1, shared, t, d}, element),
        v = f.input({1, shared, t, e}, element);
  Value mask = f.chance(2) ? f.input(f.pick<Shape>({{s, t}, {heads, 1, t}, {1, 1, 1, t}}), element) : Value();
  return nn::AttentionOp::create(f.b, q, k, v, mask, llvm::APFloat(0.5), causal,
                                 llvm::APFloat(f.chance(4) ? 2.0 : 0.0));
}

static Shape anyShape(RandomFunction &f, int64_t least) {
  Shape shape;
  for (int64_t rank = f.roll(least, 4); rank > 0; --rank)
    shape.push_back(f.chance(3) ? f.roll(6, 33) : f.roll(1, 5));
  return shape;
}

static Value normalization(RandomFunction &f, Type element) {
  Shape shape = anyShape(f, 2);
  Value x = f.input(shape, element);
  uint64_t axis = f.roll(shape.size());
  switch (f.roll(4)) {
  case 0:
    return nn::SoftmaxOp::create(f.b, x, axis, f.chance(2));
  case 1: {
    ArrayRef<int64_t> normalized = ArrayRef<int64_t>(shape).drop_front(axis);
    Value scale = f.chance(2) ? f.input(normalized, element) : Value(),
          bias = f.chance(2) ? f.input(shape.back(), element) : Value();
    return nn::LayerNormOp::create(f.b, x, scale, bias, axis, llvm::APFloat(1e-2), f.chance(2));
  }
  case 2:
    return nn::LrnOp::create(f.b, x, uint64_t(f.roll(1, 4)), llvm::APFloat(0.5), llvm::APFloat(0.75),
                             llvm::APFloat(1.0));
  default: {
    auto statistic = [&] { return f.input(shape[1], element); };
    // |variance|: random inputs may be negative.
    Value variance = nn::UnaryOp::create(f.b, nn::UnaryKind::abs, statistic(), llvm::APFloat(1.0), llvm::APFloat(0.0));
    Value scale = statistic(), bias = statistic(), mean = statistic();
    return nn::BatchNormOp::create(f.b, x, scale, bias, mean, variance, llvm::APFloat(0.5));
  }
  }
}

static Value resize(RandomFunction &f, Type element) {
  Shape shape = {f.roll(1, 2), f.roll(1, 5), f.roll(2, 9), f.roll(2, 9)}, to(shape);
  auto kind = f.pick({nn::ResizeKind::nearest, nn::ResizeKind::linear, nn::ResizeKind::cubic});
  bool isNearest = kind == nn::ResizeKind::nearest;
  auto coordinates = f.pick({nn::CoordinateKind::half_pixel, nn::CoordinateKind::asymmetric,
                             nn::CoordinateKind::align_corners, nn::CoordinateKind::pytorch_half_pixel,
                             nn::CoordinateKind::tf_crop_and_resize, nn::CoordinateKind::half_pixel_symmetric});
  auto rounding = f.pick({nn::RoundKind::round_prefer_floor, nn::RoundKind::round_prefer_ceil,
                          nn::RoundKind::floor_down, nn::RoundKind::ceil_up});
  SmallVector<double> scales(4, 1.0), roi;
  for (int i : {2, 3}) {
    to[i] = f.chance(3) ? shape[i] * 2 : f.roll(1, 14);
    scales[i] = double(to[i]) / double(shape[i]);
  }
  if (coordinates == nn::CoordinateKind::tf_crop_and_resize)
    roi = {0, 0, 0.25, 0, 1, 1, 0.75, 1.5};
  return nn::ResizeOp::create(f.b, RankedTensorType::get(to, element), kind, f.input(shape, element), scales, roi,
                              coordinates, rounding, llvm::APFloat(-0.75), llvm::APFloat(3.0),
                              !isNearest && f.chance(3), !isNearest && f.chance(3));
}

static Value quantization(RandomFunction &f, bool &isExact) {
  Shape shape = anyShape(f, 1);
  Type integer = f.pick<Type>(
      {f.b.getI8Type(), f.b.getIntegerType(8, false), f.b.getIntegerType(16, false), f.b.getIntegerType(16)});
  uint64_t axis = f.roll(shape.size());
  Shape scales = f.chance(2) ? Shape{} : Shape{shape[axis]};
  // Positive scales: half plus the magnitude of what is given.
  auto half = cast<ElementsAttr>(
      DenseElementsAttr::get(RankedTensorType::get({}, f.b.getF32Type()), f.b.getF32FloatAttr(0.5f)));
  Value scale = nn::UnaryOp::create(f.b, nn::UnaryKind::abs, f.input(scales, f.b.getF32Type()), llvm::APFloat(1.0),
                                    llvm::APFloat(0.0));
  scale = nn::BinaryOp::create(f.b, nn::BinaryKind::max, scale, nn::ConstantOp::create(f.b, half));
  Value zeroPoint = f.chance(2) ? f.input(scales, integer) : Value();
  isExact = true;
  if (f.chance(2))
    return nn::QuantizeOp::create(f.b, RankedTensorType::get(shape, integer), f.input(shape, f.b.getF32Type()), scale,
                                  zeroPoint, axis);
  return nn::DequantizeOp::create(f.b, RankedTensorType::get(shape, f.b.getF32Type()), f.input(shape, integer), scale,
                                  zeroPoint, axis);
}

RandomKernel makeRandomRoot(unsigned seed) {
  RandomFunction f(seed);
  RandomKernel kernel;
  kernel.isExact = false;
  Type element = f.chance(6) ? Type(f.b.getF16Type()) : f.chance(8) ? Type(f.b.getF64Type()) : Type(f.b.getF32Type());
  kernel.tolerance = element.isF16() ? 0.02 : 1e-4;
  Value root;
  switch (f.roll(11)) {
  case 0:
  case 1:
    root = matMul(f, element);
    break;
  case 2:
  case 3:
    root = convolution(f, element, /*isTransposed=*/false);
    break;
  case 4:
    root = convolution(f, element, /*isTransposed=*/true);
    break;
  case 5:
    root = pooling(f, element);
    break;
  case 6:
    root = maxPoolIndices(f, element);
    break;
  case 7:
    root = attention(f, element);
    break;
  case 8:
    root = resize(f, element);
    break;
  case 9:
    root = quantization(f, kernel.isExact);
    break;
  default:
    root = normalization(f, element);
    break;
  }
  if (isa<FloatType>(elementOf(root)) && !kernel.isExact && f.chance(2)) {
    // A residual and an activation behind it.
    root = nn::BinaryOp::create(f.b, nn::BinaryKind::add, root, f.input(shapeOf(root), elementOf(root)));
    root = nn::UnaryOp::create(f.b, f.pick({nn::UnaryKind::relu, nn::UnaryKind::silu}), root, llvm::APFloat(1.0),
                               llvm::APFloat(0.0));
  }
  kernel.text = f.finish(root);
  return kernel;
}

} // namespace fettle::test
