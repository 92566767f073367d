//===- TokenReport.cpp - what is told about removed tokens -----------------===//

#include "tools/fettle/TokenReport.h"

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
                                       {"top1", orNull(point.top1)},
                                       {"agreement", orNull(point.agreement)}});
  json["divergence"] = orNull(report.divergence);
  json["latency_share"] = orNull(report.latencyShare);
  json["path"] = std::move(path);
  json["front"] = std::move(front);
  return json;
}

} // namespace fettle::cli
