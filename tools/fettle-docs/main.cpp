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

int main() {
  std::map<std::string, std::vector<SupportedOperator>> domains;
  for (const SupportedOperator &entry : supportedOperators())
    domains[entry.domain].push_back(entry);
  llvm::outs() << "# Operators\n\n"
                  "What `fettle` imports, generated from the importer's tables by `tools/dev/gen_docs`.\n"
                  "A model with an operator, an opset or a use that is not taken is refused, with all such nodes named at once;\n"
                  "`fettle inspect MODEL` lists them. Functions that a model defines itself are inlined.\n";
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
