//===- Quantization.cpp - quantize and dequantize -------------------------===//

#include "ir/export/ExportTable.h"
#include "ir/export/QuantizedPair.h"

using namespace mlir;

namespace fettle {

static void writePairFirst(NodeWriter &writer, nn::QuantizeOp op) { writer.setResult(writeQuantize(writer, op)); }

static void writePairSecond(NodeWriter &writer, nn::DequantizeOp op) {
  writer.setResult(writeDequantize(writer, op, writer.term(op.getInput()), int64_t(op.getAxis())));
}

ArrayRef<ExportEntry> quantizationExports() {
  static const ExportEntry table[] = {
      exportEntry<nn::QuantizeOp, writePairFirst>(),
      exportEntry<nn::DequantizeOp, writePairSecond>(),
  };
  return table;
}

} // namespace fettle
