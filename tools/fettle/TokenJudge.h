//===- TokenJudge.h - students with fewer tokens, beside their teacher -----===//
#ifndef FETTLE_TOOLS_TOKENJUDGE_H
#define FETTLE_TOOLS_TOKENJUDGE_H

#include "passes/tokens/TokenPlan.h"
#include "tools/fettle/Calibration.h"
#include "tools/fettle/Environment.h"
#include <limits>

namespace fettle::cli {

/// Runs one function under different token plans, and compares its first output with what the function gives as it is.
class TokenJudge {
public:
  /// `function` is in the form that the fuse phase leaves. It and the others must outlive the judge.
  static llvm::Expected<std::unique_ptr<TokenJudge>> open(Environment &environment, Calibration &calibration, mlir::func::FuncOp function);

  /// A copy of the module of `function`, under `plan`.
  static llvm::Expected<mlir::OwningOpRef<mlir::ModuleOp>> reduced(mlir::func::FuncOp function, const TokenPlan &plan);

  /// Multiply-adds under `plan`.
  llvm::Expected<double> macs(const TokenPlan &plan);
  /// outputDivergence(), a mean over samples, always the same ones.
  llvm::Expected<double> divergence(const TokenPlan &plan);
  /// Time of a call over that with all tokens, the shortest of many each, measured in turns: clocks wander.
  llvm::Expected<double> latencyShare(const TokenPlan &plan);
  /// Of a call with all tokens, the shortest that latencyShare() has seen.
  double wholeMicroseconds() const { return wholeSeconds * 1e6; }

private:
  TokenJudge(Environment &environment, Calibration &calibration, mlir::func::FuncOp function)
      : environment(environment), calibration(calibration), function(function) {}
  llvm::Expected<std::unique_ptr<TappedProgram>> prepare(const TokenPlan &plan);
  llvm::Error time(TappedProgram &program, double &shortest);

  Environment &environment;
  Calibration &calibration;
  mlir::func::FuncOp function;
  std::vector<int64_t> samples;
  std::vector<HostTensor> teacher; ///< of each sample
  std::unique_ptr<TappedProgram> whole;
  double wholeSeconds = std::numeric_limits<double>::infinity();
};

} // namespace fettle::cli

#endif
