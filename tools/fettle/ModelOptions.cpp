//===- ModelOptions.cpp - options of every verb that takes a MODEL --------===//

#include "tools/fettle/ModelOptions.h"
#include "calibration/NpzFile.h"
#include "tools/fettle/ExitCode.h"
#include "llvm/Support/Path.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void ModelOptions::addOptions(CLI::App &app) {
  auto add = [&](const char *flag, std::vector<std::string> &values, const char *help, const char *type) {
    app.add_option(flag, values, help)->type_name(type)->allow_extra_args(false)->group("Model");
  };
  add("--dim", dims, "bind a symbolic dimension, e.g. --dim batch=1 (repeatable)", "NAME=N");
  add("--shape", shapes, "give an input's shape, e.g. --shape x=1x3x224x224 (repeatable)", "NAME=SHAPE");
  add("--const", constants,
      "bind an input to a constant: a number, a comma-separated list,\nor a .npy, .npz or .pb file (repeatable)",
      "NAME=VALUE|FILE");
}

std::optional<std::vector<int64_t>> parseShape(llvm::StringRef text) {
  std::vector<int64_t> shape;
  while (!text.empty()) {
    int64_t extent;
    if (text.consumeInteger(10, extent) || extent < 0)
      return std::nullopt;
    shape.push_back(extent);
    if (!text.empty() && (!text.consume_front("x") || text.empty()))
      return std::nullopt;
  }
  return shape;
}

/// Splits "name=rest" at the last '=' that leaves a rest: names may contain '=', values not.
static llvm::Expected<std::pair<llvm::StringRef, llvm::StringRef>>
splitAssignment(llvm::StringRef flag, llvm::StringRef text, const llvm::Twine &example) {
  auto parts = text.rsplit('=');
  if (parts.first.empty() || !text.contains('='))
    return makeFailure(ExitCode::Usage, flag + " takes NAME=VALUE, got '" + text + "'", "for example " + example);
  return parts;
}

static bool isTensorFile(llvm::StringRef text) {
  llvm::StringRef extension = llvm::sys::path::extension(text);
  return extension == ".npy" || extension == ".npz" || extension == ".pb";
}

llvm::Expected<Bindings> ModelOptions::parse(mlir::MLIRContext &context) const {
  Bindings bindings;
  for (llvm::StringRef text : dims) {
    auto parts = splitAssignment("--dim", text, "--dim batch=1");
    if (!parts)
      return parts.takeError();
    int64_t extent;
    if (parts->second.getAsInteger(10, extent) || extent < 0)
      return makeFailure(ExitCode::Usage, "--dim " + text + ": '" + parts->second + "' is not a size");
    if (!bindings.dims.try_emplace(parts->first, extent).second)
      return makeFailure(ExitCode::Usage, "--dim binds '" + parts->first + "' twice");
  }
  for (llvm::StringRef text : shapes) {
    auto parts = splitAssignment("--shape", text, "--shape x=1x3x224x224");
    if (!parts)
      return parts.takeError();
    auto shape = parseShape(parts->second);
    if (!shape)
      return makeFailure(ExitCode::Usage, "--shape " + text + ": '" + parts->second + "' is not a shape",
                         "for example 1x3x224x224");
    if (!bindings.shapes.try_emplace(parts->first, std::move(*shape)).second)
      return makeFailure(ExitCode::Usage, "--shape binds '" + parts->first + "' twice");
  }
  for (llvm::StringRef text : constants) {
    auto parts = splitAssignment("--const", text, "--const sr=16000");
    if (!parts)
      return parts.takeError();
    if (bindings.constants.count(parts->first) || bindings.constantTexts.count(parts->first))
      return makeFailure(ExitCode::Usage, "--const binds '" + parts->first + "' twice");
    if (!isTensorFile(parts->second)) {
      bindings.constantTexts[parts->first] = parts->second.str();
      continue;
    }
    auto tensor = calibration::readTensorFile(context, parts->second, parts->first);
    if (!tensor)
      return withExitCode(tensor.takeError(), ExitCode::File);
    bindings.constants[parts->first] = std::move(*tensor);
  }
  return bindings;
}

} // namespace fettle::cli
