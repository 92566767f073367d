//===- WinogradTransform.cpp - the three transforms of Winograd's algorithm ===//
//
// One dimension is multiplication of polynomials, known at some points: outputs y(k) = sum of g(j) d(k + j) are the transpose
// of a product of degree 1 + 2 or 3 + 2, which its values at 4 or 6 points determine. A point x gives a row of each matrix:
//
//   A: 1, x, x^2, ...    G: (1, x, x^2) / product of (x - other points)    B: the polynomial with the other points as its roots
//
// and infinity the leading coefficients. F(2, 3) takes 0, 1, -1 and infinity, which leaves no factors but 1/2. F(4, 3)
// takes 0, +-3/4, +-3/2 and infinity. Literature has 0, +-1, +-2: there the powers reach 8 and the quotients 1/24, and in random
// convolutions of 16 to 256 channels the errors are 3.4 to 5.8 times those of the direct algorithm, root mean square; with these
// points 1.8 to 2.8 times. Their products need few bits, so B and A are exact in single precision, and the points that lie
// opposite each other share what is even and what is odd.
//
// Sources: A. Lavin, S. Gray, arXiv:1509.09308; B. Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd
// Convolution for Deep Neural Networks", 2020, arXiv:1803.10986, for what points do to errors.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/WinogradTransform.h"
#include <cstring>

using namespace mlir;

namespace fettle::codegen {

/// The points of F(4, 3) are 0, +-nearPoint, +-farPoint and infinity.
constexpr double nearPoint = 0.75, farPoint = 1.5;
constexpr double nearSquare = nearPoint * nearPoint, farSquare = farPoint * farPoint;

Value WinogradTransform::sum(Value x, Value y) { return arith::AddFOp::create(b, x, y); }
Value WinogradTransform::difference(Value x, Value y) { return arith::SubFOp::create(b, x, y); }
Value WinogradTransform::factorOf(Value x, double factor) {
  return arith::ConstantOp::create(b, DenseElementsAttr::get(cast<VectorType>(x.getType()), float(factor)));
}
Value WinogradTransform::multiply(double factor, Value x) { return arith::MulFOp::create(b, factorOf(x, factor), x); }
Value WinogradTransform::multiplyAdd(Value x, double factor, Value y) { return emitMultiplyAdd(b, hasFma, factorOf(y, factor), y, x); }

WinogradTransform::Vectors WinogradTransform::emitInputOfLine(ArrayRef<Value> d) {
  if (form.output == 2)
    return {difference(d[0], d[2]), sum(d[1], d[2]), difference(d[2], d[1]), difference(d[1], d[3])};
  // (x^2 - far^2) (x^2 - near^2), times x for infinity; x (x +- near) (x^2 - far^2), x (x +- far) (x^2 - near^2).
  auto withoutBoth = [&](int64_t i) { return multiplyAdd(multiplyAdd(d[i + 4], -(nearSquare + farSquare), d[i + 2]), nearSquare * farSquare, d[i]); };
  auto withoutOne = [&](int64_t i, double square) { return multiplyAdd(d[i + 2], -square, d[i]); };
  Value evenNear = withoutOne(2, farSquare), oddNear = withoutOne(1, farSquare);
  Value evenFar = withoutOne(2, nearSquare), oddFar = withoutOne(1, nearSquare);
  return {withoutBoth(0),
          multiplyAdd(evenNear, nearPoint, oddNear),
          multiplyAdd(evenNear, -nearPoint, oddNear),
          multiplyAdd(evenFar, farPoint, oddFar),
          multiplyAdd(evenFar, -farPoint, oddFar),
          withoutBoth(1)};
}

WinogradTransform::Vectors WinogradTransform::emitOutputOfLine(ArrayRef<Value> m) {
  if (form.output == 2)
    return {sum(m[0], sum(m[1], m[2])), difference(difference(m[1], m[2]), m[3])};
  Value evenNear = sum(m[1], m[2]), oddNear = difference(m[1], m[2]), evenFar = sum(m[3], m[4]), oddFar = difference(m[3], m[4]);
  return {sum(m[0], sum(evenNear, evenFar)),
          multiplyAdd(multiply(nearPoint, oddNear), farPoint, oddFar),
          multiplyAdd(multiply(nearSquare, evenNear), farSquare, evenFar),
          multiplyAdd(multiplyAdd(m[5], nearPoint * nearSquare, oddNear), farPoint * farSquare, oddFar)};
}

void WinogradTransform::emitInput(Load patch, llvm::function_ref<void(int64_t, Value)> store) {
  int64_t side = form.patch();
  SmallVector<Value> rows(form.positions());
  for (int64_t x = 0; x < side; ++x) {
    Vectors column;
    for (int64_t y = 0; y < side; ++y)
      column.push_back(patch(y * side + x));
    for (auto [y, value] : llvm::enumerate(emitInputOfLine(column)))
      rows[y * side + x] = value;
  }
  for (int64_t y = 0; y < side; ++y)
    for (auto [x, value] : llvm::enumerate(emitInputOfLine(ArrayRef(rows).slice(y * side, side))))
      store(y * side + x, value);
}

SmallVector<Value> WinogradTransform::emitOutput(Load products) {
  int64_t side = form.patch();
  SmallVector<Value> rows(form.output * side), result;
  for (int64_t x = 0; x < side; ++x) {
    Vectors column;
    for (int64_t y = 0; y < side; ++y)
      column.push_back(products(y * side + x));
    for (auto [y, value] : llvm::enumerate(emitOutputOfLine(column)))
      rows[y * side + x] = value;
  }
  for (int64_t y = 0; y < form.output; ++y)
    llvm::append_range(result, emitOutputOfLine(ArrayRef(rows).slice(y * side, side)));
  return result;
}

/// G g of one dimension; elements of `g` and of `out` are `stride` apart.
static void transformTaps(WinogradForm form, const double *g, int64_t stride, double *out, int64_t outStride) {
  double first = g[0], second = g[stride], third = g[2 * stride];
  auto put = [&](int64_t i, double value) { out[i * outStride] = value; };
  // At x and -x, each over the product of their distances to the other points.
  auto putPair = [&](int64_t i, double x, double distances) {
    put(i, (first + x * second + x * x * third) / distances);
    put(i + 1, (first - x * second + x * x * third) / distances);
  };
  if (form.output == 2) {
    put(0, first);
    putPair(1, 1, 2);
  } else {
    put(0, first / (nearSquare * farSquare));
    putPair(1, nearPoint, 2 * nearSquare * (nearSquare - farSquare));
    putPair(3, farPoint, 2 * farSquare * (farSquare - nearSquare));
  }
  put(form.patch() - 1, third);
}

constexpr int64_t mostPatch = 6;

/// G g G^T.
static void transformWindow(WinogradForm form, const double *window, double *result) {
  int64_t side = form.patch();
  double rows[mostPatch * 3];
  for (int64_t x = 0; x < 3; ++x)
    transformTaps(form, window + x, 3, rows + x, 3);
  for (int64_t y = 0; y < side; ++y)
    transformTaps(form, rows + 3 * y, 1, result + side * y, 1);
}

OperandPacking packWinogradWeights(unsigned operand, RankedTensorType type, WinogradForm form, const RegisterTile &tile) {
  int64_t columns = type.getDimSize(0), channels = type.getDimSize(1), panels = tile.panels(), panelColumns = tile.panelColumns();
  OperandPacking packing;
  packing.operand = operand;
  packing.packedType = MemRefType::get({panels * form.positions() * channels * panelColumns}, type.getElementType());
  llvm::raw_string_ostream(packing.layout) << "Winograd F(" << form.output << "x" << form.output << ", 3x3), panels of " << panelColumns;
  packing.panels = tile.panelChoice;
  packing.panels->bytes = packing.packedType.getNumElements() * int64_t(sizeof(float));
  packing.pack = [=, elements = packing.packedType.getNumElements()](const HostTensor &tensor) {
    std::vector<char> bytes(elements * sizeof(float));
    float *out = reinterpret_cast<float *>(bytes.data());
    const char *from = tensor.bytes().data(); // may be unaligned in the model file
    for (int64_t panel = 0; panel < panels; ++panel, out += form.positions() * channels * panelColumns)
      for (int64_t j = 0; j < std::min(panelColumns, columns); ++j)
        for (int64_t channel = 0; channel < channels; ++channel) {
          float taps[9];
          int64_t column = firstColumnOfPanel(panel, panelColumns, columns) + j;
          std::memcpy(taps, from + (column * channels + channel) * sizeof(taps), sizeof(taps));
          double window[9], values[mostPatch * mostPatch];
          std::copy(std::begin(taps), std::end(taps), window);
          transformWindow(form, window, values);
          for (int64_t position = 0; position < form.positions(); ++position)
            out[(position * channels + channel) * panelColumns + j] = float(values[position]);
        }
    return bytes;
  };
  return packing;
}

} // namespace fettle::codegen
