//===- FunctionBody.h - the body of a model-local function at a call ------===//
#ifndef FETTLE_IR_IMPORT_FUNCTIONBODY_H
#define FETTLE_IR_IMPORT_FUNCTIONBODY_H

#include "ir/onnx/Model.h"
#include "llvm/ADT/StringSet.h"

namespace fettle {

/// The function's nodes as `call` sees them: references to the function's
/// attributes replaced by the call's (dropped where the call gives none), reads
/// of `omitted` inputs left out, and nodes named after the call.
std::vector<onnx::Node> instantiate(const onnx::Function &function, const onnx::Node &call,
                                    const llvm::StringSet<> &omitted);

} // namespace fettle

#endif
