//===- CompileCommand.h - fettle compile ----------------------------------===//
#ifndef FETTLE_TOOLS_COMPILECOMMAND_H
#define FETTLE_TOOLS_COMPILECOMMAND_H

#include "tools/fettle/AccuracySearch.h"
#include "tools/fettle/Command.h"
#include "tools/fettle/ModelOptions.h"
#include "tools/fettle/StudentMaker.h"

namespace fettle::cli {

class CompileCommand : public Command {
public:
  llvm::StringRef name() const override { return "compile"; }
  llvm::StringRef summary() const override { return "make an artifact of a model"; }
  void addOptions(CLI::App &app) override;
  llvm::Expected<ExitCode> run(Environment &environment) override;

private:
  llvm::Error checkOptions() const;
  llvm::Expected<CompileRequest> makeRequest(Environment &environment, mlir::MLIRContext &context) const;
  /// What --max-drop and --confidence say, if anything.
  llvm::Expected<std::optional<AccuracyGate>> makeGate() const;
  llvm::Error searchTokens(Environment &environment, mlir::MLIRContext &context, CompileRequest &request,
                           CompileResult &result, StudentMaker &students, AccuracyJudge &judge, const AccuracyGate &gate) const;
  llvm::Expected<bool> search(Environment &environment, mlir::MLIRContext &context, CompileRequest &request, CompileResult &result,
                              AccuracyJudge &judge, const AccuracyGate &gate) const;

  std::string model, output, modelName, target = "cpu:native", recipe = "float";
  std::string calibration, evaluation, maxDrop, confidence, profile, until, dumpFolder, pictureFolder;
  std::vector<std::string> settings;
  unsigned jobs = 0; ///< 0: all cores
  ModelOptions modelOptions;
};

} // namespace fettle::cli

#endif
