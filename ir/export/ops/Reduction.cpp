//===- Reduction.cpp - reductions, extrema, running sums ------------------===//

#include "ir/export/ExportTable.h"

using namespace mlir;

namespace fettle {

using nn::ReduceKind;

static const char *operatorOf(ReduceKind kind) {
  switch (kind) {
  case ReduceKind::sum:
    return "ReduceSum";
  case ReduceKind::mean:
    return "ReduceMean";
  case ReduceKind::prod:
    return "ReduceProd";
  case ReduceKind::max:
    return "ReduceMax";
  case ReduceKind::min:
    return "ReduceMin";
  case ReduceKind::l1:
    return "ReduceL1";
  case ReduceKind::l2:
    return "ReduceL2";
  case ReduceKind::log_sum:
    return "ReduceLogSum";
  case ReduceKind::log_sum_exp:
    return "ReduceLogSumExp";
  case ReduceKind::sum_square:
    return "ReduceSumSquare";
  }
  llvm_unreachable("all kinds are handled");
}

/// Of single elements: ONNX takes no axes for all of them.
static Term reduceNothing(NodeWriter &writer, ReduceKind kind, Term input) {
  switch (kind) {
  case ReduceKind::l1:
  case ReduceKind::l2:
    return writer.unary("Abs", input);
  case ReduceKind::log_sum:
    return writer.unary("Log", input);
  case ReduceKind::sum_square:
    return writer.mul(input, input);
  default:
    return input;
  }
}

static void writeReduce(NodeWriter &writer, nn::ReduceOp op) {
  Term input = writer.term(op.getInput());
  if (op.getAxes().empty())
    return writer.setResult(reduceNothing(writer, op.getKind(), input));
  writer.setResult(writer.reduce(operatorOf(op.getKind()), input, op.getAxes(), op.getKeepDims()));
}

static void writeArg(NodeWriter &writer, nn::ArgOp op) {
  Attributes attributes = Attributes().with("axis", int64_t(op.getAxis())).with("keepdims", int64_t(op.getKeepDims()));
  if (op.getSelectLast())
    attributes.with("select_last_index", int64_t(1));
  writer.setResult(writer.test(op.getKind() == nn::ArgKind::argmax ? "ArgMax" : "ArgMin", writer.term(op.getInput()),
                               writer.resultType().getShape(), writer.i64(), std::move(attributes)));
}

static void writeTopK(NodeWriter &writer, nn::TopKOp op) {
  Term input = writer.term(op.getInput());
  Type element = input.element(), compute = writer.computeType("TopK", element);
  ArrayRef<int64_t> shape = writer.resultType().getShape();
  auto results =
      writer.nodes("TopK", {writer.cast(input, compute), writer.integers(int64_t(op.getK()))},
                   {RankedTensorType::get(shape, compute), writer.resultType(1)},
                   Attributes().with("axis", int64_t(op.getAxis())).with("largest", int64_t(!op.getSmallest())));
  writer.setResult(0, writer.cast(results[0], element));
  writer.setResult(1, results[1]);
}

static void writeCumSum(NodeWriter &writer, nn::CumSumOp op) {
  Attributes attributes;
  if (op.getExclusive())
    attributes.with("exclusive", int64_t(1));
  if (op.getReverse())
    attributes.with("reverse", int64_t(1));
  Term input = writer.term(op.getInput());
  writer.setResult(writer.apply("CumSum", {input, writer.scalar(double(int64_t(op.getAxis())), writer.i64())},
                                input.shape(), std::move(attributes)));
}

static void writeDet(NodeWriter &writer, nn::DetOp op) {
  writer.setResult(writer.apply("Det", writer.term(op.getInput()), writer.resultType().getShape()));
}

ArrayRef<ExportEntry> reductionExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::ReduceOp, writeReduce>(), exportEntry<nn::ArgOp, writeArg>(),
      exportEntry<nn::TopKOp, writeTopK>(),     exportEntry<nn::CumSumOp, writeCumSum>(),
      exportEntry<nn::DetOp, writeDet>(),
  };
  return table;
}

} // namespace fettle
