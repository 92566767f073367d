//===- RecipesCommand.cpp - fettle recipes --------------------------------===//

#include "tools/fettle/RecipesCommand.h"
#include "tools/fettle/Recipe.h"
#include "tools/fettle/Spelling.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void RecipesCommand::addOptions(CLI::App &app) {
  app.add_option("NAME", recipe, "the recipe to print; all are listed without it")->type_name("");
}

llvm::Expected<ExitCode> RecipesCommand::run(Environment &environment) {
  std::vector<std::string> names;
  llvm::json::Array list;
  for (const BuiltInRecipe &builtIn : builtInRecipes()) {
    names.push_back(builtIn.name);
    if (recipe.empty() || recipe == builtIn.name)
      list.push_back(llvm::json::Object{{"name", builtIn.name}, {"summary", builtIn.summary}, {"yaml", builtIn.yaml}});
  }
  if (list.empty())
    return makeFailure(ExitCode::Usage, "no recipe '" + recipe + "'", suggestSpelling(recipe, names));
  if (wantsText())
    for (const BuiltInRecipe &builtIn : builtInRecipes()) {
      if (recipe.empty())
        environment.out << llvm::left_justify(builtIn.name, 12) << builtIn.summary << '\n';
      else if (recipe == builtIn.name)
        environment.out << builtIn.yaml;
    }
  if (llvm::Error error =
          writeJson(environment, llvm::json::Object{{"schema_version", 1}, {"recipes", std::move(list)}}))
    return std::move(error);
  return ExitCode::Done;
}

} // namespace fettle::cli
