//===- JsonText.h - JSON from files that others wrote ----------------------===//
#ifndef FETTLE_IR_SUPPORT_JSONTEXT_H
#define FETTLE_IR_SUPPORT_JSONTEXT_H

#include "llvm/Support/JSON.h"

namespace fettle {

/// llvm::json::parse for text of any origin: it recurses, and text that nests deeper than 64 levels, as nothing of ours
/// does, would exhaust the stack. The error says so, or where the text is no JSON.
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text);

} // namespace fettle

#endif
