//===- main.cpp - prints documentation that is generated from the code ----===//
//
// fettle-docs: docs/operators.md on standard output. tools/dev/gen_docs writes it
// into the tree, and a test compares the two.
//
//===----------------------------------------------------------------------===//
#include "ir/import/Import.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <map>
#include <tuple>

using namespace fettle;

static std::string opsetRange(const SupportedOperator &entry) {
  if (entry.sinceOpset == entry.untilOpset)
    return llvm::formatv("{0}", entry.sinceOpset);
  return llvm::formatv("{0} to {1}", entry.sinceOpset, entry.untilOpset);
}

/// What the table has no room for.
static const char controlFlow[] = R"(
## Control flow

An artifact has no branches and no loops over nodes: shapes are static, and every call does the same work.

- `If` on a condition that follows from constants, input shapes or `--const` becomes the branch that it takes; the other
  branch is left out, whatever it gives.
- `If` on a condition that is computed at run time: both branches are computed in every call, and the condition selects
  between their results. This costs the time, weights and memory of both. It changes no answer, for no operator has an
  effect besides its result and none stops at a value (an integer divided by 0 is 0, an index is clamped into its range).
  The branches must give equal element types and shapes; a model in which they do not is refused with the node's name,
  both results, and the input to bind with `--const` where one decides.
- `Loop` and `Scan` are unrolled, to 10,000 turns or nodes: their trip count must follow from constants or shapes.
)";

int main() {
  std::map<std::string, std::vector<SupportedOperator>> domains;
  for (const SupportedOperator &entry : supportedOperators())
    domains[entry.domain].push_back(entry);
  llvm::outs() << "# Operators\n\n"
                  "What `fettle` imports, generated from the importer's tables by `tools/dev/gen_docs`.\n"
                  "A model with an operator, an opset or a use that is not taken is refused, with all such nodes named at once;\n"
                  "`fettle inspect MODEL` lists them. Functions that a model defines itself are inlined.\n"
               << controlFlow;
  for (auto &[domain, entries] : domains) {
    std::sort(entries.begin(), entries.end(), [](const SupportedOperator &a, const SupportedOperator &b) {
      return std::tie(a.op, a.sinceOpset) < std::tie(b.op, b.sinceOpset);
    });
    llvm::outs() << "\n## " << (domain.empty() ? "ai.onnx (the default domain)" : domain) << "\n\n"
                 << "| operator | opsets | restriction |\n|---|---|---|\n";
    for (const SupportedOperator &entry : entries)
      llvm::outs() << "| " << entry.op << " | " << opsetRange(entry) << " | " << entry.note << " |\n";
  }
  return 0;
}
