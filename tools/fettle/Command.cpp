//===- Command.cpp - one verb of the command line -------------------------===//

#include "tools/fettle/Command.h"
#include "tools/fettle/OutputFile.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void Command::addJsonOption(CLI::App &app) {
  app.add_option("--json", jsonPath, "write the result as JSON to FILE, or to standard output for -")
      ->type_name("FILE");
}

llvm::Error Command::writeJson(Environment &environment, const llvm::json::Value &value) const {
  if (jsonPath.empty())
    return llvm::Error::success();
  std::string text = llvm::formatv("{0:2}\n", value).str();
  if (jsonPath == "-") {
    environment.out << text;
    return llvm::Error::success();
  }
  return writeWholeFile(jsonPath, text);
}

} // namespace fettle::cli
