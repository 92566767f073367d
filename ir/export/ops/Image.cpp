//===- Image.cpp - resizing and boxes -------------------------------------===//

#include "ir/export/ExportTable.h"
#include <cmath>

using namespace mlir;

namespace fettle {

//===--- Resize -----------------------------------------------------------===//

static std::string roundingName(nn::RoundKind kind) {
  if (kind == nn::RoundKind::floor_down)
    return "floor";
  if (kind == nn::RoundKind::ceil_up)
    return "ceil";
  return nn::stringifyRoundKind(kind).str();
}

namespace {
/// How the result shape is said: by the operands scales and sizes, or, where one scale rounds all extents (which
/// neither says), by the policy that made it so.
struct ResizeOperands {
  Term scales, sizes;
  Attributes policy;
};
} // namespace

/// The extents of a resize with one scale s for all axes that change: floor(s * extent + 1/2). ONNX gives s as the
/// largest quotient of wanted and present extent, which it is on the axis that it was made from.
static std::optional<ResizeOperands> withOneScale(NodeWriter &writer, nn::ResizeOp op) {
  ArrayRef<int64_t> from = op.getInput().getType().getShape(), to = op.getOutput().getType().getShape();
  std::optional<double> scale;
  SmallVector<int64_t> axes, sizes;
  bool isExact = false;
  for (size_t i = 0; i < from.size(); ++i) {
    if (op.getScales()[i] == 1 && from[i] == to[i])
      continue;
    scale = scale.value_or(op.getScales()[i]);
    double extent = *scale * double(from[i]);
    if (op.getScales()[i] != *scale || std::floor(extent + 0.5) != double(to[i]))
      return std::nullopt;
    axes.push_back(i);
    sizes.push_back(int64_t(std::floor(extent + 1e-9)));
    isExact |= double(sizes.back()) / double(from[i]) == *scale;
  }
  if (!isExact)
    return std::nullopt;
  return ResizeOperands{Term(), writer.integers(sizes),
                        Attributes().with("axes", axes).with("keep_aspect_ratio_policy", StringRef("not_smaller"))};
}

/// nn has scales and a result shape; ONNX takes one and derives the other. Sizes where the scales are their quotients,
/// else the scales if the shape follows from them (as a runtime computes it, in f32).
static ResizeOperands resizeOperands(NodeWriter &writer, nn::ResizeOp op) {
  ArrayRef<int64_t> from = op.getInput().getType().getShape(), to = op.getOutput().getType().getShape();
  bool areQuotients = true, giveShape = true;
  HostTensor scales(RankedTensorType::get({int64_t(from.size())}, writer.f32()));
  for (size_t i = 0; i < from.size(); ++i) {
    double scale = op.getScales()[i], part = 1;
    if (op.getCoordinates() == nn::CoordinateKind::tf_crop_and_resize)
      part = op.getRoi()[from.size() + i] - op.getRoi()[i];
    scales.setDouble(i, scale);
    areQuotients &= scale == double(to[i]) / double(from[i]);
    giveShape &= int64_t(std::floor(float(scale) * float(part) * float(from[i]))) == to[i];
  }
  if (areQuotients)
    return {Term(), writer.integers(to), {}};
  if (giveShape)
    return {writer.constant(scales), Term(), {}};
  std::optional<ResizeOperands> operands = withOneScale(writer, op);
  if (!operands)
    writer.fail("its result shape follows neither from its scales nor they from it, which Resize cannot say");
  else if (writer.opset < 18)
    writer.fail("one scale for all axes, rounded, is not known in opset " + Twine(writer.opset),
                "export with --target onnx:opset=18");
  return operands.value_or(ResizeOperands());
}

static void writeResize(NodeWriter &writer, nn::ResizeOp op) {
  Term input = writer.term(op.getInput());
  bool crops = op.getCoordinates() == nn::CoordinateKind::tf_crop_and_resize;
  SmallVector<Term> inputs = {input, Term()};
  if (crops) {
    HostTensor roi(RankedTensorType::get({int64_t(op.getRoi().size())}, writer.f32()));
    for (auto [i, value] : llvm::enumerate(op.getRoi()))
      roi.setDouble(i, value);
    inputs[1] = writer.constant(roi);
  }
  ResizeOperands operands = resizeOperands(writer, op);
  inputs.append({operands.scales, operands.sizes});
  auto needs = [&](int64_t opset, const char *what) {
    if (writer.opset < opset)
      writer.fail(Twine(what) + " is not known in opset " + Twine(writer.opset),
                  "export with --target onnx:opset=" + Twine(opset));
  };
  bool givesSizes = operands.sizes && operands.policy.list.empty();
  nn::CoordinateKind coordinates = op.getCoordinates();
  if (coordinates == nn::CoordinateKind::half_pixel_symmetric) {
    // Symmetric about what the scales leave of the shape: nothing where they follow from it.
    if (givesSizes)
      coordinates = nn::CoordinateKind::half_pixel;
    else
      needs(19, "the coordinate transformation half_pixel_symmetric");
  }
  Attributes attributes = operands.policy;
  attributes.with("mode", nn::stringifyResizeKind(op.getKind()))
      .with("coordinate_transformation_mode", nn::stringifyCoordinateKind(coordinates));
  if (op.getKind() == nn::ResizeKind::nearest)
    attributes.with("nearest_mode", StringRef(roundingName(op.getRounding())));
  if (op.getKind() == nn::ResizeKind::cubic)
    attributes.with("cubic_coeff_a", op.getCubicCoefficient().convertToDouble());
  if (op.getExcludeOutside())
    attributes.with("exclude_outside", int64_t(1));
  if (crops)
    attributes.with("extrapolation_value", op.getExtrapolation().convertToDouble());
  // Only what shrinks is smoothed.
  bool shrinks = llvm::any_of(op.getScales(), [](double scale) { return scale < 1; });
  if (op.getAntialias() && shrinks && op.getKind() != nn::ResizeKind::nearest) {
    needs(18, "smoothing before shrinking (antialias)");
    attributes.with("antialias", int64_t(1));
  }
  writer.setResult(writer.apply("Resize", inputs, writer.resultType().getShape(), std::move(attributes)));
}

//===--- Boxes ------------------------------------------------------------===//

/// ONNX gives as many rows as it finds boxes; nn gives all there can be, unused ones -1: as many rows of -1 are
/// appended, and the first taken.
static void writeNonMaxSuppression(NodeWriter &writer, nn::NonMaxSuppressionOp op) {
  RankedTensorType type = writer.resultType();
  int64_t rows = type.getDimSize(0);
  auto threshold = [&](double value) {
    HostTensor tensor(RankedTensorType::get({1}, writer.f32()));
    tensor.setDouble(0, value);
    return writer.constant(tensor);
  };
  double least = op.getScoreThreshold().convertToDouble();
  Term found = writer.node(
      "NonMaxSuppression",
      {writer.cast(writer.term(op.getBoxes()), writer.f32()), writer.cast(writer.term(op.getScores()), writer.f32()),
       writer.integers(int64_t(op.getMaxPerClass())), threshold(op.getIouThreshold().convertToDouble()),
       std::isinf(least) ? Term() : threshold(least)},
      type, Attributes().with("center_point_box", int64_t(op.getCenterPoint())));
  Term unused = writer.splat(-1, {rows, 3}, writer.i64());
  Term padded = writer.node("Concat", {found, unused}, type, Attributes().with("axis", int64_t(0)));
  writer.setResult(writer.node("Slice", {padded, writer.integers(0), writer.integers(rows), writer.integers(0)}, type));
}

ArrayRef<ExportEntry> imageExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::ResizeOp, writeResize>(),
      exportEntry<nn::NonMaxSuppressionOp, writeNonMaxSuppression>(),
  };
  return table;
}

} // namespace fettle
