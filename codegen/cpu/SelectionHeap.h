//===- SelectionHeap.h - a binary heap in generated code ------------------===//
#ifndef FETTLE_CODEGEN_CPU_SELECTIONHEAP_H
#define FETTLE_CODEGEN_CPU_SELECTIONHEAP_H

#include "codegen/cpu/LoopEmitter.h"

namespace fettle::codegen {

/// Entries (value, index) in two flat buffers, entry i at base + i * stride. An
/// entry ranks before another if its value is greater (`smallest`: less), or
/// equal with a lower index; NaN is the greatest value. The heap keeps at its
/// root the entry that ranks first, or last with `lastAtRoot`.
struct SelectionHeap {
  struct Entry {
    mlir::Value value, index; ///< compute type of `element`; i64
  };

  mlir::ImplicitLocOpBuilder &b;
  mlir::Type element; ///< nn element type of the values
  mlir::Value values, indices;
  mlir::Value base;
  int64_t stride;
  bool smallest, lastAtRoot;

  Entry load(mlir::Value position) const;
  void store(mlir::Value position, Entry entry) const;
  /// i1: `x` ranks before `y`.
  mlir::Value ranksBefore(Entry x, Entry y) const;
  /// Lets the entry at `position` sink to its place among the first `size` entries.
  void siftDown(mlir::Value position, mlir::Value size) const;
  /// Makes a heap of the first `size` entries.
  void heapify(mlir::Value size) const;
  void swap(mlir::Value x, mlir::Value y) const;

private:
  mlir::Value at(mlir::Value position) const { return addIndex(b, base, mulIndex(b, position, stride)); }
};

} // namespace fettle::codegen

#endif
