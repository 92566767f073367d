//===- Target.h - what an artifact is made for ----------------------------===//
#ifndef FETTLE_IR_TARGET_TARGET_H
#define FETTLE_IR_TARGET_TARGET_H

#include "ir/target/CpuTarget.h"
#include "ir/target/OnnxTarget.h"
#include <variant>

namespace fettle {

using Target = std::variant<CpuTarget, OnnxTarget>;

/// Parses what `--target` takes. The error lists the targets there are, nearest spelling first.
llvm::Expected<Target> parseTarget(llvm::StringRef name);

/// As given.
const std::string &targetName(const Target &target);

} // namespace fettle

#endif
