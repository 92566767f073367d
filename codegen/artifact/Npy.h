//===- Npy.h - .npy files of golden vectors -------------------------------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_NPY_H
#define FETTLE_CODEGEN_ARTIFACT_NPY_H

#include "ir/support/HostTensor.h"
#include "llvm/Support/Error.h"
#include <string>

namespace fettle::codegen {

/// A NumPy array file (format 1.0, C order). bf16 is written as two-byte void
/// ("V2"), as NumPy's bfloat16 extension does.
/// Error: an element type that .npy cannot hold.
llvm::Expected<std::string> toNpy(const HostTensor &tensor);

} // namespace fettle::codegen

#endif
