//===- SavedBindings.h - bindings in a manifest ---------------------------===//
//
// What --dim, --shape and --const bound when an artifact was compiled, so that
// the model next to it (a teacher) can be bound in the same way.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TOOLS_SAVEDBINDINGS_H
#define FETTLE_TOOLS_SAVEDBINDINGS_H

#include "tools/fettle/BindingChoices.h"
#include "llvm/Support/JSON.h"

namespace fettle::cli {

/// Left out are constants of more than 4096 elements, and what has a name that JSON cannot hold (ONNX names may be any bytes).
llvm::json::Object bindingsToJson(const BindingChoices &bindings);

/// Adds what `saved` binds and `bindings` do not; the importer asks for what was left out.
void inheritBindings(mlir::MLIRContext &context, const llvm::json::Object &saved, BindingChoices &bindings);

} // namespace fettle::cli

#endif
