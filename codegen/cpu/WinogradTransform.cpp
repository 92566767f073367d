//===- WinogradTransform.cpp - the three transforms of Winograd's algorithm ===//
//
// One dimension is multiplication of polynomials, known at some points: the outputs y(k) = sum of g(j) d(k + j) of a tile are
// the transpose of a product, which its values at as many points as it has coefficients determine. A point x gives a
// row of each matrix:
//
//   A: 1, x, x^2, ...    G: (1, x, x^2...) / product of (x - other points)    B: the polynomial with the other points as its roots
//
// and infinity the leading coefficients. All tiles take 0 and infinity, and pairs of points opposite each other, which share
// what is even and what is odd. F(2, 3) takes +-1, which leaves no factors but 1/2. F(4, 3) and F(2, 5) take +-3/4 and +-3/2.
// Literature has +-1 and +-2: there the powers of F(4, 3) reach 8 and the quotients 1/24, and in random convolutions with
// windows of 3x3 and 16 to 256 channels its errors are 3.4 to 5.8 times those of the direct algorithm, root mean square; with these
// points 1.8 to 2.8 times. F(4, 5) takes +-1/2, +-1 and +-2, the best of 286 triples of simple fractions: 2.0 to 2.5 times
// in one dimension, 5 in two, where it is not used. All these points and their products have few bits, so B and A are exact.
//
// Sources: A. Lavin, S. Gray, arXiv:1509.09308; B. Barabasz et al., "Error Analysis and Improving the Accuracy of Winograd
// Convolution for Deep Neural Networks", 2020, arXiv:1803.10986, for what points do to errors.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/WinogradTransform.h"
#include <cmath>
#include <cstring>

using namespace mlir;

namespace fettle::codegen {

/// The positive ones of the points of a patch.
static ArrayRef<double> pointsOf(int64_t patch) {
  static constexpr double of4[] = {1}, of6[] = {0.75, 1.5}, of8[] = {0.5, 1, 2};
  switch (patch) {
  case 4: return of4;
  case 6: return of6;
  case 8: return of8;
  }
  llvm_unreachable("a tile of one pixel and one tap is not transformed");
}

/// Coefficients of x^0, x^2, x^4... of the product of (x^2 - point^2) over all points but `left`.
static SmallVector<double> productOfRoots(ArrayRef<double> points, std::optional<size_t> left = std::nullopt) {
  SmallVector<double> result = {1};
  for (size_t k = 0; k < points.size(); ++k) {
    if (k == left)
      continue;
    result.insert(result.begin(), 0); // times x^2
    for (size_t i = 0; i + 1 < result.size(); ++i)
      result[i] -= points[k] * points[k] * result[i + 1];
  }
  return result;
}

Value WinogradTransform::multiplyAdd(Value sum, double factor, Value x) {
  if (sum && factor == 1)
    return arith::AddFOp::create(b, sum, x);
  if (sum && factor == -1)
    return arith::SubFOp::create(b, sum, x);
  Value constant = arith::ConstantOp::create(b, DenseElementsAttr::get(cast<VectorType>(x.getType()), float(factor)));
  return sum ? emitMultiplyAdd(b, hasFma, constant, x, sum) : arith::MulFOp::create(b, constant, x).getResult();
}

WinogradTransform::Vectors WinogradTransform::emitInputOfLine(WinogradAxis axis, ArrayRef<Value> d) {
  if (axis.patch() == 1)
    return Vectors(d);
  ArrayRef<double> points = pointsOf(axis.patch());
  // The polynomial times x^first.
  auto emitPolynomial = [&](ArrayRef<double> coefficients, int64_t first) {
    Value sum = d[first + 2 * (coefficients.size() - 1)];
    for (size_t i = coefficients.size() - 1; i > 0; --i)
      sum = multiplyAdd(sum, coefficients[i - 1], d[first + 2 * (i - 1)]);
    return sum;
  };
  Vectors result = {emitPolynomial(productOfRoots(points), 0)};
  for (auto [k, point] : llvm::enumerate(points)) {
    SmallVector<double> others = productOfRoots(points, k);
    Value even = emitPolynomial(others, 2), odd = emitPolynomial(others, 1);
    result.push_back(multiplyAdd(even, point, odd));
    result.push_back(multiplyAdd(even, -point, odd));
  }
  result.push_back(emitPolynomial(productOfRoots(points), 1));
  return result;
}

WinogradTransform::Vectors WinogradTransform::emitOutputOfLine(WinogradAxis axis, ArrayRef<Value> m) {
  if (axis.patch() == 1)
    return Vectors(m);
  ArrayRef<double> points = pointsOf(axis.patch());
  Vectors even, odd, result;
  for (size_t k = 0; k < points.size(); ++k) {
    even.push_back(arith::AddFOp::create(b, m[1 + 2 * k], m[2 + 2 * k]));
    odd.push_back(arith::SubFOp::create(b, m[1 + 2 * k], m[2 + 2 * k]));
  }
  for (int64_t power = 0; power < axis.output; ++power) {
    Value sum = power == 0 ? m.front() : power == axis.output - 1 ? m.back() : Value();
    for (auto [k, point] : llvm::enumerate(points))
      sum = multiplyAdd(sum, std::pow(point, power), power % 2 ? odd[k] : even[k]);
    result.push_back(sum);
  }
  return result;
}

SmallVector<Value> WinogradTransform::emitColumns(Load load, Line emitLine) {
  int64_t height = form.y.patch(), width = form.x.patch();
  SmallVector<Vectors> columns;
  for (int64_t x = 0; x < width; ++x) {
    Vectors column;
    for (int64_t y = 0; y < height; ++y)
      column.push_back(load(y * width + x));
    columns.push_back((this->*emitLine)(form.y, column));
  }
  SmallVector<Value> rows;
  for (size_t y = 0; y < columns.front().size(); ++y)
    for (const Vectors &column : columns)
      rows.push_back(column[y]);
  return rows;
}

void WinogradTransform::emitInput(Load patch, llvm::function_ref<void(int64_t, Value)> store) {
  SmallVector<Value> rows = emitColumns(patch, &WinogradTransform::emitInputOfLine);
  int64_t width = form.x.patch();
  for (int64_t y = 0; y < form.y.patch(); ++y)
    for (auto [x, value] : llvm::enumerate(emitInputOfLine(form.x, ArrayRef(rows).slice(y * width, width))))
      store(y * width + x, value);
}

SmallVector<Value> WinogradTransform::emitOutput(Load products) {
  SmallVector<Value> rows = emitColumns(products, &WinogradTransform::emitOutputOfLine), result;
  int64_t width = form.x.patch();
  for (int64_t y = 0; y < form.y.output; ++y)
    llvm::append_range(result, emitOutputOfLine(form.x, ArrayRef(rows).slice(y * width, width)));
  return result;
}

/// G g of one dimension; elements of `g` are `stride` apart, those of `out` `outStride`.
static void transformTaps(WinogradAxis axis, const double *g, int64_t stride, double *out, int64_t outStride) {
  if (axis.patch() == 1) {
    *out = *g;
    return;
  }
  ArrayRef<double> points = pointsOf(axis.patch());
  auto valueAt = [&](double x) {
    double value = 0;
    for (int64_t tap = axis.taps - 1; tap >= 0; --tap)
      value = value * x + g[tap * stride];
    return value;
  };
  out[0] = g[0] / productOfRoots(points).front();
  for (auto [k, point] : llvm::enumerate(points)) {
    double distances = 2 * point * point; // to 0 and to the opposite point
    for (size_t other = 0; other < points.size(); ++other)
      if (other != k)
        distances *= point * point - points[other] * points[other];
    out[(1 + 2 * k) * outStride] = valueAt(point) / distances;
    out[(2 + 2 * k) * outStride] = valueAt(-point) / distances;
  }
  out[(axis.patch() - 1) * outStride] = g[(axis.taps - 1) * stride];
}

/// G g G^T.
static void transformWindow(WinogradForm form, const double *window, double *result) {
  double rows[mostWinogradPositions];
  for (int64_t x = 0; x < form.x.taps; ++x)
    transformTaps(form.y, window + x, form.x.taps, rows + x, form.x.taps);
  for (int64_t y = 0; y < form.y.patch(); ++y)
    transformTaps(form.x, rows + y * form.x.taps, 1, result + y * form.x.patch(), 1);
}

OperandPacking packWinogradWeights(unsigned operand, RankedTensorType type, WinogradForm form, const RegisterTile &tile) {
  int64_t columns = type.getDimSize(0), channels = type.getDimSize(1), panels = tile.panels(), panelColumns = tile.panelColumns();
  assert(form.positions() <= mostWinogradPositions && form.taps() <= mostWinogradTaps);
  OperandPacking packing;
  packing.operand = operand;
  packing.packedType = MemRefType::get({panels * form.positions() * channels * panelColumns}, type.getElementType());
  llvm::raw_string_ostream(packing.layout) << "Winograd F(" << form.y.output << "x" << form.x.output << ", " << form.y.taps << "x" << form.x.taps << "), panels of " << panelColumns;
  packing.panels = tile.panelChoice;
  packing.panels->bytes = packing.packedType.getNumElements() * int64_t(sizeof(float));
  packing.pack = [=, elements = packing.packedType.getNumElements()](const HostTensor &tensor) {
    std::vector<char> bytes(elements * sizeof(float));
    float *out = reinterpret_cast<float *>(bytes.data());
    const char *from = tensor.bytes().data(); // may be unaligned in the model file
    for (int64_t panel = 0; panel < panels; ++panel, out += form.positions() * channels * panelColumns)
      for (int64_t j = 0; j < std::min(panelColumns, columns); ++j)
        for (int64_t channel = 0; channel < channels; ++channel) {
          float taps[mostWinogradTaps];
          int64_t column = firstColumnOfPanel(panel, panelColumns, columns) + j, size = form.taps();
          std::memcpy(taps, from + (column * channels + channel) * size * sizeof(float), size * sizeof(float));
          double window[mostWinogradTaps], values[mostWinogradPositions];
          std::copy(taps, taps + size, window);
          transformWindow(form, window, values);
          for (int64_t position = 0; position < form.positions(); ++position)
            out[(position * channels + channel) * panelColumns + j] = float(values[position]);
        }
    return bytes;
  };
  return packing;
}

} // namespace fettle::codegen
