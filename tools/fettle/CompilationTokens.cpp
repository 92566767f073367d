//===- CompilationTokens.cpp - which tokens go ------------------------------===//

#include "ir/profile/ValueNames.h"
#include "tools/fettle/Compilation.h"
#include "tools/fettle/TokenDump.h"
#include "tools/fettle/TokenJudge.h"
#include "tools/fettle/TokenRefit.h"
#include "llvm/ADT/StringExtras.h"

namespace fettle::cli {

/// What a recipe that leaves the choice open chooses from. Tokens that are read again cannot be dropped.
static std::vector<TokenVariant> variantsOf(const TokenGoals &goals, bool canDrop) {
  std::vector<TokenVariant> variants;
  for (TokenMethod method : {TokenMethod::Merge, TokenMethod::Drop})
    for (TokenMetric metric : {TokenMetric::Features, TokenMetric::Keys, TokenMetric::Both})
      for (TokenMatching matching : {TokenMatching::Global, TokenMatching::Local}) {
        TokenVariant variant{method, metric, matching, goals.rounds};
        if (method == TokenMethod::Drop) // it compares nothing
          variant = {method, TokenMetric::Features, TokenMatching::Global, 1};
        else if (goals.metric.value_or(metric) != metric || goals.matching.value_or(matching) != matching)
          continue;
        if (method == TokenMethod::Drop && !canDrop)
          continue;
        if (goals.method.value_or(method) == method && !llvm::is_contained(variants, variant))
          variants.push_back(variant);
      }
  return variants;
}

/// All specializations must lose the same tokens.
static llvm::Error checkSites(llvm::ArrayRef<mlir::func::FuncOp> functions, TokenMethod method, llvm::ArrayRef<TokenSiteFacts> sites) {
  for (mlir::func::FuncOp function : functions) {
    std::vector<TokenSiteFacts> others = describeSites(function, TokenStreams(function, method));
    bool isSame = others.size() == sites.size() && llvm::all_of(llvm::zip_equal(others, sites), [](const auto &pair) {
                    return std::get<0>(pair).name == std::get<1>(pair).name && std::get<0>(pair).tokens == std::get<1>(pair).tokens;
                  });
    if (!isSame)
      return makeFailure(ExitCode::Usage, "tokens are removed from sequences of one length, and the sizes given make several",
                         "compile one artifact for each length, or bind other dimensions");
  }
  return llvm::Error::success();
}

/// A plan that was made for another model, or with other options, does not fit.
static llvm::Error checkPlan(llvm::ArrayRef<TokenSiteFacts> sites, const TokenPlan &plan) {
  TokenPlan feasible = plan;
  bool fits = sites.size() == plan.steps.size();
  if (fits)
    makeFeasible(sites, feasible);
  for (size_t i = 0; fits && i < sites.size(); ++i)
    fits = sites[i].name == plan.steps[i].site && feasible.steps[i].removed == plan.steps[i].removed;
  if (fits)
    return llvm::Error::success();
  return makeFailure(ExitCode::Rejected, "the profile's plan of tokens is for another model, or for other options");
}

/// Fills in path, divergence and time.
llvm::Error Compilation::searchTokenPlan(mlir::func::FuncOp function, TokenJudge &judge, const TokenProblem &sites, TokenReport &report) {
  TokenProblem problem = sites;
  const TokenGoals &goals = request.recipe.tokens;
  const bool canDrop = describeSites(function, TokenStreams(function, TokenMethod::Drop)).size() == problem.sites.size();
  const std::vector<TokenVariant> variants = variantsOf(goals, canDrop);
  int64_t done = 0, total = int64_t(variants.size()) + expectedEvaluations(problem);
  problem.cost = [&](const TokenPlan &plan) { return judge.macs(plan); };
  problem.divergence = [&](const TokenPlan &plan) {
    total = std::max(total, ++done);
    progress.advance(done, total, "plans");
    return judge.divergence(plan);
  };
  problem.latency = [&](const TokenPlan &plan) { return judge.latencyShare(plan); };
  const double goal = (goals.macs > 0 ? goals.macs : goals.latency) * double(report.macsBefore);
  auto variant = chooseVariant(problem, variants, goal);
  if (!variant)
    return variant.takeError();
  auto found = goals.latency > 0 ? searchTokensForLatency(problem, *variant, goals.latency) : searchTokens(problem, *variant, goal);
  if (!found)
    return found.takeError();
  report.path = std::move(found->path);
  report.divergence = report.path.back().divergence;
  if (found->latency)
    report.latencyShare = found->latency;
  else if (llvm::Error error = problem.latency(report.path.back().plan).moveInto(report.latencyShare.emplace()))
    return error;
  if (found->reachesGoal)
    return llvm::Error::success();
  return makeFailure(ExitCode::GateFailed,
                     llvm::formatv("the goal for tokens cannot be reached: the least that was found is {0:f2} of the multiply-adds and {1:f2} of the time",
                                   report.path.back().cost / double(report.macsBefore), *report.latencyShare)
                         .str(),
                     "a greater tokens.macs or tokens.latency");
}

/// What `plan` brings and costs, as far as that is not known, and what each of its steps has of it.
static llvm::Error measureRemovals(TokenJudge &judge, const TokenPlan &plan, TokenReport &report) {
  auto share = judge.latencyShare(plan);
  if (!share)
    return share.takeError();
  if (!report.latencyShare)
    report.latencyShare = *share;
  if (!report.divergence)
    if (llvm::Error error = judge.divergence(plan).moveInto(report.divergence.emplace()))
      return error;
  for (auto [index, step] : llvm::enumerate(plan.steps)) {
    if (step.removed == 0)
      continue;
    TokenPlan without = plan;
    without.steps[index].removed = 0;
    auto divergence = judge.divergence(without), longer = judge.latencyShare(without);
    if (llvm::Error error = llvm::joinErrors(divergence.takeError(), longer.takeError()))
      return error;
    report.sites[index].divergence = *report.divergence - *divergence;
    report.sites[index].microseconds = (*longer - *share) * judge.wholeMicroseconds();
  }
  return llvm::Error::success();
}

/// The plan that the profile has for this recipe.
llvm::Error Compilation::recallTokenPlan() {
  const std::string key = request.recipe.tokens.key();
  auto known = profile.tokens.find(key);
  if (known == profile.tokens.end())
    return makeFailure(ExitCode::Rejected, "the profile has no plan of tokens for " + key,
                       "fettle calibrate with the same recipe makes one, or give --calibration");
  const TokenDecision &decision = known->second;
  tokenPlan.emplace();
  auto take = [](llvm::StringRef word, auto &choice) {
    auto words = tokenWords<std::decay_t<decltype(choice)>>();
    auto entry = llvm::find_if(words, [&](const auto &candidate) { return candidate.first == word; });
    if (entry != words.end())
      choice = entry->second;
    return entry != words.end();
  };
  if (!take(decision.method, tokenPlan->variant.method) || !take(decision.metric, tokenPlan->variant.metric) ||
      !take(decision.matching, tokenPlan->variant.matching) || decision.rounds < 1)
    return makeFailure(ExitCode::Rejected, "the profile's plan of tokens for " + key + " is of no kind that this version knows");
  tokenPlan->variant.rounds = decision.rounds;
  for (const auto &[site, removed] : decision.removed)
    tokenPlan->steps.push_back({site, removed});
  return llvm::Error::success();
}

static TokenDecision decisionOf(const TokenPlan &plan) {
  TokenDecision decision{tokenWord(plan.variant.method).str(), tokenWord(plan.variant.metric).str(),
                         tokenWord(plan.variant.matching).str(), plan.variant.rounds, {}};
  for (const TokenStep &step : plan.steps)
    decision.removed.emplace_back(step.site, step.removed);
  return decision;
}

llvm::Error Compilation::planTokens() {
  TokenReport &report = result.tokens.emplace();
  report.macsBefore = result.importedMacs;
  const TokenGoals &goals = request.recipe.tokens;
  bool isKnown = false;
  if ((request.recipe.searchesTokens() || request.recipe.refitsProducts()) && !request.tokenPlan)
    if (llvm::Error error = takeMeasured(isKnown))
      return error;
  const bool searches = request.recipe.searchesTokens() && !request.tokenPlan && !isKnown;
  if (searches || request.tokenErrors)
    if (llvm::Error error = openCalibration())
      return error;
  mlir::func::FuncOp function = functions()[calibration ? calibration->specialization() : 0];
  if (isKnown)
    if (llvm::Error error = recallTokenPlan())
      return error;
  if (request.tokenPlan)
    tokenPlan = *request.tokenPlan;
  const TokenMethod method = tokenPlan ? tokenPlan->variant.method : goals.method.value_or(TokenMethod::Merge);
  TokenStreams streams(function, method);
  for (const TokenStream &stream : streams.streams())
    llvm::append_range(report.problems, stream.problems);
  if (streams.streams().empty())
    report.problems.push_back("there is no attention, so there are no tokens");
  TokenProblem problem;
  problem.sites = describeSites(function, streams);
  if (llvm::Error error = checkSites(functions(), method, problem.sites))
    return error;
  for (const TokenSiteFacts &site : problem.sites)
    report.sites.push_back({site.name, site.tokens, site.tokens, {}, {}});
  if (!tokenPlan && !searches) {
    TokenVariant variant{method, goals.metric.value_or(TokenMetric::Features),
                         goals.matching.value_or(TokenMatching::Global), goals.rounds};
    auto counted = fettle::planTokens(function, streams, goals.removed, variant);
    if (!counted)
      return makeFailure(ExitCode::Rejected, "tokens.remove has " + llvm::toString(counted.takeError()), "one number for each, or one for all");
    tokenPlan = std::move(*counted);
  }
  if (!problem.sites.empty() && (searches || request.tokenErrors)) {
    begin("plan tokens");
    auto judge = TokenJudge::open(environment, *calibration, function);
    if (!judge)
      return judge.takeError();
    if (searches) {
      if (llvm::Error error = searchTokenPlan(function, **judge, problem, report))
        return error;
      tokenPlan = report.path.back().plan;
    }
    if (llvm::Error error = measureRemovals(**judge, *tokenPlan, report))
      return error;
    end();
  }
  if (!tokenPlan)
    tokenPlan.emplace().variant.method = method;
  if (searches || (request.recipe.refitsProducts() && !isKnown))
    profile.tokens[goals.key()] = decisionOf(*tokenPlan);
  if (searches)
    profile.samples = calibration->executor().numSamples();
  report.variant = tokenPlan->variant;
  if (llvm::Error error = checkPlan(problem.sites, *tokenPlan))
    return error;
  if (auto reduced = TokenJudge::reduced(function, *tokenPlan))
    report.macsAfter = countMacs((*reduced)->lookupSymbol<mlir::func::FuncOp>(function.getName()));
  else
    return reduced.takeError();
  int64_t stream = -1, tokens = 0;
  for (auto [facts, site, step] : llvm::zip(problem.sites, report.sites, tokenPlan->steps)) {
    if (facts.stream != stream)
      tokens = facts.tokens;
    stream = site.stream = facts.stream;
    site.protectedTokens = facts.protectedTokens;
    site.before = tokens;
    site.after = tokens -= step.removed;
  }
  return llvm::Error::success();
}

llvm::Error Compilation::refitProducts() {
  bool isKnown;
  if (llvm::Error error = takeMeasured(isKnown); error || isKnown)
    return error;
  if (llvm::all_of(tokenPlan->steps, [](const TokenStep &step) { return step.removed == 0; }))
    return llvm::Error::success();
  begin("refit");
  if (llvm::Error error = openCalibration())
    return error;
  auto refit = measureRefits(*calibration, functions()[calibration->specialization()], *tokenPlan,
                             [this](int64_t done, int64_t total) { progress.advance(done, total, "products"); }, profile);
  if (!refit)
    return refit.takeError();
  result.tokens->refit = *refit;
  profile.samples = calibration->executor().numSamples();
  end();
  return llvm::Error::success();
}

llvm::Error Compilation::drawTokens() {
  begin("pictures");
  std::unique_ptr<Calibration> evaluation;
  Calibration *shown = nullptr;
  if (request.pictureSamples == request.calibration) {
    if (llvm::Error error = openCalibration())
      return error;
    shown = calibration.get();
  } else {
    if (llvm::Error error = Calibration::open(functions(), request.pictureSamples, request.recipe.images.value_or(calibration::ImageOptions()), request.jobs).moveInto(evaluation))
      return error;
    shown = evaluation.get();
  }
  auto told = dumpTokens(functions()[shown->specialization()], *result.tokens, *shown, request.pictureFolder);
  if (!told)
    return told.takeError();
  result.pictures = std::move(*told);
  end();
  return llvm::Error::success();
}

} // namespace fettle::cli
