//===- ModelHeader.h - the C header of one model --------------------------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_MODELHEADER_H
#define FETTLE_CODEGEN_ARTIFACT_MODELHEADER_H

#include "codegen/artifact/CompiledModel.h"
#include <string>

namespace fettle::codegen {

/// `name` as a C identifier: other characters become '_', a leading digit or
/// "fettle_" gets "model_" in front; never empty.
std::string modelIdentifier(llvm::StringRef name);

/// Text of IDENTIFIER.h: sizes, and for each input and output its index, type, shape and bytes, as macros.
/// Tensor names that become equal as identifiers are numbered.
std::string modelHeader(const CompiledModel &model, llvm::StringRef identifier);

} // namespace fettle::codegen

#endif
