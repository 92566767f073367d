//===- EqualConstants.h - constants that hold the same bytes --------------===//
#ifndef FETTLE_CODEGEN_CPU_EQUALCONSTANTS_H
#define FETTLE_CODEGEN_CPU_EQUALCONSTANTS_H

#include "ir/support/HostTensor.h"
#include "llvm/ADT/DenseMap.h"
#include <map>

namespace fettle::codegen {

/// Finds constants that are equal though different attributes hold them: every specialization brings its own copy of
/// what was read or folded for it.
class EqualConstants {
public:
  /// The first attribute asked for that has the type and the bytes of `value`.
  mlir::ElementsAttr find(mlir::ElementsAttr value);

private:
  llvm::DenseMap<mlir::Attribute, mlir::ElementsAttr> known;
  std::map<uint64_t, llvm::SmallVector<mlir::ElementsAttr, 1>> byHash;
};

} // namespace fettle::codegen

#endif
