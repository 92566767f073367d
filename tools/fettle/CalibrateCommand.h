//===- CalibrateCommand.h - fettle calibrate -------------------------------===//
#ifndef FETTLE_TOOLS_CALIBRATECOMMAND_H
#define FETTLE_TOOLS_CALIBRATECOMMAND_H

#include "tools/fettle/Command.h"
#include "tools/fettle/ModelOptions.h"

namespace fettle::cli {

class CalibrateCommand : public Command {
public:
  llvm::StringRef name() const override { return "calibrate"; }
  llvm::StringRef summary() const override { return "measures a model on samples, for recipes that need to know it"; }
  void addOptions(CLI::App &app) override;
  llvm::Expected<ExitCode> run(Environment &environment) override;

private:
  std::string model, samples, output, recipe = "int8";
  std::vector<std::string> settings;
  unsigned jobs = 0; ///< 0: all cores
  ModelOptions modelOptions;
};

} // namespace fettle::cli

#endif
