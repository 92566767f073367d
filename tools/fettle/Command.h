//===- Command.h - one verb of the command line ---------------------------===//
#ifndef FETTLE_TOOLS_COMMAND_H
#define FETTLE_TOOLS_COMMAND_H

#include "tools/fettle/Environment.h"
#include "tools/fettle/ExitCode.h"
#include "llvm/Support/JSON.h"
#include <memory>
#include <vector>

namespace CLI {
class App;
}

namespace fettle::cli {

class Command {
public:
  virtual ~Command() = default;
  virtual llvm::StringRef name() const = 0;
  /// One line for the list of verbs.
  virtual llvm::StringRef summary() const = 0;
  /// Declares what the verb takes; the values land in this object.
  virtual void addOptions(CLI::App &app) = 0;
  virtual llvm::Expected<ExitCode> run(Environment &environment) = 0;

  /// Every verb takes --json FILE.
  void addJsonOption(CLI::App &app);

protected:
  /// With `--json -` standard output holds that JSON and nothing else.
  bool wantsText() const { return jsonPath != "-"; }
  /// Writes to where --json says; does nothing without the option.
  llvm::Error writeJson(Environment &environment, const llvm::json::Value &value) const;

private:
  std::string jsonPath;
};

/// All verbs, in the order in which help lists them.
std::vector<std::unique_ptr<Command>> makeCommands();

} // namespace fettle::cli

#endif
