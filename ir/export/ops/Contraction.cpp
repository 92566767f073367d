//===- Contraction.cpp - convolutions and matrix products -----------------===//

#include "ir/export/ExportTable.h"
#include "ir/export/IntegerOperand.h"
#include "ir/export/QuantizedBias.h"
#include "ir/export/TransposedWeights.h"

using namespace mlir;

namespace fettle {

//===--- Matrix products --------------------------------------------------===//

/// The operands of an integer product that has no operator of its own, widened, the zero point subtracted.
static Term widenedOperand(NodeWriter &writer, Value value, int64_t zeroPoint, Type element) {
  Term wide = writer.cast(writer.term(value), element);
  return zeroPoint == 0 ? wide : writer.sub(wide, writer.scalarLike(double(zeroPoint), wide));
}

/// Integers of 8 bits multiply in MatMulInteger, to i32; others in MatMul.
static Term writeIntegerMatMul(NodeWriter &writer, nn::MatMulOp op) {
  RankedTensorType type = writer.resultType();
  auto turned = [&](Term operand, bool isTransposed) { return isTransposed ? swapLastAxes(writer, operand) : operand; };
  std::optional<IntegerOperand> lhs, rhs;
  if (type.getElementType().isInteger(32)) {
    lhs = asIntegerOperand(writer, op.getLhs(), int64_t(op.getZeroPoint()));
    rhs = asIntegerOperand(writer, op.getRhs());
  }
  if (lhs && rhs)
    return writer.node("MatMulInteger",
                       {turned(lhs->integers, op.getTransposeLhs()), turned(rhs->integers, op.getTransposeRhs()),
                        lhs->zeroPoint, rhs->zeroPoint},
                       type);
  Term left = widenedOperand(writer, op.getLhs(), int64_t(op.getZeroPoint()), type.getElementType());
  Term right = widenedOperand(writer, op.getRhs(), 0, type.getElementType());
  return writer.apply("MatMul", {turned(left, op.getTransposeLhs()), turned(right, op.getTransposeRhs())},
                      type.getShape());
}

static Term writeGemm(NodeWriter &writer, nn::MatMulOp op) {
  Attributes attributes;
  if (op.getTransposeLhs())
    attributes.with("transA", int64_t(1));
  if (op.getTransposeRhs())
    attributes.with("transB", int64_t(1));
  Term bias = biasOfProduct(writer, op.getBias(), op.getLhs(), op.getRhs());
  return writer.apply("Gemm", {writer.term(op.getLhs()), writer.term(op.getRhs()), bias},
                      writer.resultType().getShape(), std::move(attributes));
}

static void writeMatMul(NodeWriter &writer, nn::MatMulOp op) {
  bool isPlain = !op.getBias() && !op.getTransposeLhs() && !op.getTransposeRhs();
  bool isMatrix = typeOf(op.getLhs()).getRank() == 2 && typeOf(op.getRhs()).getRank() == 2;
  bool isInteger = isa<IntegerType>(writer.resultType().getElementType());
  if (isMatrix && !isPlain && !isInteger)
    return writer.setResult(writeGemm(writer, op));
  auto operand = [&](Value value, bool isTransposed) {
    return isTransposed ? transposeMatrices(writer, value) : writer.term(value);
  };
  Term product =
      isInteger ? writeIntegerMatMul(writer, op)
                : writer.apply("MatMul",
                               {operand(op.getLhs(), op.getTransposeLhs()), operand(op.getRhs(), op.getTransposeRhs())},
                               writer.resultType().getShape());
  Term bias = isInteger ? writer.term(op.getBias()) : biasOfProduct(writer, op.getBias(), op.getLhs(), op.getRhs());
  writer.setResult(bias ? writer.add(product, bias) : product);
}

//===--- Convolutions -----------------------------------------------------===//

template <typename Op> static Attributes windowAttributes(NodeWriter &writer, Op op) {
  if (op.getChannelsLast())
    writer.fail("is channels-last: only modules before the layout phase are exported");
  return Attributes()
      .with("kernel_shape", typeOf(op.getWeight()).getShape().drop_front(2))
      .with("strides", ArrayRef<int64_t>(op.getStrides()))
      .with("pads", ArrayRef<int64_t>(op.getPads()))
      .with("dilations", ArrayRef<int64_t>(op.getDilations()))
      .with("group", int64_t(op.getGroups()));
}

/// One value per channel as it broadcasts over axis 1 of `result`.
static Term alongChannels(NodeWriter &writer, Term perChannel, Term result) {
  SmallVector<int64_t> shape(result.rank() - 1, 1);
  shape[0] = perChannel.shape()[0];
  return writer.reshape(perChannel, shape);
}

/// Conv knows floats only. Integers of 8 bits have ConvInteger; others are exact in f64, where sums of products of 32
/// bits have room.
static void writeIntegerConv(NodeWriter &writer, nn::ConvOp op, Attributes attributes) {
  RankedTensorType type = writer.resultType();
  Type element = type.getElementType();
  std::optional<IntegerOperand> input = asIntegerOperand(writer, op.getInput(), int64_t(op.getZeroPoint()));
  std::optional<IntegerOperand> weight = asIntegerOperand(writer, op.getWeight());
  Term sum;
  if (input && weight && element.isInteger(32)) {
    sum = writer.node("ConvInteger", {input->integers, weight->integers, input->zeroPoint, weight->zeroPoint}, type,
                      std::move(attributes));
  } else {
    if (element.getIntOrFloatBitWidth() == 64)
      writer.fail("convolutions of 64-bit integers have no form in ONNX");
    Term wide = widenedOperand(writer, op.getInput(), int64_t(op.getZeroPoint()), writer.f64());
    sum = writer.node("Conv", {wide, writer.cast(writer.term(op.getWeight()), writer.f64())},
                      RankedTensorType::get(type.getShape(), writer.f64()), std::move(attributes));
    sum = writer.cast(sum, element);
  }
  writer.setResult(op.getBias() ? writer.add(sum, alongChannels(writer, writer.term(op.getBias()), sum)) : sum);
}

static void writeConv(NodeWriter &writer, nn::ConvOp op) {
  Attributes attributes = windowAttributes(writer, op);
  if (isa<IntegerType>(writer.resultType().getElementType()))
    return writeIntegerConv(writer, op, std::move(attributes));
  Term bias = biasOfProduct(writer, op.getBias(), op.getInput(), op.getWeight());
  writer.setResult(writer.apply("Conv", {writer.term(op.getInput()), writer.term(op.getWeight()), bias},
                                writer.resultType().getShape(), std::move(attributes)));
}

static void writeConvTranspose(NodeWriter &writer, nn::ConvTransposeOp op) {
  if (isa<IntegerType>(writer.resultType().getElementType()))
    writer.fail("transposed convolutions of integers have no form in ONNX");
  Attributes attributes = windowAttributes(writer, op).with("output_padding", ArrayRef<int64_t>(op.getOutputPadding()));
  writer.setResult(writer.apply("ConvTranspose",
                                {writer.term(op.getInput()), writer.term(op.getWeight()), writer.term(op.getBias())},
                                writer.resultType().getShape(), std::move(attributes)));
}

ArrayRef<ExportEntry> contractionExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::MatMulOp, writeMatMul>(),
      exportEntry<nn::ConvOp, writeConv>(),
      exportEntry<nn::ConvTransposeOp, writeConvTranspose>(),
  };
  return table;
}

} // namespace fettle
