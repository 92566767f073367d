//===- Recurrent.cpp - lstm, gru and rnn ----------------------------------===//
//
// One op is one direction; ONNX's operands and results have an axis of directions, which is added and taken away.
//
//===----------------------------------------------------------------------===//

#include "ir/export/ExportTable.h"

using namespace mlir;

namespace fettle {

/// `value` with an axis of one direction in front; a constant is stored so.
static Term withDirection(NodeWriter &writer, Value value) {
  if (!value)
    return {};
  SmallVector<int64_t> shape(typeOf(value).getShape());
  shape.insert(shape.begin(), 1);
  return writer.shaped(value, shape);
}

template <typename Op> static Attributes recurrentAttributes(Op op) {
  std::vector<std::string> activations;
  for (Attribute name : op.getActivations())
    activations.push_back(cast<StringAttr>(name).getValue().str());
  bool isBackward = op.getDirection() == nn::DirectionKind::backward;
  Attributes attributes = Attributes()
                              .with("activations", ArrayRef(activations))
                              .with("direction", StringRef(isBackward ? "reverse" : "forward"))
                              .with("hidden_size", typeOf(op.getR()).getDimSize(1));
  if (double clip = op.getClip().convertToDouble(); clip != 0)
    attributes.with("clip", clip);
  return attributes;
}

/// The node and its results without their axis of directions: Y [t, 1, n, h], states [1, n, h].
static void writeLayer(NodeWriter &writer, StringRef name, ArrayRef<Term> inputs, Attributes attributes) {
  SmallVector<RankedTensorType> types;
  for (Type type : writer.op->getResultTypes()) {
    auto ranked = cast<RankedTensorType>(type);
    SmallVector<int64_t> shape(ranked.getShape());
    shape.insert(shape.begin() + (types.empty() ? 1 : 0), 1);
    types.push_back(RankedTensorType::get(shape, ranked.getElementType()));
  }
  auto results = writer.nodes(name, inputs, types, std::move(attributes));
  for (auto [i, result] : llvm::enumerate(results))
    writer.setResult(i, writer.reshape(result, writer.resultType(i).getShape()));
}

static void writeLstm(NodeWriter &writer, nn::LstmOp op) {
  Attributes attributes = recurrentAttributes(op);
  if (op.getInputForget())
    attributes.with("input_forget", int64_t(1));
  writeLayer(writer, "LSTM",
             {writer.term(op.getX()), withDirection(writer, op.getW()), withDirection(writer, op.getR()),
              withDirection(writer, op.getBias()), writer.term(op.getLengths()), withDirection(writer, op.getH0()),
              withDirection(writer, op.getC0()), withDirection(writer, op.getPeephole())},
             std::move(attributes));
}

static void writeGru(NodeWriter &writer, nn::GruOp op) {
  Attributes attributes = recurrentAttributes(op);
  if (op.getLinearBeforeReset())
    attributes.with("linear_before_reset", int64_t(1));
  writeLayer(writer, "GRU",
             {writer.term(op.getX()), withDirection(writer, op.getW()), withDirection(writer, op.getR()),
              withDirection(writer, op.getBias()), writer.term(op.getLengths()), withDirection(writer, op.getH0())},
             std::move(attributes));
}

static void writeRnn(NodeWriter &writer, nn::RnnOp op) {
  writeLayer(writer, "RNN",
             {writer.term(op.getX()), withDirection(writer, op.getW()), withDirection(writer, op.getR()),
              withDirection(writer, op.getBias()), writer.term(op.getLengths()), withDirection(writer, op.getH0())},
             recurrentAttributes(op));
}

ArrayRef<ExportEntry> recurrentExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::LstmOp, writeLstm>(),
      exportEntry<nn::GruOp, writeGru>(),
      exportEntry<nn::RnnOp, writeRnn>(),
  };
  return table;
}

} // namespace fettle
