//===- NodeOrder.h - an order in which nodes can be imported --------------===//
#ifndef FETTLE_IR_IMPORT_NODEORDER_H
#define FETTLE_IR_IMPORT_NODEORDER_H

#include "ir/onnx/Model.h"

namespace fettle {

struct NodeOrder {
  /// Indices of all nodes that no cycle keeps from running; the given order
  /// where it is already right.
  std::vector<size_t> order;
  /// One cycle, if there is any: each node reads an output of the one before,
  /// the first one of the last.
  std::vector<size_t> cycle;
  /// Nodes on or behind a cycle.
  std::vector<size_t> stuck;
};

NodeOrder orderNodes(llvm::ArrayRef<onnx::Node> nodes);

} // namespace fettle

#endif
