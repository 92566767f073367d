//===- CommandLine.cpp - from arguments to an exit code -------------------===//
//
// The only place where CLI11's exceptions are caught. Each verb is an App of its
// own, so that its help stands alone.
//
//===----------------------------------------------------------------------===//

#include "tools/fettle/CommandLine.h"
#include "tools/fettle/Command.h"
#include "tools/fettle/Spelling.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

static void printOverview(llvm::raw_ostream &os, llvm::ArrayRef<std::unique_ptr<Command>> commands) {
  os << "fettle trims a trained model and makes it ready for use: ONNX in, native code out.\n\n"
        "  fettle compile model.onnx -o model.artifact --target cpu:native\n"
        "  fettle run model.artifact --input x=photo.npy --output answers.npz\n\n"
        "verbs:\n";
  for (const auto &command : commands)
    os << "  " << llvm::left_justify(command->name(), 10) << command->summary() << '\n';
  os << "\n'fettle VERB --help' tells more; 'fettle --version' tells which fettle this is.\n"
        "exit codes: 0 done, 1 model rejected, 2 usage, 3 a gate failed, 4 file trouble\n";
}

static int complain(Environment &environment, ExitCode code, const llvm::Twine &message, const llvm::Twine &hint) {
  environment.err << "fettle: error: " << message << '\n';
  if (!hint.isTriviallyEmpty() && !hint.str().empty())
    environment.err << "  hint: " << hint << '\n';
  return int(code);
}

/// The flags of `app` as the user types them.
static std::vector<std::string> flagsOf(const CLI::App &app) {
  std::vector<std::string> flags;
  for (const CLI::Option *option : app.get_options()) {
    for (const std::string &name : option->get_lnames())
      flags.push_back("--" + name);
    for (const std::string &name : option->get_snames())
      flags.push_back("-" + name);
  }
  return flags;
}

static int report(Environment &environment, llvm::Error error) {
  int result = int(ExitCode::InternalBug);
  llvm::handleAllErrors(
      std::move(error),
      [&](const Failure &failure) {
        result = failure.message.empty() ? int(failure.code)
                                         : complain(environment, failure.code, failure.message, failure.hint);
      },
      [&](const llvm::ErrorInfoBase &other) {
        result = complain(environment, ExitCode::InternalBug, other.message(),
                          "this is a bug in fettle; please report it with the command line and the model");
      });
  return result;
}

static int runCommand(Environment &environment, Command &command, llvm::ArrayRef<std::string> arguments) {
  CLI::App app(command.summary().str(), "fettle " + command.name().str());
  app.get_formatter()->column_width(34);
  app.get_help_ptr()->description("print this and exit");
  app.allow_extras(); // judged below, with the nearest spelling
  command.addOptions(app);
  command.addJsonOption(app);
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend()); // CLI11 wants it so
  auto unknownFlag = [&]() -> std::string {
    for (const std::string &extra : app.remaining())
      if (extra.size() > 1 && extra.front() == '-')
        return extra.substr(0, extra.find('='));
    return "";
  };
  try {
    app.parse(reversed);
  } catch (const CLI::CallForHelp &) {
    environment.out << app.help();
    return int(ExitCode::Done);
  } catch (const CLI::ParseError &error) {
    // A mistyped flag often makes another option seem to be missing: name the cause.
    std::string flag = unknownFlag();
    if (flag.empty())
      return complain(environment, ExitCode::Usage, llvm::StringRef(error.what()).split('\n').first.trim(),
                      "fettle " + command.name() + " --help");
  }
  if (std::string flag = unknownFlag(); !flag.empty())
    return complain(environment, ExitCode::Usage, "no option '" + flag + "'", suggestSpelling(flag, flagsOf(app)));
  if (!app.remaining().empty())
    return complain(environment, ExitCode::Usage, "what is '" + app.remaining().front() + "'?",
                    "fettle " + command.name() + " --help");
  auto code = command.run(environment);
  return code ? int(*code) : report(environment, code.takeError());
}

int runCommandLine(Environment &environment, llvm::ArrayRef<std::string> arguments) {
  auto commands = makeCommands();
  llvm::StringRef verb = arguments.empty() ? llvm::StringRef() : llvm::StringRef(arguments.front());
  if (verb.empty() || verb == "--help" || verb == "-h" || verb == "help") {
    printOverview(environment.out, commands);
    return int(ExitCode::Done);
  }
  if (verb == "--version") {
    environment.out << "fettle " FETTLE_VERSION "\n";
    return int(ExitCode::Done);
  }
  std::vector<std::string> names;
  for (auto &command : commands) {
    if (command->name() == verb)
      return runCommand(environment, *command, arguments.drop_front());
    names.push_back(command->name().str());
  }
  return complain(environment, ExitCode::Usage, (verb.starts_with("-") ? "no option '" : "no verb '") + verb + "'",
                  suggestSpelling(verb, names));
}

} // namespace fettle::cli
