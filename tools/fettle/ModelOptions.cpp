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
  add("--dim", dims,
      "bind a symbolic dimension, e.g. --dim batch=1 (repeatable);\n--dim batch=1,4 makes an artifact for each of "
      "several sizes.\nBeside an artifact: which of its sizes",
      "NAME=N[,N...]");
  add("--shape", shapes, "give an input's shape, e.g. --shape x=1x3x224x224,\nor several (repeatable)",
      "NAME=SHAPE[,SHAPE...]");
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

/// Splits "1,4" and adds each value that `parseValue` makes of a part. `what` is what a value should be.
template <typename T>
static llvm::Error parseValues(llvm::StringRef flag, llvm::StringRef text, llvm::StringRef values, llvm::StringRef what,
                               llvm::function_ref<std::optional<T>(llvm::StringRef)> parseValue, std::vector<T> &list) {
  llvm::SmallVector<llvm::StringRef> parts;
  values.split(parts, ',');
  for (llvm::StringRef part : parts) {
    std::optional<T> value = parseValue(part);
    if (!value)
      return makeFailure(ExitCode::Usage, flag + " " + text + ": '" + part + "' is not a " + what);
    if (llvm::is_contained(list, *value))
      return makeFailure(ExitCode::Usage, flag + " " + text + ": gives " + part + " twice");
    list.push_back(std::move(*value));
  }
  return llvm::Error::success();
}

static std::optional<int64_t> parseExtent(llvm::StringRef text) {
  int64_t extent;
  if (text.getAsInteger(10, extent) || extent < 0)
    return std::nullopt;
  return extent;
}

llvm::Expected<BindingChoices> ModelOptions::parse(mlir::MLIRContext &context) const {
  BindingChoices bindings;
  for (llvm::StringRef text : dims) {
    auto parts = splitAssignment("--dim", text, "--dim batch=1");
    if (!parts)
      return parts.takeError();
    auto [values, isNew] = bindings.dims.try_emplace(parts->first.str());
    if (!isNew)
      return makeFailure(ExitCode::Usage, "--dim binds '" + parts->first + "' twice");
    if (llvm::Error error = parseValues<int64_t>("--dim", text, parts->second, "size", parseExtent, values->second))
      return std::move(error);
  }
  for (llvm::StringRef text : shapes) {
    auto parts = splitAssignment("--shape", text, "--shape x=1x3x224x224");
    if (!parts)
      return parts.takeError();
    auto [values, isNew] = bindings.shapes.try_emplace(parts->first.str());
    if (!isNew)
      return makeFailure(ExitCode::Usage, "--shape binds '" + parts->first + "' twice");
    if (llvm::Error error = parseValues<std::vector<int64_t>>("--shape", text, parts->second, "shape", parseShape, values->second))
      return std::move(error);
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
  if (bindings.numCombinations() > BindingChoices::mostCombinations)
    return makeFailure(ExitCode::Usage, "--dim and --shape give more than " + llvm::Twine(BindingChoices::mostCombinations) +
                                            " combinations of sizes",
                       "each is compiled on its own; make several artifacts");
  return bindings;
}

} // namespace fettle::cli
