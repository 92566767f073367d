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

llvm::json::Object bindingsToJson(const BindingChoices &bindings);

/// Adds what `saved` binds and `bindings` do not. Constants too large to have
/// been saved are left out: the importer then asks for them.
void inheritBindings(mlir::MLIRContext &context, const llvm::json::Object &saved, BindingChoices &bindings);

} // namespace fettle::cli

#endif
