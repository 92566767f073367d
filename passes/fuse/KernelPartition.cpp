//===- KernelPartition.cpp - which ops become one kernel ------------------===//
//
// Problem. Each value that a kernel stores and another loads costs a trip through
// memory; ops that are computed together in registers save it. Given a list of ops
// in program order, choose groups ("clusters") such that each can be computed by
// one loop nest and run as one step.
//
// Example. %a = conv; %b = add %a, %r; %c = sigmoid %b; %d = mul %b, %c. The cluster
// {conv, add, sigmoid, mul} stores only %d, although %b has two readers: both are inside.
//
// How.
//  1. Roots. From each root, last one first, follow the readers of its result in
//     program order while they are pointwise ops of the same shape; remember the
//     longest prefix after which only its last value is still read outside.
//     Contractions and windows choose before row ops, for theirs is the larger gain: a residual
//     add goes with the convolution before it, not with the layer norm behind it.
//     Row ops also take cheap pointwise producers that only they read.
//  2. Maps. What is left is visited backwards. An op whose result is needed seeds a
//     cluster, and its producers join, nearest first, if nobody else reads them (or
//     they are casts and broadcasts, which are copied) and nothing expensive
//     would be computed several times over.
//
// Why no cycle arises between clusters. Only a cluster's last op is read outside.
// Were A to read B and B to read A, then an op of A would stand behind B's last op,
// which stands behind A's last op: behind its own end.
//
// Cost. Every op joins at most a few clusters, each of bounded size: linear in
// the number of uses.
//
//===----------------------------------------------------------------------===//

#include "passes/fuse/KernelPartition.h"
#include "llvm/ADT/STLExtras.h"
#include <queue>

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

/// Ops in one cluster: enough for any activation, few enough for short live ranges.
static constexpr size_t maxClusterOps = 24;
/// Cheap ops may be computed this often per element rather than stored.
static constexpr double maxCheapReads = 2;

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

StringRef KernelCluster::kind() const { return root ? root->getName().stripDialect() : StringRef("map"); }

KernelPartition::KernelPartition(Block &block) {
  std::vector<Operation *> ops;
  for (Operation &op : block) {
    position[&op] = ops.size();
    ops.push_back(&op);
  }
  for (Operation *op : llvm::reverse(ops))
    if (FusionClass kind = fusionClass(op); kind == FusionClass::Contraction || kind == FusionClass::Window)
      growRoot(op);
  for (Operation *op : llvm::reverse(ops))
    if (FusionClass kind = fusionClass(op); !op->hasTrait<OpTrait::IsTerminator>() && (kind == FusionClass::Row || kind == FusionClass::Whole))
      growRoot(op);
  for (Value value : block.getTerminator()->getOperands())
    needed.insert(value.getDefiningOp());
  for (Operation *op : llvm::reverse(ops)) {
    if (!needed.contains(op) || !isFree(op))
      continue;
    FusionClass kind = fusionClass(op);
    if (kind == FusionClass::Reshape)
      needed.insert(op->getOperand(0).getDefiningOp());
    else if (kind == FusionClass::Pointwise || kind == FusionClass::Movement)
      growMap(op);
  }
  llvm::sort(result, [&](const KernelCluster &a, const KernelCluster &b) {
    return position.lookup(a.ops.back()) < position.lookup(b.ops.back());
  });
}

/// Casts, broadcasts and dequantization with one scale cost no more than the load they stand on.
static bool isCopiedFreely(Operation *op) {
  return isa<CastOp, BroadcastOp>(op) || (isa<DequantizeOp>(op) && fusionClass(op) == FusionClass::Pointwise);
}

void KernelPartition::growRoot(Operation *root) {
  Members members;
  members.insert(root);
  FusionClass kind = fusionClass(root);
  if (kind == FusionClass::Row)
    growPrologue(members, root);
  if (kind != FusionClass::Whole) {
    growEpilogue(members, root);
    growNarrowBefore(members, root);
  }
  if (isa<AttentionOp>(root)) {
    growViewsBefore(members, root);
    growTransposeBehind(members, root);
  }
  assignOwned(members);
  close(members, root);
}

void KernelPartition::growEpilogue(Members &members, Operation *root) {
  ArrayRef<int64_t> shape = shapeOf(root->getResult(0));
  SmallVector<Operation *> chain{root};
  size_t accepted = 1;
  Members tried = members;
  // Readers of the chain by position; `open` counts the chain's ops that are read outside it.
  auto later = [&](Operation *a, Operation *b) { return position.lookup(a) > position.lookup(b); };
  std::priority_queue<Operation *, std::vector<Operation *>, decltype(later)> readers(later);
  DenseMap<Operation *, unsigned> unseenReaders;
  size_t open = 0;
  auto append = [&](Operation *op) {
    llvm::SmallDenseSet<Operation *, 4> users(op->getUsers().begin(), op->getUsers().end());
    unseenReaders[op] = users.size();
    open += !users.empty();
    for (Operation *user : users)
      readers.push(user);
  };
  append(root);
  Operation *last = nullptr;
  while (!readers.empty() && tried.size() < maxClusterOps) {
    Operation *reader = readers.top();
    readers.pop();
    if (reader == last)
      continue;
    last = reader;
    // A reader that cannot join leaves its operand open for good, so the search ends.
    if (!isFree(reader) || fusionClass(reader) != FusionClass::Pointwise || shapeOf(reader->getResult(0)) != shape)
      break;
    llvm::SmallDenseSet<Operation *, 4> read;
    for (Value operand : reader->getOperands())
      if (Operation *producer = operand.getDefiningOp(); producer && unseenReaders.count(producer) && read.insert(producer).second)
        open -= --unseenReaders[producer] == 0;
    chain.push_back(reader);
    tried.insert(reader);
    append(reader);
    if (open <= 1 && (unseenReaders[reader] > 0 || reader->use_empty()))
      accepted = chain.size();
  }
  members.insert(chain.begin(), chain.begin() + accepted);
}

void KernelPartition::growPrologue(Members &members, Operation *root) {
  SmallVector<Value> pending{root->getOperand(0)};
  while (!pending.empty() && members.size() < maxClusterOps / 2) {
    Operation *producer = pending.pop_back_val().getDefiningOp();
    if (!producer || members.contains(producer) || !isFree(producer) || fusionClass(producer) != FusionClass::Pointwise ||
        isExpensive(producer) || shapeOf(producer->getResult(0)) != shapeOf(root->getOperand(0)) ||
        (!isCopiedFreely(producer) && !llvm::all_of(producer->getUsers(), [&](Operation *user) { return members.contains(user); })))
      continue;
    members.insert(producer);
    llvm::append_range(pending, producer->getOperands());
  }
}

/// Dequantization with one scale, or a cast that widens.
static bool readsNarrow(Operation *op) {
  auto bits = [](Value value) { return cast<RankedTensorType>(value.getType()).getElementTypeBitWidth(); };
  return isa_and_nonnull<DequantizeOp, CastOp>(op) && isCopiedFreely(op) && bits(op->getOperand(0)) < bits(op->getResult(0));
}

/// What an epilogue reads dequantized, it reads as bytes, and what it reads widened, as bf16.
void KernelPartition::growNarrowBefore(Members &members, Operation *root) {
  SmallVector<Operation *> readers(members.begin(), members.end());
  for (Operation *reader : readers)
    for (Value operand : reader->getOperands())
      if (Operation *producer = operand.getDefiningOp(); readsNarrow(producer) && isFree(producer) &&
          reader != root && shapeOf(operand) == shapeOf(root->getResult(0)))
        members.insert(producer);
}

/// An attention reads its operands through any strides, so slices, transposes and splitting reshapes before it need
/// not be carried out. They are copied into the kernel: other readers keep the originals.
void KernelPartition::growViewsBefore(Members &members, Operation *root) {
  for (Value operand : root->getOperands()) {
    SmallVector<Operation *> chain;
    for (Operation *op = operand.getDefiningOp(); op && isFree(op) && chain.size() < maxClusterOps; op = op->getOperand(0).getDefiningOp()) {
      auto reshape = dyn_cast<ReshapeOp>(op);
      if (!isa<SliceOp, TransposeOp, BroadcastOp>(op) && !(reshape && isSplittingReshape(reshape)))
        break;
      chain.push_back(op);
    }
    // Over a whole buffer a reshape is a view outside the kernel as well.
    while (!chain.empty() && isa<ReshapeOp>(chain.back()))
      chain.pop_back();
    members.insert(chain.begin(), chain.end());
  }
}

/// It also writes its result through any strides.
void KernelPartition::growTransposeBehind(Members &members, Operation *root) {
  if (!root->hasOneUse())
    return;
  Operation *reader = *root->user_begin();
  if (isa<TransposeOp>(reader) && isFree(reader))
    members.insert(reader);
}

/// Assigns those members whose results nobody reads outside; the others are copies.
void KernelPartition::assignOwned(const Members &members) {
  SmallVector<Operation *> ops(members.begin(), members.end());
  llvm::sort(ops, [&](Operation *a, Operation *b) { return position.lookup(a) > position.lookup(b); });
  for (Operation *op : ops)
    if (op == ops.front() || llvm::all_of(op->getUsers(), [&](Operation *user) { return members.contains(user) && assigned.contains(user); }))
      assigned.insert(op);
}

/// A view joins only to reach a producer behind it, and only if it costs no division per element.
static bool isViewWorthJoining(ReshapeOp view, const DenseSet<Operation *> &assigned) {
  Operation *producer = view.getInput().getDefiningOp();
  if (!producer || assigned.contains(producer) || !producer->hasOneUse() || !isSplittingReshape(view))
    return false;
  FusionClass kind = fusionClass(producer);
  return kind == FusionClass::Pointwise || kind == FusionClass::Movement;
}

/// A copy's original may stay, and then reads its operands outside the cluster; a copy of a reader in another cluster
/// reads them too.
bool KernelPartition::isReadElsewhere(Operation *op, const Members &members, const Members &copies) const {
  return needed.contains(op) || llvm::any_of(op->getUsers(), [&](Operation *user) { return !members.contains(user) || copies.contains(user); });
}

bool KernelPartition::mayJoinMap(Operation *producer, const Members &members, const Members &copies,
                                 DenseMap<Operation *, double> &reads) const {
  FusionClass kind = fusionClass(producer);
  if (!isFree(producer) || (kind != FusionClass::Pointwise && kind != FusionClass::Movement && kind != FusionClass::Reshape))
    return false;
  if (auto view = dyn_cast<ReshapeOp>(producer); view && !isViewWorthJoining(view, assigned))
    return false;
  if (!isCopiedFreely(producer) && isReadElsewhere(producer, members, copies))
    return false;
  // Pointwise readers of equal shape share one computation; every other use asks for its own.
  double aligned = 0, displaced = 0;
  for (OpOperand &use : producer->getUses()) {
    Operation *user = use.getOwner();
    if (!members.contains(user))
      continue;
    double perElement = readsPerElement(use);
    if (fusionClass(user) == FusionClass::Pointwise && perElement == 1)
      aligned = std::max(aligned, reads.lookup(user));
    else
      displaced += reads.lookup(user) * perElement;
  }
  double total = aligned + displaced;
  if (total > 1 && (isExpensive(producer) || (kind == FusionClass::Pointwise && !isCopiedFreely(producer) && total > maxCheapReads)))
    return false;
  reads[producer] = total;
  return true;
}

void KernelPartition::growMap(Operation *seed) {
  Members members, copies, seen;
  DenseMap<Operation *, double> reads;
  auto earlier = [&](Operation *a, Operation *b) { return position.lookup(a) < position.lookup(b); };
  std::priority_queue<Operation *, std::vector<Operation *>, decltype(earlier)> candidates(earlier);
  auto join = [&](Operation *op) {
    members.insert(op);
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp(); producer && seen.insert(producer).second)
        candidates.push(producer);
  };
  reads[seed] = 1;
  join(seed);
  // Latest first: when an op is considered, all its readers have been.
  while (!candidates.empty() && members.size() < maxClusterOps) {
    Operation *producer = candidates.top();
    candidates.pop();
    if (!mayJoinMap(producer, members, copies, reads))
      continue;
    if (isReadElsewhere(producer, members, copies))
      copies.insert(producer);
    join(producer);
  }
  for (Operation *op : members)
    if (!copies.contains(op))
      assigned.insert(op);
  close(members, nullptr);
}

void KernelPartition::close(const Members &members, Operation *root) {
  KernelCluster cluster;
  cluster.root = root;
  cluster.ops.assign(members.begin(), members.end());
  llvm::sort(cluster.ops, [&](Operation *a, Operation *b) { return position.lookup(a) < position.lookup(b); });
  for (Operation *op : cluster.ops)
    for (Value operand : op->getOperands())
      if (Operation *producer = operand.getDefiningOp(); producer && !members.contains(producer))
        needed.insert(producer);
  result.push_back(std::move(cluster));
}

} // namespace fettle
