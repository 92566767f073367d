//===- OnnxTarget.cpp - facts of an ONNX model to be written --------------===//

#include "ir/target/OnnxTarget.h"
#include "llvm/ADT/Twine.h"

namespace fettle {

llvm::Expected<OnnxTarget> parseOnnxTarget(llvm::StringRef name) {
  OnnxTarget target;
  target.name = name.str();
  llvm::StringRef rest = name;
  rest.consume_front("onnx");
  if (rest.empty())
    return target;
  bool isNumber = rest.consume_front(":opset=") && !rest.getAsInteger(10, target.opset);
  if (!isNumber || target.opset < oldestWrittenOpset || target.opset > newestWrittenOpset)
    return llvm::createStringError("unknown target '" + name + "': onnx takes an opset from " +
                                   llvm::Twine(oldestWrittenOpset) + " to " + llvm::Twine(newestWrittenOpset) +
                                   ", as in onnx:opset=17");
  return target;
}

} // namespace fettle
