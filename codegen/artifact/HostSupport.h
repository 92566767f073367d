//===- HostSupport.h - what an artifact asks of the machine it runs on ----===//
#ifndef FETTLE_CODEGEN_ARTIFACT_HOSTSUPPORT_H
#define FETTLE_CODEGEN_ARTIFACT_HOSTSUPPORT_H

#include "ir/target/CpuTarget.h"
#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/Error.h"
#include <string>
#include <vector>

namespace fettle::codegen {

/// The instruction-set extensions that code for `target` may use, by LLVM's
/// names, sorted: a fact of the target, whatever machine compiles.
llvm::Expected<std::vector<std::string>> requiredFeatures(const CpuTarget &target);

/// Checks that this machine has the architecture of `triple` and all `features`.
/// The error lists what is missing.
llvm::Error checkHost(llvm::StringRef triple, llvm::ArrayRef<std::string> features);

} // namespace fettle::codegen

#endif
