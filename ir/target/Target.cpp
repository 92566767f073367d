//===- Target.cpp - what an artifact is made for --------------------------===//

#include "ir/target/Target.h"

namespace fettle {

llvm::Expected<Target> parseTarget(llvm::StringRef name) {
  if (name == "onnx" || name.starts_with("onnx:"))
    return parseOnnxTarget(name);
  return parseCpuTarget(name);
}

const std::string &targetName(const Target &target) {
  return std::visit([](const auto &facts) -> const std::string & { return facts.name; }, target);
}

} // namespace fettle
