//===- ModelObject.h - a model's tables and runtime as one object ---------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_MODELOBJECT_H
#define FETTLE_CODEGEN_ARTIFACT_MODELOBJECT_H

#include "codegen/artifact/CompiledModel.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace fettle::codegen {

/// Bytes of arena an artifact asks for: those of the largest specialization, and
/// behind them the argument pointers of the running step. A multiple of 64.
int64_t artifactArenaBytes(const CompiledModel &model);

/// The relocatable objects that, linked with the kernels' own, make the artifact:
/// the runtime with the tables of `model` and its descriptor `IDENTIFIER_model`,
/// and the memory functions LLVM may call. The kernels are the only undefined symbols.
/// Errors: a tensor the ABI cannot describe, specializations that a call cannot tell
/// apart, a step that refers outside the model.
llvm::Expected<std::vector<std::string>> emitModelObjects(const CompiledModel &model, llvm::StringRef identifier);

} // namespace fettle::codegen

#endif
