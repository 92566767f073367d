//===- ExportTable.h - how each nn op is written --------------------------===//
//
// Each file in ops/ owns one family and lists it in a table: the inverse of ir/import/OperatorTable.h.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_IR_EXPORT_EXPORTTABLE_H
#define FETTLE_IR_EXPORT_EXPORTTABLE_H

#include "ir/export/NodeWriter.h"

namespace fettle {

using ExportFunction = void (*)(NodeWriter &);

struct ExportEntry {
  llvm::StringRef op; ///< "nn.conv"
  ExportFunction write;
};

/// The row of `Op`, written by `write`.
template <typename Op, void (*write)(NodeWriter &, Op)> ExportEntry exportEntry() {
  return {Op::getOperationName(), [](NodeWriter &writer) { write(writer, mlir::cast<Op>(writer.op)); }};
}

/// One table per family.
llvm::ArrayRef<ExportEntry> elementwiseExports();
llvm::ArrayRef<ExportEntry> contractionExports();
llvm::ArrayRef<ExportEntry> attentionExports();
llvm::ArrayRef<ExportEntry> recurrentExports();
llvm::ArrayRef<ExportEntry> reductionExports();
llvm::ArrayRef<ExportEntry> normalizationExports();
llvm::ArrayRef<ExportEntry> poolingExports();
llvm::ArrayRef<ExportEntry> movementExports();
llvm::ArrayRef<ExportEntry> gatherExports();
llvm::ArrayRef<ExportEntry> imageExports();
llvm::ArrayRef<ExportEntry> quantizationExports();
llvm::ArrayRef<ExportEntry> tokenExports();

} // namespace fettle

#endif
