//===- Window.h - strides, pads and dilations of an operator --------------===//
#ifndef FETTLE_IR_IMPORT_OPS_WINDOW_H
#define FETTLE_IR_IMPORT_OPS_WINDOW_H

#include "ir/import/NodeImporter.h"

namespace fettle {

/// One entry per spatial axis; `pads` lists all begins, then all ends.
struct Window {
  std::vector<int64_t> kernel, strides, pads, dilations;
};

/// Reads kernel_shape, strides, pads, dilations and auto_pad of a convolution or
/// pooling over `input` [n, c, spatial...]. `kernel` is used where the node has
/// no kernel_shape, and must agree with it otherwise.
Window readWindow(NodeImporter &node, mlir::Value input, llvm::ArrayRef<int64_t> kernel);

} // namespace fettle

#endif
