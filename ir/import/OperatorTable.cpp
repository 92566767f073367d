//===- OperatorTable.cpp - which ONNX operators are known -----------------===//

#include "ir/import/OperatorTable.h"
#include "ir/import/Import.h"
#include "llvm/Support/FormatVariadic.h"

namespace fettle {

llvm::ArrayRef<OperatorEntry> allOperators() {
  static const std::vector<OperatorEntry> table = [] {
    std::vector<OperatorEntry> entries;
    for (auto family :
         {attentionOperators, contractionOperators, controlFlowOperators, elementwiseOperators, gatherOperators,
          generatorOperators, imageOperators, lossOperators, microsoftAttentionOperators, microsoftOperators,
          microsoftQuantizationOperators, movementOperators, normalizationOperators, poolingOperators,
          quantizationOperators, recurrentOperators, reductionOperators, samplingOperators,
          sequenceOperators, signalOperators, textOperators, trainingOperators}) {
      llvm::ArrayRef<OperatorEntry> rows = family();
      entries.insert(entries.end(), rows.begin(), rows.end());
    }
    return entries;
  }();
  return table;
}

/// Operators that no static tensor program can express, by what they deal in.
static const char *explainUnsupported(llvm::StringRef domain, llvm::StringRef op) {
  if (domain.empty() && llvm::is_contained({"ATen", "Affine", "Crop", "GivenTensorFill", "GRUUnit", "ImageScaler",
                                            "ParametricSoftplus", "Scale", "ScaledTanh"},
                                           op))
    return "it was an experiment of early ONNX and has been withdrawn: export the model again with a newer exporter";
  if (domain == "ai.onnx.preview.training" && op == "Gradient")
    return "gradients are not compiled: export the model for inference";
  if (domain == "ai.onnx.ml")
    return "classical machine learning operators are not compiled: cut the model before them";
  if (op.starts_with("Sequence") || op == "SplitToSequence" || op == "ConcatFromSequence" ||
      op.starts_with("Optional"))
    return "sequences and optional values are not compiled: export the model with plain tensors";
  if (op.starts_with("Random") || op == "Bernoulli" || op == "Multinomial")
    return "random operators are not compiled: give the random numbers as an input of the model";
  if (op.starts_with("String") || op.starts_with("Regex") )
    return "strings are not compiled: do text processing before the model";
  return "replace the operator by others, or cut the model before it";
}

const OperatorEntry *findOperator(llvm::StringRef domain, llvm::StringRef op, int64_t opset, std::string &reason,
                                  std::string &remedy) {
  // Operators by "domain:op", each with its rows in the table.
  static const llvm::StringMap<llvm::SmallVector<const OperatorEntry *, 2>> index = [] {
    llvm::StringMap<llvm::SmallVector<const OperatorEntry *, 2>> result;
    for (const OperatorEntry &entry : allOperators())
      result[(llvm::Twine(entry.domain) + ":" + entry.op).str()].push_back(&entry);
    return result;
  }();
  auto found = index.find((domain + ":" + op).str());
  if (found == index.end()) {
    reason = "the operator is not supported";
    remedy = explainUnsupported(domain, op);
    return nullptr;
  }
  int64_t oldest = INT64_MAX, newest = 0;
  for (const OperatorEntry *entry : found->second) {
    if (entry->sinceOpset <= opset && opset <= entry->untilOpset)
      return entry;
    oldest = std::min(oldest, entry->sinceOpset);
    newest = std::max(newest, entry->untilOpset);
  }
  reason = llvm::formatv("the operator is supported in opset {0} to {1}, not in opset {2}", oldest, newest, opset);
  remedy = "export or convert the model to one of those opsets";
  return nullptr;
}

std::vector<SupportedOperator> supportedOperators() {
  std::vector<SupportedOperator> result;
  for (const OperatorEntry &entry : allOperators())
    result.push_back({entry.domain, entry.op, entry.sinceOpset, entry.untilOpset, entry.note});
  llvm::sort(result, [](const SupportedOperator &a, const SupportedOperator &b) {
    return std::tie(a.domain, a.op, a.sinceOpset) < std::tie(b.domain, b.op, b.sinceOpset);
  });
  return result;
}

} // namespace fettle
