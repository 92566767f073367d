//===- ProfileOption.h - a profile as a pass option ------------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_PROFILEOPTION_H
#define FETTLE_PASSES_QUANTIZE_PROFILEOPTION_H

#include "ir/profile/Profile.h"
#include "mlir/IR/MLIRContext.h"
#include "mlir/Support/LLVM.h"
#include <memory>

namespace fettle {

/// Reads the profile of a pass that runs by itself (fettle-opt) from a file, into `owner`, and points `profile` to it.
/// Fails with a diagnostic.
mlir::LogicalResult loadProfile(mlir::MLIRContext *context, llvm::StringRef path,
                                std::shared_ptr<const Profile> &owner, const Profile *&profile);

} // namespace fettle

#endif
