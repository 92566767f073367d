//===- TransposedWeights.cpp - a matrix with its axes swapped -------------===//

#include "ir/export/TransposedWeights.h"
#include "ir/export/QuantizedPair.h"
#include "ir/support/Origin.h"
#include <cstring>

using namespace mlir;

namespace fettle {

static SmallVector<int64_t> swapped(ArrayRef<int64_t> shape) {
  SmallVector<int64_t> result(shape);
  std::swap(result[result.size() - 1], result[result.size() - 2]);
  return result;
}

static HostTensor swapLastAxes(const HostTensor &tensor) {
  ArrayRef<int64_t> shape = tensor.shape();
  HostTensor result(RankedTensorType::get(swapped(shape), tensor.elementType()));
  int64_t rows = shape[shape.size() - 2], columns = shape.back(), size = elementBytes(tensor.elementType());
  int64_t matrices = rows * columns ? tensor.numElements() / (rows * columns) : 0;
  const char *from = tensor.bytes().data();
  char *to = result.mutableBytes().data();
  for (int64_t m = 0; m < matrices; ++m)
    for (int64_t c = 0; c < columns; ++c)
      for (int64_t r = 0; r < rows; ++r, to += size)
        std::memcpy(to, from + ((m * rows + r) * columns + c) * size, size);
  return result;
}

Term swapLastAxes(NodeWriter &writer, Term operand) {
  SmallVector<int64_t> perm = llvm::to_vector(llvm::seq<int64_t>(0, operand.rank()));
  return writer.transpose(operand, swapped(perm));
}

/// A constant swapped in the file; null if it is none, or is read elsewhere.
static Term swapConstant(NodeWriter &writer, Value value) {
  std::optional<HostTensor> known = knownTensor(value);
  if (!known || !value.hasOneUse())
    return {};
  return writer.weight(swapLastAxes(*known), formatOrigins(value.getLoc()));
}

Term transposeMatrices(NodeWriter &writer, Value value) {
  if (Term constant = swapConstant(writer, value))
    return constant;
  auto dequantize = value.getDefiningOp<nn::DequantizeOp>();
  // Blocks would have to be swapped too.
  bool isPerAxis = dequantize && typeOf(dequantize.getScale()).getRank() <= 1;
  Term integers = isPerAxis && value.hasOneUse() ? swapConstant(writer, dequantize.getInput()) : Term();
  if (!integers)
    return swapLastAxes(writer, writer.term(value));
  int64_t rank = integers.rank(), axis = int64_t(dequantize.getAxis());
  if (axis >= rank - 2)
    axis = 2 * rank - 3 - axis;
  return writeDequantize(writer, dequantize, integers, axis);
}

} // namespace fettle
