//===- JsonText.cpp - JSON from files that others wrote --------------------===//

#include "ir/support/JsonText.h"

namespace fettle {

static constexpr int mostLevels = 64;

static bool isDeeplyNested(llvm::StringRef text) {
  int depth = 0;
  bool inString = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (inString) {
      if (text[i] == '\\')
        ++i;
      else if (text[i] == '"')
        inString = false;
    } else if (text[i] == '"') {
      inString = true;
    } else if (text[i] == '[' || text[i] == '{') {
      if (++depth > mostLevels)
        return true;
    } else if (text[i] == ']' || text[i] == '}') {
      --depth;
    }
  }
  return false;
}

llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text) {
  if (isDeeplyNested(text))
    return llvm::createStringError("nested too deeply");
  return llvm::json::parse(text);
}

} // namespace fettle
