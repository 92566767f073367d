//===- PanelAgreement.h - one packing for several kernels -----------------===//
//
// Problem. Weights are packed in panels as wide as a register tile, and the best
// width depends on the rows of the product. A network compiled for a batch of 1
// and of 4 multiplies the same weights with 49 and with 196 rows; if one kernel
// wants panels of 3 vectors and the other of 6, the weights are stored twice.
//
// Example. 1280 columns, 49 and 196 rows, AVX-512: the best tiles are 2 and 5
// vectors wide. With 2 vectors the second kernel is estimated 0.5 % slower: both
// take 2, and the weights are stored once. A single row wants 8, to hide the
// latency of its multiply-adds; yet where its weights come from beyond the first
// level of the cache it waits for them with any width above 2, and takes what
// others want.
//
// Method. Kernels that read a constant in common (however far apart, through
// others) form a group; one kernel has one width. In a group, the width that
// most kernels take within `mostLoss` of their best is taken by all of these;
// what is left goes on in the same way. It ends, for each kernel takes its own
// best. Greedy set cover; with 8 widths and few kernels in a group, its cost is
// nothing beside the code's.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_CPU_PANELAGREEMENT_H
#define FETTLE_CODEGEN_CPU_PANELAGREEMENT_H

#include "codegen/common/Kernel.h"
#include "ir/target/CpuTarget.h"

namespace fettle::codegen {

/// Share of its estimated time that a kernel gives up, at most, for weights that are stored once: less than what
/// the estimate is worth.
constexpr double mostLoss = 0.02;

/// The width of the panels, in vectors, of each kernel of a group.
llvm::SmallVector<int64_t> agreeOnPanels(const CpuTarget &target, llvm::ArrayRef<PanelChoice> group);

/// What a kernel's builder is told of it, in an attribute; 0: nothing was agreed on.
int64_t agreedPanelVectors(nn::KernelOp kernel);
void setAgreedPanelVectors(nn::KernelOp kernel, int64_t vectors);

} // namespace fettle::codegen

#endif
