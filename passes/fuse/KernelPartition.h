//===- KernelPartition.h - which ops become one kernel --------------------===//
#ifndef FETTLE_PASSES_FUSE_KERNELPARTITION_H
#define FETTLE_PASSES_FUSE_KERNELPARTITION_H

#include "passes/fuse/FusionClass.h"
#include "llvm/ADT/DenseSet.h"

namespace fettle {

/// Ops that become one kernel. The last op gives the kernel's results; no other
/// result is read outside, except by clusters that hold a copy of the op.
struct KernelCluster {
  llvm::SmallVector<mlir::Operation *> ops; ///< in program order
  mlir::Operation *root = nullptr;          ///< null for a map kernel

  llvm::StringRef kind() const; ///< "conv", "softmax", ..., "map"
};

/// The partition of a block of nn ops, with nothing dead in it, into clusters.
/// Constants and views between clusters belong to none.
class KernelPartition {
public:
  explicit KernelPartition(mlir::Block &block);

  /// Ordered by their last ops: operands of a cluster come before it.
  llvm::ArrayRef<KernelCluster> clusters() const { return result; }

private:
  using Members = llvm::SmallDenseSet<mlir::Operation *, 8>;

  bool isFree(mlir::Operation *op) const { return !assigned.contains(op); }
  void growRoot(mlir::Operation *root);
  void growEpilogue(Members &members, mlir::Operation *root);
  void growPrologue(Members &members, mlir::Operation *root);
  void growNarrowBefore(Members &members, mlir::Operation *root);
  void growViewsBefore(Members &members, mlir::Operation *root);
  void growTransposeBehind(Members &members, mlir::Operation *root);
  void assignOwned(const Members &members);
  void growMap(mlir::Operation *seed);
  bool mayJoinMap(mlir::Operation *producer, const Members &members, const Members &copies,
                  llvm::DenseMap<mlir::Operation *, double> &reads) const;
  bool isReadElsewhere(mlir::Operation *op, const Members &members, const Members &copies) const;
  void close(const Members &members, mlir::Operation *root);

  llvm::DenseMap<mlir::Operation *, unsigned> position;
  llvm::DenseSet<mlir::Operation *> assigned; ///< ops that are computed in a cluster and need no other
  llvm::DenseSet<mlir::Operation *> needed;   ///< ops whose results some cluster or the return reads
  std::vector<KernelCluster> result;
};

} // namespace fettle

#endif
