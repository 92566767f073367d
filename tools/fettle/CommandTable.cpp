//===- CommandTable.cpp - the verbs ---------------------------------------===//

#include "tools/fettle/BenchCommand.h"
#include "tools/fettle/CalibrateCommand.h"
#include "tools/fettle/CompareCommand.h"
#include "tools/fettle/CompileCommand.h"
#include "tools/fettle/EvaluateCommand.h"
#include "tools/fettle/ExplainCommand.h"
#include "tools/fettle/InspectCommand.h"
#include "tools/fettle/RecipesCommand.h"
#include "tools/fettle/RunCommand.h"

namespace fettle::cli {

template <typename... Commands> static std::vector<std::unique_ptr<Command>> makeEach() {
  std::vector<std::unique_ptr<Command>> commands;
  (commands.push_back(std::make_unique<Commands>()), ...);
  return commands;
}

std::vector<std::unique_ptr<Command>> makeCommands() {
  return makeEach<InspectCommand, CompileCommand, RunCommand, BenchCommand, CompareCommand, EvaluateCommand,
                  CalibrateCommand, ExplainCommand, RecipesCommand>();
}

} // namespace fettle::cli
