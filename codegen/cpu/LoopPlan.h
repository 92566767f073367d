//===- LoopPlan.h - how the loops of a kernel run over its result ---------===//
//
// The result's index space is divided into pieces, each with a loop nest of its
// own. A piece is found by trial: its code is emitted once and thrown away, and
// what the index arithmetic would have liked to know (IndexSpace) is granted:
//
//   factor   reading [n, 64] through a reshape to [n, 8, 8] wants the last axis
//            as two symbols, and then needs no division;
//   cut      concat reads another operand from its boundary on, and a padded
//            window is inside the input except at the borders: cut there, the
//            pieces need no conditions (the borders keep theirs);
//   join     axes that only ever occur as i * extent + j share one loop, so that
//            a pointwise kernel becomes a single flat loop.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_CPU_LOOPPLAN_H
#define FETTLE_CODEGEN_CPU_LOOPPLAN_H

#include "codegen/common/IndexSpace.h"

namespace fettle::codegen {

/// A box of the result, and the symbols that run over it, outermost first.
struct LoopPiece {
  llvm::SmallVector<int64_t> extents;  ///< of the symbols, each > 1
  llvm::BitVector isJoined;            ///< symbol i shares the loop of symbol i - 1
  llvm::SmallVector<IndexExpr> index;  ///< of the result, in terms of the symbols
  llvm::SmallVector<bool> isBorder;    ///< per symbol: its borders have been cut already

  struct Loop {
    unsigned symbol; ///< the innermost symbol: it speaks for the loop
    int64_t extent;
  };
  llvm::SmallVector<Loop> loops() const;
};

/// Emits a piece's code and throws it away.
struct LoopTrial {
  std::vector<FactorWish> factorWishes;
  std::vector<CutWish> cutWishes;
  llvm::BitVector mustPart;
};

std::vector<LoopPiece> planLoops(llvm::ArrayRef<int64_t> shape, llvm::function_ref<LoopTrial(const LoopPiece &)> tryPiece);

} // namespace fettle::codegen

#endif
