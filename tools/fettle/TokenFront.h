//===- TokenFront.h - what fewer tokens buy, and how few the budget bears --===//
#ifndef FETTLE_TOOLS_TOKENFRONT_H
#define FETTLE_TOOLS_TOKENFRONT_H

#include "tools/fettle/AccuracyJudge.h"
#include "tools/fettle/AccuracySearch.h"

namespace fettle::cli {

/// Compiles an artifact for some of the plans that the search for `result` came by, from all tokens to the fewest, and measures each: accuracy on
/// the samples of `judge`, time, size.
llvm::Expected<std::vector<TokenFrontPoint>> measureTokenFront(Environment &environment, mlir::MLIRContext &context,
                                                               const CompileRequest &request, const CompileResult &result,
                                                               AccuracyJudge &judge);

/// The plan with the fewest tokens among those that the search for `result` came by with which `gate` holds. If it holds with
/// none, that without removals.
llvm::Expected<TokenPlan> searchTokenBudget(Environment &environment, mlir::MLIRContext &context, const CompileRequest &request,
                                            const CompileResult &result, AccuracyJudge &judge, const AccuracyGate &gate);

} // namespace fettle::cli

#endif
