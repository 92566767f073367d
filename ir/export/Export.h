//===- Export.h - nn module to ONNX model ---------------------------------===//
//
// exportModule is importModel's inverse: what it writes imports to a module that computes the same. It takes a module
// before the layout phase (spatial ops channels-first, no kernels). Pairs of nn.quantize and nn.dequantize become
// QuantizeLinear and DequantizeLinear nodes, constants become initializers; names of inputs and outputs are kept, nodes
// are named after the nodes they came from.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_EXPORT_EXPORT_H
#define FETTLE_IR_EXPORT_EXPORT_H

#include "ir/onnx/Model.h"
#include "ir/support/Problem.h"
#include "mlir/IR/BuiltinOps.h"

namespace fettle {

struct ExportOptions {
  int64_t opset = 17;          ///< oldestWrittenOpset to newestWrittenOpset
  std::string name;            ///< of the graph
  std::string producerVersion; ///< of fettle
};

struct ExportResult {
  std::shared_ptr<onnx::Model> model; ///< null when there are problems. Its weights are views of the module's
  std::vector<int64_t> macs;          ///< multiply-adds of each node of the graph
  std::vector<Problem> problems;      ///< all of them, in the order of the ops
};

ExportResult exportModule(mlir::ModuleOp module, const ExportOptions &options);

} // namespace fettle

#endif
