//===- TokenHtml.cpp - removed tokens on report.html -----------------------===//

#include "tools/fettle/TokenHtml.h"
#include "tools/fettle/PlotAxis.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"

namespace fettle::cli {

/// Accuracy against the time of a call, a point for each artifact.
static void writeFront(llvm::raw_ostream &os, const TokenReport &report) {
  const bool isLabelled = llvm::all_of(report.front, [](const TokenFrontPoint &point) { return point.evaluation.top1.has_value(); });
  auto accuracyOf = [&](const TokenFrontPoint &point) { return (isLabelled ? point.evaluation.top1 : point.evaluation.agreement).value_or(0); };
  std::vector<double> times, accuracies;
  for (const TokenFrontPoint &point : report.front) {
    times.push_back(point.microseconds);
    accuracies.push_back(accuracyOf(point));
  }
  constexpr int width = 720, height = 400, left = 60, right = 20, top = 15, bottom = 50;
  PlotAxis x(times, left, width - right), y(accuracies, height - bottom, top);
  os << llvm::formatv("<svg viewBox=\"0 0 {0} {1}\" style=\"max-width:{0}px;font:12px system-ui,sans-serif\" role=img>\n", width, height);
  for (double tick : x.ticks())
    os << llvm::formatv("<path d=\"M{0:f1} {1}V{2}\" stroke=\"#ddd\"/><text x={0:f1} y={3} text-anchor=middle>{4}</text>\n", x.at(tick), top,
                        height - bottom, height - bottom + 17, llvm::format("%g", tick));
  for (double tick : y.ticks())
    os << llvm::formatv("<path d=\"M{0} {1:f1}H{2}\" stroke=\"#ddd\"/><text x={3} y={4:f1} text-anchor=end>{5}</text>\n", left, y.at(tick),
                        width - right, left - 6, y.at(tick) + 4, llvm::format("%g", tick));
  os << llvm::formatv("<text x={0} y={1} text-anchor=middle>time of a call, &micro;s</text>\n", (left + width - right) / 2, height - 12)
     << llvm::formatv("<text transform=\"translate(14 {0}) rotate(-90)\" text-anchor=middle>{1}, %</text>\n", (top + height - bottom) / 2,
                      isLabelled ? "top-1" : "agreement with the float model");
  // What no other point beats in both.
  std::vector<const TokenFrontPoint *> best;
  for (const TokenFrontPoint &point : report.front)
    if (llvm::none_of(report.front, [&](const TokenFrontPoint &other) {
          return (other.microseconds < point.microseconds && accuracyOf(other) >= accuracyOf(point)) ||
                 (other.microseconds <= point.microseconds && accuracyOf(other) > accuracyOf(point));
        }))
      best.push_back(&point);
  llvm::sort(best, [](const auto *a, const auto *b) { return std::pair(a->microseconds, a) < std::pair(b->microseconds, b); });
  os << "<polyline fill=none stroke=\"#4a7ebb\" points=\"";
  for (const TokenFrontPoint *point : best)
    os << llvm::formatv("{0:f1},{1:f1} ", x.at(point->microseconds), y.at(accuracyOf(*point)));
  os << "\"/>\n";
  for (const TokenFrontPoint &point : report.front) {
    bool isTaken = point.plan.steps.size() == report.sites.size() && llvm::all_of(llvm::zip(point.plan.steps, report.sites), [](const auto &pair) {
                     return std::get<0>(pair).removed == std::get<1>(pair).before - std::get<1>(pair).after;
                   });
    double px = x.at(point.microseconds), py = y.at(accuracyOf(point));
    os << llvm::formatv("<circle cx={0:f1} cy={1:f1} r={2} fill=\"{3}\"/><text x={0:f1} y={4:f1} text-anchor=middle{5}>{6:f0} %</text>\n", px, py,
                        isTaken ? 6 : 4, llvm::is_contained(best, &point) ? "#4a7ebb" : "#aaa", py - 10, isTaken ? " font-weight=bold" : "",
                        100 * double(point.macs) / double(report.macsBefore));
  }
  os << "</svg>\n<p>Artifacts on the way of the search, each with its share of the model's multiply-adds; the bold one is this.</p>\n";
}

static void cell(llvm::raw_ostream &os, const std::optional<double> &value, const char *format) {
  os << "<td class=n>";
  if (value)
    os << llvm::formatv(format, *value);
  os << "</td>";
}

void writeTokenSection(llvm::raw_ostream &os, const TokenReport &report) {
  std::string summary;
  llvm::raw_string_ostream lines(summary);
  printTokens(lines, report);
  os << "<h2>Tokens</h2>\n<p>";
  llvm::printHTMLEscaped(llvm::StringRef(summary).trim(), os);
  os << "</p>\n";
  if (!report.sites.empty()) {
    os << "<table>\n<tr><th>behind</th><th>tokens</th><th></th><th>saved, &micro;s</th><th>divergence</th></tr>\n";
    for (const TokenSiteReport &site : report.sites) {
      os << "<tr><td>";
      llvm::printHTMLEscaped(site.name, os);
      os << "</td><td class=n>" << site.before << " &rarr; " << site.after
         << llvm::formatv("</td><td class=b><div style=\"width:{0:f1}%\"></div></td>", 100.0 * double(site.after) / double(report.sites.front().before));
      cell(os, site.microseconds, "{0:f1}");
      cell(os, site.divergence, "{0:f5}");
      os << "</tr>\n";
    }
    os << "</table>\n";
  }
  if (report.front.size() > 1)
    writeFront(os, report);
}

} // namespace fettle::cli
