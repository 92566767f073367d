//===- PackWeights.cpp - weights in the order register tiles read them ----===//

#include "codegen/cpu/PackWeights.h"
#include "llvm/Support/MathExtras.h"
#include <cstring>

using namespace mlir;

namespace fettle::codegen {

int64_t firstColumnOfPanel(int64_t panel, int64_t panelColumns, int64_t columns) {
  return std::max<int64_t>(0, std::min(panel * panelColumns, columns - panelColumns));
}

template <typename T, typename Read>
static std::vector<char> packElements(const WeightsView &view, int64_t panelColumns, Read read) {
  int64_t panels = llvm::divideCeil(view.columns, panelColumns);
  std::vector<char> bytes(view.blocks * panels * view.steps * panelColumns * sizeof(T));
  T *out = reinterpret_cast<T *>(bytes.data());
  for (int64_t block = 0; block < view.blocks; ++block)
    for (int64_t panel = 0; panel < panels; ++panel) {
      int64_t firstColumn = firstColumnOfPanel(panel, panelColumns, view.columns);
      int64_t present = std::min(panelColumns, view.columns);
      for (int64_t step = 0; step < view.steps; ++step, out += panelColumns)
        for (int64_t j = 0; j < present; ++j)
          out[j] = read(view.index(block, firstColumn + j, step));
    }
  return bytes;
}

OperandPacking packPanels(unsigned operand, WeightsView view, int64_t panelColumns, Type element) {
  int64_t panels = llvm::divideCeil(view.columns, panelColumns);
  OperandPacking packing;
  packing.operand = operand;
  packing.packedType = MemRefType::get({view.blocks * panels * view.steps * panelColumns}, element);
  llvm::raw_string_ostream(packing.layout) << view.order << " panels of " << panelColumns << " x " << element;
  packing.pack = [view = std::move(view), panelColumns, element](const HostTensor &tensor) {
    if (tensor.elementType().isF32() && element.isF32()) {
      const char *from = tensor.bytes().data(); // may be unaligned in the model file
      return packElements<float>(view, panelColumns, [from](int64_t i) {
        float value;
        std::memcpy(&value, from + 4 * i, 4);
        return value;
      });
    }
    if (element.isF32())
      return packElements<float>(view, panelColumns, [&](int64_t i) { return float(tensor.doubleAt(i)); });
    if (element.isF64())
      return packElements<double>(view, panelColumns, [&](int64_t i) { return tensor.doubleAt(i); });
    return packElements<int32_t>(view, panelColumns, [&](int64_t i) { return int32_t(tensor.integerAt(i)); });
  };
  return packing;
}

WeightsView viewConvolutionWeights(RankedTensorType type, int64_t groups) {
  ArrayRef<int64_t> shape = type.getShape();
  int64_t columns = shape[0] / groups, channels = shape[1];
  int64_t window = type.getNumElements() / std::max<int64_t>(1, shape[0] * channels);
  auto index = [=](int64_t group, int64_t column, int64_t step) {
    int64_t position = step / channels, channel = step % channels;
    return ((group * columns + column) * channels + channel) * window + position;
  };
  return {groups, columns, window * channels, index, "window, channel; " + std::to_string(groups) + " groups"};
}

WeightsView viewMatrixWeights(RankedTensorType type, bool transposed) {
  ArrayRef<int64_t> shape = type.getShape();
  int64_t a = shape[shape.size() - 2], b = shape.back();
  int64_t steps = transposed ? b : a, columns = transposed ? a : b;
  int64_t batches = type.getNumElements() / std::max<int64_t>(1, a * b);
  auto index = [=](int64_t batch, int64_t column, int64_t step) {
    return batch * a * b + (transposed ? column * b + step : step * b + column);
  };
  return {batches, columns, steps, index, transposed ? "n x k" : "k x n"};
}

} // namespace fettle::codegen
