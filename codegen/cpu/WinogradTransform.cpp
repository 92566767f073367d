//===- WinogradTransform.cpp - the three transforms of F(2x2, 3x3) --------===//

#include "codegen/cpu/WinogradTransform.h"
#include <array>
#include <cstring>

using namespace mlir;

namespace fettle::codegen {

static Value sum(ImplicitLocOpBuilder &b, Value x, Value y) { return arith::AddFOp::create(b, x, y); }
static Value difference(ImplicitLocOpBuilder &b, Value x, Value y) { return arith::SubFOp::create(b, x, y); }

/// B^T d of one dimension.
static std::array<Value, 4> emitInput(ImplicitLocOpBuilder &b, Value d0, Value d1, Value d2, Value d3) {
  return {difference(b, d0, d2), sum(b, d1, d2), difference(b, d2, d1), difference(b, d1, d3)};
}

/// A^T m of one dimension.
static std::array<Value, 2> emitOutput(ImplicitLocOpBuilder &b, Value m0, Value m1, Value m2, Value m3) {
  return {sum(b, m0, sum(b, m1, m2)), difference(b, difference(b, m1, m2), m3)};
}

SmallVector<Value> emitInputTransform(ImplicitLocOpBuilder &b, ArrayRef<Value> patch) {
  SmallVector<Value> rows(patch), result;
  for (int64_t x = 0; x < winogradPatch; ++x)
    for (auto [y, value] : llvm::enumerate(emitInput(b, patch[x], patch[4 + x], patch[8 + x], patch[12 + x])))
      rows[4 * y + x] = value;
  for (int64_t y = 0; y < winogradPatch; ++y)
    llvm::append_range(result, emitInput(b, rows[4 * y], rows[4 * y + 1], rows[4 * y + 2], rows[4 * y + 3]));
  return result;
}

SmallVector<Value> emitOutputTransform(ImplicitLocOpBuilder &b, ArrayRef<Value> products) {
  SmallVector<Value> rows(winogradOutput * winogradPatch), result;
  for (int64_t x = 0; x < winogradPatch; ++x)
    for (auto [y, value] : llvm::enumerate(emitOutput(b, products[x], products[4 + x], products[8 + x], products[12 + x])))
      rows[4 * y + x] = value;
  for (int64_t y = 0; y < winogradOutput; ++y)
    llvm::append_range(result, emitOutput(b, rows[4 * y], rows[4 * y + 1], rows[4 * y + 2], rows[4 * y + 3]));
  return result;
}

/// G g of one dimension; elements of `g` and of `out` are `stride` apart.
static void transformTaps(const double *g, int64_t stride, double *out, int64_t outStride) {
  double outer = g[0] + g[2 * stride], inner = g[stride];
  out[0] = g[0];
  out[outStride] = (outer + inner) / 2;
  out[2 * outStride] = (outer - inner) / 2;
  out[3 * outStride] = g[2 * stride];
}

/// G g G^T.
static std::array<double, winogradPositions> transformWindow(const double *window) {
  double rows[winogradPatch * 3];
  std::array<double, winogradPositions> result;
  for (int64_t x = 0; x < 3; ++x)
    transformTaps(window + x, 3, rows + x, 3);
  for (int64_t y = 0; y < winogradPatch; ++y)
    transformTaps(rows + 3 * y, 1, result.data() + winogradPatch * y, 1);
  return result;
}

OperandPacking packWinogradWeights(unsigned operand, RankedTensorType type, const RegisterTile &tile) {
  int64_t columns = type.getDimSize(0), channels = type.getDimSize(1), panels = tile.panels(), panelColumns = tile.panelColumns();
  OperandPacking packing;
  packing.operand = operand;
  packing.packedType = MemRefType::get({panels * winogradPositions * channels * panelColumns}, type.getElementType());
  llvm::raw_string_ostream(packing.layout) << "Winograd F(2x2, 3x3), panels of " << panelColumns;
  packing.panels = tile.panelChoice;
  packing.panels->bytes = packing.packedType.getNumElements() * int64_t(sizeof(float));
  packing.pack = [=, elements = packing.packedType.getNumElements()](const HostTensor &tensor) {
    std::vector<char> bytes(elements * sizeof(float));
    float *out = reinterpret_cast<float *>(bytes.data());
    const char *from = tensor.bytes().data(); // may be unaligned in the model file
    for (int64_t panel = 0; panel < panels; ++panel, out += winogradPositions * channels * panelColumns)
      for (int64_t j = 0; j < std::min(panelColumns, columns); ++j)
        for (int64_t channel = 0; channel < channels; ++channel) {
          float taps[9];
          int64_t column = firstColumnOfPanel(panel, panelColumns, columns) + j;
          std::memcpy(taps, from + (column * channels + channel) * sizeof(taps), sizeof(taps));
          double window[9];
          std::copy(std::begin(taps), std::end(taps), window);
          for (auto [position, value] : llvm::enumerate(transformWindow(window)))
            out[(position * channels + channel) * panelColumns + j] = float(value);
        }
    return bytes;
  };
  return packing;
}

} // namespace fettle::codegen
