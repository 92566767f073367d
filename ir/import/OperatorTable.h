//===- OperatorTable.h - which ONNX operators are known -------------------===//
//
// Each file in ops/ owns one family and lists it in a table. An operator whose
// meaning changed between opsets has several entries; inside an entry, the
// importer asks for `node.opset`.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_IMPORT_OPERATORTABLE_H
#define FETTLE_IR_IMPORT_OPERATORTABLE_H

#include "ir/import/NodeImporter.h"

namespace fettle {

/// Operators unchanged up to now are valid to here.
constexpr int64_t newestOpset = 28;
constexpr int64_t newestMicrosoftOpset = 1;
constexpr int64_t newestMachineLearningOpset = 5;
constexpr const char *microsoftDomain = "com.microsoft";
constexpr const char *machineLearningDomain = "ai.onnx.ml";
constexpr const char *trainingDomain = "ai.onnx.preview.training";

using ImportFunction = void (*)(NodeImporter &);

struct OperatorEntry {
  const char *domain, *op;
  int64_t sinceOpset, untilOpset; ///< inclusive
  ImportFunction import;
  const char *note; ///< restriction, "" if none
};

/// One table per family.
llvm::ArrayRef<OperatorEntry> attentionOperators();
llvm::ArrayRef<OperatorEntry> contractionOperators();
llvm::ArrayRef<OperatorEntry> controlFlowOperators();
llvm::ArrayRef<OperatorEntry> elementwiseOperators();
llvm::ArrayRef<OperatorEntry> gatherOperators();
llvm::ArrayRef<OperatorEntry> generatorOperators();
llvm::ArrayRef<OperatorEntry> imageOperators();
llvm::ArrayRef<OperatorEntry> lossOperators();
llvm::ArrayRef<OperatorEntry> microsoftAttentionOperators();
llvm::ArrayRef<OperatorEntry> microsoftOperators();
llvm::ArrayRef<OperatorEntry> microsoftQuantizationOperators();
llvm::ArrayRef<OperatorEntry> movementOperators();
llvm::ArrayRef<OperatorEntry> normalizationOperators();
llvm::ArrayRef<OperatorEntry> poolingOperators();
llvm::ArrayRef<OperatorEntry> quantizationOperators();
llvm::ArrayRef<OperatorEntry> recurrentOperators();
llvm::ArrayRef<OperatorEntry> reductionOperators();
llvm::ArrayRef<OperatorEntry> samplingOperators();
llvm::ArrayRef<OperatorEntry> sequenceOperators();
llvm::ArrayRef<OperatorEntry> signalOperators();
llvm::ArrayRef<OperatorEntry> textOperators();
llvm::ArrayRef<OperatorEntry> trainingOperators();

/// All tables, one after the other.
llvm::ArrayRef<OperatorEntry> allOperators();
/// The entry for an operator; null with the reason if there is none.
const OperatorEntry *findOperator(llvm::StringRef domain, llvm::StringRef op, int64_t opset, std::string &reason,
                                  std::string &remedy);

} // namespace fettle

#endif
