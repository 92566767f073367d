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

namespace {

/// One panel's columns of a tensor of si8, i16 or bf16 weights.
struct PanelWeights {
  const WordPanels &panels;
  const HostTensor &tensor;
  int64_t block, firstColumn;

  /// Of bf16, the bits.
  int16_t weight(int64_t column, int64_t step) const {
    const WeightsView &view = panels.view;
    if (column >= view.columns)
      return 0;
    int64_t at = view.index(block, firstColumn + column, step);
    if (tensor.elementType().getIntOrFloatBitWidth() == 8)
      return int8_t(tensor.bytes()[at]);
    int16_t wide;
    std::memcpy(&wide, tensor.bytes().data() + 2 * at, 2);
    return wide;
  }

  void writeWords(char *out) const {
    const WordRun &run = panels.run;
    const DotProduct &dot = panels.dot;
    for (int64_t first = 0; first < panels.view.steps; first += run.length)
      for (int64_t word = 0; word < run.words(); ++word)
        for (int64_t column = 0; column < panels.panelColumns(); column += dot.lanes(), out += dot.weightBytes())
          dot.packWeights(out, [&](int64_t lane, int64_t i) -> int16_t {
            return run.counts(word, i) ? weight(column + lane, first + run.offset(word) + i) : 0;
          });
  }

  void writeTable(char *out) const {
    for (int64_t entry = 0; entry < panels.table.entries; ++entry)
      for (int64_t column = 0; column < panels.panelColumns(); ++column, out += 4) {
        uint32_t sum = 0; // wraps as the kernel's sums do
        for (int64_t step = 0; step < panels.view.steps; ++step)
          if (panels.table.covers(entry, step))
            sum -= uint32_t(panels.table.zeroPoint) * uint32_t(int32_t(weight(column, step)));
        std::memcpy(out, &sum, 4);
      }
  }
};

} // namespace

OperandPacking WordPanels::pack(MLIRContext *context, unsigned operand) const {
  OperandPacking packing;
  packing.operand = operand;
  packing.packedType = MemRefType::get({tableOffset() + view.blocks * panels() * tableBytes()}, IntegerType::get(context, 8));
  llvm::raw_string_ostream(packing.layout) << view.order << " panels of " << panelColumns() << ", " << dot.name() << " words of " << run.length
                                           << ", " << table.name << " for zero point " << table.zeroPoint;
  packing.pack = [packed = *this](const HostTensor &tensor) {
    std::vector<char> bytes(packed.tableOffset() + packed.view.blocks * packed.panels() * packed.tableBytes());
    char *words = bytes.data(), *table = words + packed.tableOffset();
    for (int64_t block = 0; block < packed.view.blocks; ++block)
      for (int64_t panel = 0; panel < packed.panels(); ++panel, words += packed.panelBytes(), table += packed.tableBytes()) {
        PanelWeights weights{packed, tensor, block, firstColumnOfPanel(panel, packed.panelColumns(), packed.view.columns)};
        weights.writeWords(words);
        weights.writeTable(table);
      }
    return bytes;
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
