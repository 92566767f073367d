//===- TokenReport.h - what is told about removed tokens -------------------===//
#ifndef FETTLE_TOOLS_TOKENREPORT_H
#define FETTLE_TOOLS_TOKENREPORT_H

#include "passes/tokens/TokenSearch.h"
#include "tools/fettle/Evaluation.h"
#include "llvm/Support/JSON.h"

namespace fettle::cli {

/// One place where tokens are removed.
struct TokenSiteReport {
  std::string name;
  int64_t before = 0, after = 0;       ///< tokens
  std::optional<double> divergence;    ///< how much less the outputs differ from the teacher's without it
  std::optional<double> microseconds;  ///< how much longer a call takes without it
  int64_t stream = 0;                  ///< sites of one stream follow each other
  int64_t protectedTokens = 0;         ///< leading tokens that always stay
};

/// An artifact with fewer tokens, and what was measured on it.
struct TokenFrontPoint {
  TokenPlan plan;
  size_t step = 0; ///< of the search's path
  int64_t macs = 0, weightsBytes = 0, arenaBytes = 0;
  double divergence = 0, microseconds = 0; ///< microseconds of a call on one thread
  Evaluation evaluation;
};

/// Products that were fitted to fewer tokens, and how far outputs are from the teacher's without and with that, on samples that
/// nothing was fitted to.
struct TokenRefitReport {
  int64_t products = 0; ///< 0: it was of no use
  double divergenceBefore = 0, divergenceAfter = 0;
};

struct TokenReport {
  TokenVariant variant;
  std::vector<TokenSiteReport> sites;
  std::vector<TokenPoint> path;      ///< of a search; costs are multiply-adds
  std::vector<TokenFrontPoint> front;
  std::vector<std::string> problems; ///< why tokens of a part of the network stay
  int64_t macsBefore = 0, macsAfter = 0;
  std::optional<double> divergence;  ///< of the outputs from the teacher's, on calibration samples
  std::optional<TokenRefitReport> refit; ///< none: nothing was fitted anew
  std::optional<double> latencyShare; ///< of the measured time that is left
};

/// The member "tokens" of report.json and of a manifest's details (docs/cli.md). What was measured is told with `isMeasured`.
llvm::json::Object tokensJson(const TokenReport &report, bool isMeasured);

/// A few lines for people: how, how many, at what price; and what kept the others.
void printTokens(llvm::raw_ostream &os, const TokenReport &report);

} // namespace fettle::cli

#endif
