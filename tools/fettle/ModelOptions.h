//===- ModelOptions.h - options of every verb that takes a MODEL ----------===//
#ifndef FETTLE_TOOLS_MODELOPTIONS_H
#define FETTLE_TOOLS_MODELOPTIONS_H

#include "tools/fettle/BindingChoices.h"

namespace CLI {
class App;
}

namespace fettle::cli {

/// --dim, --shape and --const, as typed.
class ModelOptions {
public:
  void addOptions(CLI::App &app);
  /// What they bind. Constants from files are read here. Errors: exit code 2 for
  /// what cannot be parsed and for too many combinations, 4 for files.
  llvm::Expected<BindingChoices> parse(mlir::MLIRContext &context) const;
  bool empty() const { return dims.empty() && shapes.empty() && constants.empty(); }

private:
  std::vector<std::string> dims, shapes, constants;
};

/// "1x3x224x224" (or nothing, for a scalar) as extents; none if it is no shape.
std::optional<std::vector<int64_t>> parseShape(llvm::StringRef text);

} // namespace fettle::cli

#endif
