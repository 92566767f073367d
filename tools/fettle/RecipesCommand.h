//===- RecipesCommand.h - fettle recipes ----------------------------------===//
#ifndef FETTLE_TOOLS_RECIPESCOMMAND_H
#define FETTLE_TOOLS_RECIPESCOMMAND_H

#include "tools/fettle/Command.h"

namespace fettle::cli {

class RecipesCommand : public Command {
public:
  llvm::StringRef name() const override { return "recipes"; }
  llvm::StringRef summary() const override { return "list the built-in recipes, or print one as YAML"; }
  void addOptions(CLI::App &app) override;
  llvm::Expected<ExitCode> run(Environment &environment) override;

private:
  std::string recipe;
};

} // namespace fettle::cli

#endif
