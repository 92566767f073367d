//===- RecurrentWeights.cpp - packed weights of recurrent layers ----------===//

#include "codegen/cpu/RecurrentWeights.h"
#include "codegen/cpu/ConvolutionBuilder.h"
#include "llvm/Support/FormatVariadic.h"
#include <cstring>

using namespace mlir;

namespace fettle::codegen {

FailureOr<RecurrentWeights> RecurrentWeights::get(nn::KernelOp kernel, Value weights, int64_t gates, int64_t hidden,
                                                  int64_t lanes, int64_t panelVectors) {
  auto type = cast<RankedTensorType>(weights.getType());
  if (!computeType(type.getElementType()).isF32() || type.getNumElements() == 0)
    return failure();
  RecurrentWeights result;
  result.gates = gates;
  result.hidden = hidden;
  result.lanes = lanes;
  result.panelVectors = panelVectors;
  result.steps = type.getDimSize(1);
  ResolvedView resolved = resolveView(weights);
  if (auto argument = dyn_cast<BlockArgument>(resolved.base); argument && isConstantOperand(kernel, argument)) {
    result.constantOperand = argument.getArgNumber();
    result.view = resolved.view;
    return result;
  }
  FailureOr<FusedExpression> expression = FusedExpression::get(weights);
  if (failed(expression) || result.elements() * 4 > maxStackBytes)
    return failure();
  result.expression = std::move(*expression);
  return result;
}

void RecurrentWeights::addPacking(MLIRContext *context, std::vector<OperandPacking> &packings) const {
  if (!constantOperand)
    return;
  auto pack = [copy = *this](const HostTensor &tensor) {
    std::vector<char> bytes(copy.elements() * 4);
    int64_t width = copy.panelColumns();
    for (int64_t gate = 0; gate < copy.gates; ++gate)
      for (int64_t j = 0; j < copy.hidden; ++j) {
        int64_t column = gate * copy.paddedHidden() + j, row = gate * copy.hidden + j;
        for (int64_t step = 0; step < copy.steps; ++step) {
          int64_t to = column / width * copy.panelElements() + step * width + column % width;
          float value = tensor.doubleAt(copy.view.offset + row * copy.view.strides[0] + step * copy.view.strides[1]);
          std::memcpy(bytes.data() + to * 4, &value, 4);
        }
      }
    return bytes;
  };
  packings.push_back({*constantOperand, MemRefType::get({elements()}, Float32Type::get(context)), pack,
                      llvm::formatv("recurrent gates={0} hidden={1} lanes={2} vectors={3} at {4}+{5}i+{6}j", gates,
                                    hidden, lanes, panelVectors, view.offset, view.strides[0], view.strides[1])});
}

Value RecurrentWeights::emit(FlatFrame &frame) const {
  ImplicitLocOpBuilder &b = frame.b;
  if (constantOperand)
    return frame.function.getArgument(*constantOperand);
  Value packed = frame.scratch(b.getF32Type(), elements());
  for (int64_t gate = 0; gate < gates; ++gate)
    for (int64_t j = 0; j < hidden; j += lanes) {
      int64_t column = gate * paddedHidden() + j;
      emitFor(b, 0, steps, 1, [&](Value step) {
        ElementPosition position{{indexConstant(b, gate * hidden + j), step}, 0, lanes, std::min(lanes, hidden - j)};
        Value vector = expression.emit(b, position, [&](BlockArgument argument) { return frame.flat(argument); });
        int64_t base = column / panelColumns() * panelElements() + column % panelColumns();
        vector::StoreOp::create(b, vector, packed, ValueRange{addIndex(b, mulIndex(b, step, panelColumns()), base)});
      });
    }
  return packed;
}

} // namespace fettle::codegen
