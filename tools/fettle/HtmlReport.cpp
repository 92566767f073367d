//===- HtmlReport.cpp - report.html ---------------------------------------===//

#include "tools/fettle/HtmlReport.h"
#include "tools/fettle/LayerHtml.h"
#include "tools/fettle/TokenHtml.h"
#include "llvm/ADT/StringExtras.h"

namespace fettle::cli {

static constexpr llvm::StringLiteral style =
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse;width:100%}td,th{padding:.15em .6em;text-align:left;vertical-align:top}"
    "td.n{text-align:right;white-space:nowrap;font-variant-numeric:tabular-nums}"
    "td.b{width:20%}td.b div{background:#4a7ebb;height:.8em;margin-top:.35em}tr:nth-child(even){background:#f4f6f8}";

static std::string escape(llvm::StringRef text) {
  std::string result;
  llvm::raw_string_ostream os(result);
  llvm::printHTMLEscaped(text, os);
  return result;
}

static void fact(llvm::raw_ostream &os, llvm::StringRef name, const llvm::Twine &value) {
  os << "<tr><td>" << name << "</td><td class=n>" << value << "</td></tr>\n";
}

/// A bar of `part` of `whole`.
static std::string bar(double part, double whole) {
  return llvm::formatv("<td class=b><div style=\"width:{0:f1}%\"></div></td>", whole > 0 ? 100 * part / whole : 0)
      .str();
}

std::string htmlReport(const CompileResult &result, const codegen::Manifest &manifest, const Accuracy &accuracy) {
  std::string page;
  llvm::raw_string_ostream os(page);
  os << "<!DOCTYPE html>\n<html lang=en><meta charset=utf-8><title>" << escape(manifest.name) << "</title><style>"
     << style << "</style>\n<h1>" << escape(manifest.name) << "</h1>\n<p>Compiled by fettle " FETTLE_VERSION " for "
     << escape(manifest.targetName) << ".</p>\n<table>\n";
  fact(os, "nodes of the model", llvm::Twine(result.nodes));
  fact(os, "steps", llvm::Twine(result.steps));
  fact(os, "distinct kernels", llvm::Twine(result.kernels));
  fact(os, "multiply-adds", llvm::Twine(result.macs));
  fact(os, "model file, bytes", llvm::Twine(result.modelBytes));
  fact(os, "weights, bytes", llvm::Twine(result.weightsBytes));
  fact(os, "arena, bytes", llvm::Twine(result.arenaBytes));
  if (accuracy.evaluation) {
    const Evaluation &measured = *accuracy.evaluation;
    fact(os, "evaluation samples", llvm::Twine(measured.samples));
    if (measured.top1)
      fact(os, "top-1 (float model)",
           llvm::formatv("{0:f2} % ({1:f2} %)", *measured.top1, *measured.teacherTop1).str());
    fact(os, "agreement with the float model", llvm::formatv("{0:f2} %", *measured.agreement).str());
    fact(os, "drop, points",
         llvm::formatv("{0:f2} ({1:f2} to {2:f2})", accuracy.drop.points, accuracy.drop.low, accuracy.drop.high).str());
    if (accuracy.allowedDrop)
      fact(os, "allowed drop",
           llvm::formatv("{0:f2}: {1}", *accuracy.allowedDrop, accuracy.passed ? "kept" : "exceeded").str());
  }
  os << "</table>\n";
  if (result.tokens)
    writeTokenSection(os, *result.tokens);
  if (!result.layers.empty())
    writeLayerSection(os, result, accuracy);
  os << "<h2>Time of compiling</h2>\n<table>\n";
  double longest = 0;
  for (const PhaseTime &phase : result.phases)
    longest = std::max(longest, phase.seconds);
  for (const PhaseTime &phase : result.phases)
    os << "<tr><td>" << phase.name << "</td><td class=n>" << llvm::formatv("{0:f2} s", phase.seconds) << "</td>"
       << bar(phase.seconds, longest) << "</tr>\n";
  os << "</table>\n";
  for (auto [index, specialization] : llvm::enumerate(manifest.specializations)) {
    os << "<h2>Steps";
    if (manifest.specializations.size() > 1)
      os << " for " << escape(manifest.shapesOf(index));
    os << "</h2>\n<table>\n<tr><th>nodes</th><th>kind</th><th>multiply-adds</th><th></th><th>bytes</th></tr>\n";
    int64_t most = 0;
    for (const codegen::Manifest::Step &step : specialization.steps)
      most = std::max(most, step.macs);
    for (const codegen::Manifest::Step &step : specialization.steps)
      os << "<tr><td>" << escape(step.name) << "</td><td>" << escape(step.kind) << "</td><td class=n>" << step.macs
         << "</td>" << bar(double(step.macs), double(most)) << "<td class=n>" << step.bytes << "</td></tr>\n";
    os << "</table>\n";
  }
  os << "</html>\n";
  return page;
}

} // namespace fettle::cli
