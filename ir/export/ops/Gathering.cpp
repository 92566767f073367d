//===- Gathering.cpp - ops that read or write by index --------------------===//

#include "ir/export/ExportTable.h"

using namespace mlir;

namespace fettle {

/// Indices in a type that the operator takes: i64, or i32 where `takesI32`.
static Term indexTerm(NodeWriter &writer, Value indices, bool takesI32) {
  Term term = writer.term(indices);
  return takesI32 && term.element().isInteger(32) ? term : writer.cast(term, writer.i64());
}

/// Indices along an axis. nn clamps what lies outside, ONNX forbids it: constants are clamped here.
static Term axisIndices(NodeWriter &writer, Value indices, int64_t extent) {
  std::optional<HostTensor> known = knownTensor(indices);
  auto isInside = [&](int64_t index) { return index >= -extent && index < extent; };
  if (!known || llvm::all_of(known->integers(), isInside))
    return indexTerm(writer, indices, /*takesI32=*/true);
  HostTensor clamped(RankedTensorType::get(known->shape(), writer.i64()));
  for (int64_t i = 0, count = known->numElements(); i < count; ++i)
    clamped.setInteger(i, std::clamp<int64_t>(known->integerAt(i), -extent, extent - 1));
  return writer.constant(clamped);
}

static void writeGather(NodeWriter &writer, nn::GatherOp op) {
  int64_t axis = op.getAxis();
  Term input = writer.term(op.getInput()), indices = axisIndices(writer, op.getIndices(), input.shape()[axis]);
  writer.setResult(
      writer.move("Gather", {input, indices}, writer.resultType().getShape(), Attributes().with("axis", axis)));
}

static void writeGatherElements(NodeWriter &writer, nn::GatherElementsOp op) {
  int64_t axis = op.getAxis();
  Term input = writer.term(op.getInput()), indices = axisIndices(writer, op.getIndices(), input.shape()[axis]);
  writer.setResult(
      writer.move("GatherElements", {input, indices}, writer.resultType().getShape(), Attributes().with("axis", axis)));
}

static void writeGatherNd(NodeWriter &writer, nn::GatherNdOp op) {
  writer.setResult(writer.move("GatherND", {writer.term(op.getInput()), indexTerm(writer, op.getIndices(), false)},
                               writer.resultType().getShape(),
                               Attributes().with("batch_dims", int64_t(op.getBatchDims()))));
}

/// What ONNX calls the way an update meets the old value. Sums and products came with opset 16, extrema with 18.
static Attributes reductionAttribute(NodeWriter &writer, nn::ScatterKind kind) {
  auto since = [&](int64_t opset, StringRef name) {
    if (writer.opset < opset)
      writer.fail("its updates meet the old values by '" + name + "', which opset " + Twine(writer.opset) +
                      " does not have",
                  "export with --target onnx:opset=" + Twine(opset));
    return Attributes().with("reduction", name);
  };
  switch (kind) {
  case nn::ScatterKind::replace:
    return {};
  case nn::ScatterKind::accumulate:
    return since(16, "add");
  case nn::ScatterKind::multiply:
    return since(16, "mul");
  case nn::ScatterKind::minimum:
    return since(18, "min");
  case nn::ScatterKind::maximum:
    return since(18, "max");
  }
  llvm_unreachable("all kinds are handled");
}

static Term writeScatter(NodeWriter &writer, StringRef name, nn::ScatterKind kind, ArrayRef<Term> inputs,
                         Attributes attributes) {
  ArrayRef<int64_t> shape = writer.resultType().getShape();
  if (kind == nn::ScatterKind::replace)
    return writer.move(name, inputs, shape, std::move(attributes));
  return writer.apply(name, inputs, shape, std::move(attributes));
}

static void writeScatterElements(NodeWriter &writer, nn::ScatterElementsOp op) {
  int64_t axis = op.getAxis();
  Term input = writer.term(op.getInput()), indices = axisIndices(writer, op.getIndices(), input.shape()[axis]);
  writer.setResult(writeScatter(writer, "ScatterElements", op.getKind(), {input, indices, writer.term(op.getUpdates())},
                                reductionAttribute(writer, op.getKind()).with("axis", axis)));
}

static void writeScatterNd(NodeWriter &writer, nn::ScatterNdOp op) {
  Term input = writer.term(op.getInput()), indices = indexTerm(writer, op.getIndices(), false);
  writer.setResult(writeScatter(writer, "ScatterND", op.getKind(), {input, indices, writer.term(op.getUpdates())},
                                reductionAttribute(writer, op.getKind())));
}

ArrayRef<ExportEntry> gatherExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::GatherOp, writeGather>(),       exportEntry<nn::GatherElementsOp, writeGatherElements>(),
      exportEntry<nn::GatherNdOp, writeGatherNd>(),   exportEntry<nn::ScatterElementsOp, writeScatterElements>(),
      exportEntry<nn::ScatterNdOp, writeScatterNd>(),
  };
  return table;
}

} // namespace fettle
