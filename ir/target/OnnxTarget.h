//===- OnnxTarget.h - facts of an ONNX model to be written ----------------===//
#ifndef FETTLE_IR_TARGET_ONNXTARGET_H
#define FETTLE_IR_TARGET_ONNXTARGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace fettle {

/// Opsets that are written: the first with scales per channel, and the newest.
constexpr int64_t oldestWrittenOpset = 13, newestWrittenOpset = 21;

struct OnnxTarget {
  std::string name; ///< as given: "onnx", "onnx:opset=21"
  int64_t opset = 17;
};

/// Parses "onnx[:opset=13..21]".
llvm::Expected<OnnxTarget> parseOnnxTarget(llvm::StringRef name);

} // namespace fettle

#endif
