//===- TokenFront.h - what fewer tokens buy, and how few the budget bears --===//
#ifndef FETTLE_TOOLS_TOKENFRONT_H
#define FETTLE_TOOLS_TOKENFRONT_H

#include "tools/fettle/AccuracyJudge.h"
#include "tools/fettle/AccuracySearch.h"
#include "tools/fettle/StudentMaker.h"

namespace fettle::cli {

/// Compiles an artifact for some of the plans on the path of a search, from all tokens to the fewest, and measures each: accuracy on
/// the samples of `judge`, time, size.
llvm::Expected<std::vector<TokenFrontPoint>> measureTokenFront(Environment &environment, StudentMaker &students, llvm::ArrayRef<TokenPoint> path,
                                                               AccuracyJudge &judge);

/// The plan with the fewest tokens on the path of `report` with which `gate` holds; that without removals if it holds with
/// none. What its front knows is not measured again, and what is measured joins it, in the order of the path; with the last
/// plan the gate does not hold.
llvm::Expected<TokenPlan> searchTokenBudget(Environment &environment, StudentMaker &students, TokenReport &report, AccuracyJudge &judge,
                                            const AccuracyGate &gate);

} // namespace fettle::cli

#endif
