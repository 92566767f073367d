//===- Contraction.cpp - ONNX convolutions and matrix products ------------===//

#include "ir/import/ops/Contraction.h"
#include "ir/import/OperatorTable.h"
#include "ir/import/ops/Einsum.h"
#include "ir/import/ops/Window.h"

using namespace mlir;

namespace fettle {

//===--- Matrix products --------------------------------------------------===//

/// numpy's matmul: operands of rank 1 gain an axis that the result loses.
Value emitMatMul(NodeImporter &node, Value lhs, Value rhs) {
  if (node.failed())
    return lhs;
  if (rankOf(lhs) == 0 || rankOf(rhs) == 0) {
    node.fail("a scalar has no matrix product");
    return lhs;
  }
  bool row = rankOf(lhs) == 1, column = rankOf(rhs) == 1;
  if (row)
    lhs = node.reshape(lhs, {1, dimOf(lhs, 0)});
  if (column)
    rhs = node.reshape(rhs, {dimOf(rhs, 0), 1});
  Value product = node.matmul(lhs, rhs);
  if (node.failed())
    return product;
  std::vector<int64_t> shape = shapeOf(product).vec();
  if (column)
    shape.pop_back();
  if (row)
    shape.erase(shape.end() - (column ? 1 : 2));
  return node.reshape(product, shape);
}

static void importMatMul(NodeImporter &node) { node.setOutput(emitMatMul(node, node.input(0), node.input(1))); }

Value emitGemm(NodeImporter &node, Value a, Value b, Value c) {
  if (rankOf(a) != 2 || rankOf(b) != 2)
    node.fail("needs matrices, not " + formatShape(shapeOf(a)) + " and " + formatShape(shapeOf(b)));
  double alpha = node.real("alpha", 1), beta = node.real("beta", 1);
  bool transposeA = node.integer("transA", 0) != 0, transposeB = node.integer("transB", 0) != 0;
  if (beta == 0)
    c = {};
  if (alpha == 1 && (!c || beta == 1))
    return node.matmul(a, b, c, transposeA, transposeB);
  Value product = node.scaled(node.matmul(a, b, {}, transposeA, transposeB), alpha);
  return c ? node.add(product, node.scaled(c, beta)) : product;
}

static void importGemm(NodeImporter &node) {
  node.setOutput(emitGemm(node, node.input(0), node.input(1), node.optionalInput(2)));
}

//===--- Convolutions -----------------------------------------------------===//

Value emitConv(NodeImporter &node, Value input, Value weight, Value bias) {
  Window window = readWindow(node, input, shapeOf(weight).drop_front(std::min<size_t>(2, rankOf(weight))));
  return node.create<nn::ConvOp>(input, weight, bias, ArrayRef<int64_t>(window.strides),
                                 ArrayRef<int64_t>(window.pads), ArrayRef<int64_t>(window.dilations),
                                 node.integer("group", 1), /*channels_last=*/false);
}

static void importConv(NodeImporter &node) {
  node.setOutput(emitConv(node, node.input(0), node.input(1), node.optionalInput(2)));
}

/// With `output_shape` the pads follow from it: total = stride (x - 1) + output_padding + extent of the kernel -
/// output, of which SAME_UPPER puts the smaller half in front, and every other mode the larger.
static void importConvTranspose(NodeImporter &node) {
  Value input = node.input(0), weight = node.input(1);
  if (rankOf(input) < 3 || rankOf(weight) != rankOf(input))
    return node.fail("weight of shape " + formatShape(shapeOf(weight)) + " does not fit an input of shape " +
                     formatShape(shapeOf(input)));
  size_t spatial = rankOf(input) - 2;
  std::string autoPad = node.text("auto_pad", "NOTSET");
  auto list = [&](StringRef name, int64_t absent, size_t count) {
    std::vector<int64_t> values = node.integersAttribute(name).value_or(std::vector<int64_t>(count, absent));
    if (values.size() != count)
      node.fail(name + " has " + Twine(values.size()) + " values for " + Twine(spatial) + " spatial axes");
    for (int64_t value : values)
      if (value < -(int64_t(1) << 31) || value > int64_t(1) << 31)
        node.fail(name + " is beyond 2^31");
    return values;
  };
  std::vector<int64_t> strides = list("strides", 1, spatial), dilations = list("dilations", 1, spatial);
  std::vector<int64_t> pads = list("pads", 0, 2 * spatial), extra = list("output_padding", 0, spatial);
  std::optional<std::vector<int64_t>> output = node.integersAttribute("output_shape");
  if (node.failed())
    return;
  if (output && output->size() == spatial + 2)
    output->erase(output->begin(), output->begin() + 2);
  if (output && output->size() != spatial)
    return node.fail("output_shape has " + Twine(output->size()) + " values for " + Twine(spatial) + " spatial axes");
  bool same = autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER";
  if (autoPad == "VALID")
    std::fill(pads.begin(), pads.end(), 0);
  for (size_t i = 0; i < spatial && (output || same); ++i) {
    int64_t extent = dimOf(input, 2 + i);
    int64_t wanted = output ? (*output)[i] : extent * strides[i];
    int64_t total = strides[i] * (extent - 1) + extra[i] + (dimOf(weight, 2 + i) - 1) * dilations[i] + 1 - wanted;
    // A result larger than the kernels reach is filled up at its end.
    if (total < 0) {
      extra[i] -= total;
      total = 0;
    }
    pads[i] = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
    pads[spatial + i] = total - pads[i];
  }
  node.setOutput(node.create<nn::ConvTransposeOp>(
      input, weight, node.optionalInput(2), ArrayRef<int64_t>(strides), ArrayRef<int64_t>(pads),
      ArrayRef<int64_t>(dilations), ArrayRef<int64_t>(extra), node.integer("group", 1), /*channels_last=*/false));
}

ArrayRef<OperatorEntry> contractionOperators() {
  static const OperatorEntry table[] = {
      {"", "Conv", 1, newestOpset, importConv, ""},
      {"", "ConvTranspose", 1, newestOpset, importConvTranspose, ""},
      {"", "Einsum", 12, newestOpset, importEinsum, ""},
      {"", "Gemm", 1, newestOpset, importGemm, ""},
      {"", "MatMul", 1, newestOpset, importMatMul, ""},
  };
  return table;
}

} // namespace fettle
