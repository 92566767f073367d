//===- Inputs.h - what the model's inputs are bound to --------------------===//
#ifndef FETTLE_IR_IMPORT_INPUTS_H
#define FETTLE_IR_IMPORT_INPUTS_H

#include "ir/import/GraphImporter.h"

namespace fettle {

/// An input of the model after binding.
struct BoundInput {
  std::string name;
  mlir::RankedTensorType type;        ///< null: could not be bound, which has been reported
  std::optional<HostTensor> constant; ///< set by --const: no argument of @main
};

/// Binds every input that is not a weight. Reports inputs without a static
/// shape in one problem that says what to type, and bindings that fit nothing.
std::vector<BoundInput> bindInputs(mlir::MLIRContext *context, const onnx::Graph &graph, const Bindings &bindings,
                                   GraphImporter &importer);

} // namespace fettle

#endif
