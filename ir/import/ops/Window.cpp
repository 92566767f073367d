//===- Window.cpp - strides, pads and dilations of an operator ------------===//

#include "ir/import/ops/Window.h"

using namespace mlir;

namespace fettle {

Window readWindow(NodeImporter &node, Value input, ArrayRef<int64_t> kernel) {
  Window window;
  if (node.failed())
    return window;
  if (rankOf(input) < 3) {
    node.fail("needs an input with spatial axes, not one of shape " + formatShape(shapeOf(input)));
    return window;
  }
  size_t spatial = rankOf(input) - 2;
  auto list = [&](StringRef name, std::vector<int64_t> absent, int64_t low) {
    std::vector<int64_t> values = node.integersAttribute(name).value_or(absent);
    if (values.size() != absent.size())
      node.fail(name + " has " + Twine(values.size()) + " values for " + Twine(spatial) + " spatial axes");
    for (int64_t value : values)
      if (value < low || value > int64_t(1) << 31)
        node.fail(name + " holds " + Twine(value));
    return values;
  };
  window.kernel = kernel.empty() ? list("kernel_shape", std::vector<int64_t>(spatial, 0), 1) : kernel.vec();
  std::optional<std::vector<int64_t>> declared = node.integersAttribute("kernel_shape");
  if (!kernel.empty() && declared && ArrayRef(*declared) != kernel)
    node.fail("kernel_shape " + formatShape(*declared) + " is not that of the weight, " + formatShape(kernel));
  window.strides = list("strides", std::vector<int64_t>(spatial, 1), 1);
  window.dilations = list("dilations", std::vector<int64_t>(spatial, 1), 1);
  window.pads = list("pads", std::vector<int64_t>(2 * spatial, 0), 0);
  if (!node.failed() && window.kernel.size() != spatial)
    node.fail("a kernel of rank " + Twine(window.kernel.size()) + " does not fit an input of shape " +
              formatShape(shapeOf(input)));
  std::string autoPad = node.text("auto_pad", "NOTSET");
  if (node.failed())
    return window;
  if (autoPad == "VALID") {
    std::fill(window.pads.begin(), window.pads.end(), 0);
  } else if (autoPad == "SAME_UPPER" || autoPad == "SAME_LOWER") {
    for (size_t i = 0; i < spatial; ++i) {
      int64_t extent = dimOf(input, 2 + i), stride = window.strides[i];
      int64_t reach = (window.kernel[i] - 1) * window.dilations[i] + 1;
      int64_t total = std::max<int64_t>(((extent + stride - 1) / stride - 1) * stride + reach - extent, 0);
      window.pads[i] = autoPad == "SAME_UPPER" ? total / 2 : total - total / 2;
      window.pads[spatial + i] = total - window.pads[i];
    }
  } else if (autoPad != "NOTSET") {
    node.fail("knows no auto_pad '" + autoPad + "'");
  }
  return window;
}

} // namespace fettle
