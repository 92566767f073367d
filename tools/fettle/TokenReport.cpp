//===- TokenReport.cpp - what is told about removed tokens -----------------===//

#include "tools/fettle/TokenReport.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

namespace fettle::cli {

template <typename T> static llvm::json::Value orNull(const std::optional<T> &value) {
  return value ? llvm::json::Value(*value) : llvm::json::Value(nullptr);
}

static llvm::json::Array removedJson(const TokenPlan &plan) {
  llvm::json::Array removed;
  for (const TokenStep &step : plan.steps)
    removed.push_back(step.removed);
  return removed;
}

llvm::json::Object tokensJson(const TokenReport &report, bool isMeasured) {
  llvm::json::Array sites, path, front;
  for (const TokenSiteReport &site : report.sites) {
    llvm::json::Object json{{"name", site.name}, {"tokens_in", site.before}, {"tokens_out", site.after}};
    if (isMeasured) {
      json["divergence"] = orNull(site.divergence);
      json["saved_us"] = orNull(site.microseconds);
    }
    sites.push_back(std::move(json));
  }
  llvm::json::Object json{{"method", tokenWord(report.variant.method)},
                          {"metric", tokenWord(report.variant.metric)},
                          {"matching", tokenWord(report.variant.matching)},
                          {"rounds", report.variant.rounds},
                          {"macs_before", report.macsBefore},
                          {"macs_after", report.macsAfter},
                          {"sites", std::move(sites)},
                          {"problems", llvm::json::Array(report.problems)}};
  if (!isMeasured)
    return json;
  for (const TokenPoint &point : report.path)
    path.push_back(llvm::json::Object{{"removed", removedJson(point.plan)}, {"macs", point.cost}, {"divergence", point.divergence}});
  for (const TokenFrontPoint &point : report.front)
    front.push_back(llvm::json::Object{{"removed", removedJson(point.plan)},
                                       {"macs", point.macs},
                                       {"divergence", point.divergence},
                                       {"latency_us", point.microseconds},
                                       {"weights_bytes", point.weightsBytes},
                                       {"arena_bytes", point.arenaBytes},
                                       {"top1", orNull(point.evaluation.top1)},
                                       {"agreement", orNull(point.evaluation.agreement)}});
  json["divergence"] = orNull(report.divergence);
  if (report.refit)
    json["refit"] = llvm::json::Object{{"products", report.refit->products},
                                       {"divergence_before", report.refit->divergenceBefore},
                                       {"divergence_after", report.refit->divergenceAfter}};
  json["latency_share"] = orNull(report.latencyShare);
  json["path"] = std::move(path);
  json["front"] = std::move(front);
  return json;
}

/// "65 -> 11 tokens in 5 layers", a clause for each sequence that lost some.
static std::vector<std::string> countsOf(llvm::ArrayRef<TokenSiteReport> sites) {
  std::vector<std::string> counts;
  while (!sites.empty()) {
    auto sequence = sites.take_while([&](const TokenSiteReport &site) { return site.stream == sites.front().stream; });
    sites = sites.drop_front(sequence.size());
    auto layers = llvm::count_if(sequence, [](const TokenSiteReport &site) { return site.after < site.before; });
    if (layers > 0)
      counts.push_back(llvm::formatv("{0} -> {1} tokens in {2} layer{3}", sequence.front().before, sequence.back().after, layers,
                                     layers == 1 ? "" : "s"));
  }
  return counts;
}

void printTokens(llvm::raw_ostream &os, const TokenReport &report) {
  const bool drops = report.variant.method == TokenMethod::Drop;
  std::vector<std::string> counts = countsOf(report.sites);
  if (counts.empty()) {
    os << "  no tokens were " << (drops ? "dropped" : "merged") << ": "
       << (report.problems.empty() ? "none had to go" : llvm::join(report.problems, "\n    ")) << '\n';
    return;
  }
  os << "  tokens " << (drops ? "dropped" : "merged");
  if (!drops)
    os << llvm::formatv(" by {0}, {1}, {2} round{3}", report.variant.metric == TokenMetric::Both ? "features and keys" : tokenWord(report.variant.metric),
                        report.variant.matching == TokenMatching::Local ? "neighbours first" : "any of any", report.variant.rounds,
                        report.variant.rounds == 1 ? "" : "s");
  os << ": " << llvm::join(counts, "; ") << llvm::formatv("\n    {0:f1} % of the multiply-adds", 100.0 * double(report.macsAfter) / double(report.macsBefore));
  if (report.latencyShare)
    os << llvm::formatv(", {0:f1} % of the time", 100 * *report.latencyShare);
  if (report.divergence)
    os << llvm::formatv(", divergence {0:f4}", *report.divergence);
  os << '\n';
  if (report.refit && report.refit->products > 0)
    os << llvm::formatv("    weights of {0} product{1} fitted to fewer tokens: divergence {2:f4} -> {3:f4} on samples kept apart\n",
                        report.refit->products, report.refit->products == 1 ? "" : "s", report.refit->divergenceBefore,
                        report.refit->divergenceAfter);
  else if (report.refit)
    os << "    weights stay as they were trained: fitting them to fewer tokens was not seen to bring the outputs clearly closer\n";
  for (llvm::StringRef problem : report.problems)
    os << "    others stay: " << problem << '\n';
}

} // namespace fettle::cli
