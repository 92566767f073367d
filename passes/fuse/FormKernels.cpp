//===- FormKernels.cpp - groups the ops of a function into kernels --------===//

#include "ir/support/Origin.h"
#include "passes/OpFactory.h"
#include "passes/fuse/KernelPartition.h"
#include "passes/fuse/Passes.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_FORMKERNELSPASS
#include "passes/fuse/Passes.h.inc"

/// Splats and single elements are computed with, not loaded: they may stand in a kernel's body.
static bool isImmediate(ConstantOp constant) {
  return constant.getOutput().getType().getNumElements() == 1 || constant.getValue().isSplat();
}

static LogicalResult checkInput(func::FuncOp function) {
  bool accepted = true;
  if (!function.getBody().hasOneBlock())
    return function.emitError("form-kernels needs a function of one block");
  for (Operation &op : function.getBody().front().without_terminator()) {
    if (isa<KernelOp>(op)) {
      op.emitError("the function already holds kernels; form-kernels runs once");
      accepted = false;
    } else if (!isa_and_nonnull<NnDialect>(op.getDialect())) {
      op.emitError("op is not of the nn dialect and cannot become part of a kernel");
      accepted = false;
    }
  }
  return success(accepted);
}

static void eraseDeadOps(Block &block) {
  for (Operation *op = block.getTerminator()->getPrevNode(), *previous; op; op = previous) {
    previous = op->getPrevNode();
    if (isOpTriviallyDead(op))
      op->erase();
  }
}

/// Gives each function result storage of its own: arguments, constants and values
/// already returned (also through views) are copied.
static void separateResults(Block &block) {
  Operation *terminator = block.getTerminator();
  OpBuilder builder(terminator);
  DenseSet<Value> returned;
  for (OpOperand &result : terminator->getOpOperands()) {
    Value base = result.get();
    while (auto view = base.getDefiningOp<ReshapeOp>())
      base = view.getInput();
    Operation *producer = base.getDefiningOp();
    if (producer && !isa<ConstantOp>(producer) && returned.insert(base).second)
      continue;
    result.set(makeUnary(builder, result.get().getLoc(), UnaryKind::identity, result.get()));
  }
}

/// The ops of `cluster` that its last op needs. A copy whose original has become a kernel of its own is no longer read: its readers take
/// that kernel's result.
static SmallVector<Operation *> findNeededOps(const KernelCluster &cluster) {
  llvm::SmallSetVector<Operation *, 8> needed;
  for (Operation *op : llvm::reverse(cluster.ops))
    if (op == cluster.ops.back() || llvm::any_of(op->getUsers(), [&](Operation *user) { return needed.contains(user); }))
      needed.insert(op);
  return llvm::to_vector(llvm::reverse(needed));
}

/// Moves the ops of `cluster` into a kernel that stands where its last op stood.
static void buildKernel(const KernelCluster &cluster) {
  SmallVector<Operation *> ops = findNeededOps(cluster);
  SetVector<Value> inputs;
  SmallVector<ConstantOp> immediates;
  SmallPtrSet<Operation *, 8> members(ops.begin(), ops.end());
  SmallVector<Location> locations;
  for (Operation *op : ops) {
    locations.push_back(op->getLoc());
    for (Value operand : op->getOperands()) {
      auto constant = operand.getDefiningOp<ConstantOp>();
      if (constant && op != cluster.root && isImmediate(constant)) {
        if (!llvm::is_contained(immediates, constant))
          immediates.push_back(constant);
      } else if (!members.contains(operand.getDefiningOp())) {
        inputs.insert(operand);
      }
    }
  }

  Operation *last = ops.back();
  OpBuilder builder(last);
  Location location = fuseLocations(last->getContext(), locations);
  auto kernel = KernelOp::create(builder, location, last->getResultTypes(), inputs.getArrayRef());
  kernel->setAttr("kind", builder.getStringAttr(cluster.kind()));
  Block *body = builder.createBlock(&kernel.getBody());
  IRMapping computed, constants;
  for (Value input : inputs)
    computed.map(input, body->addArgument(input.getType(), input.getLoc()));
  for (ConstantOp immediate : immediates)
    constants.map(immediate.getOutput(), cast<ConstantOp>(builder.clone(*immediate)).getOutput());
  for (Operation *op : ops) {
    Operation *copy = builder.clone(*op, computed);
    if (op == cluster.root)
      continue;
    // A constant may be the root's operand and an immediate of its epilogue.
    for (auto [original, operand] : llvm::zip(op->getOperands(), copy->getOpOperands()))
      if (Value immediate = constants.lookupOrNull(original))
        operand.set(immediate);
  }
  SmallVector<Value> results;
  for (Value value : last->getResults())
    results.push_back(computed.lookup(value));
  YieldOp::create(builder, location, results);
  last->replaceAllUsesWith(kernel);
}

namespace {
struct FormKernels : impl::FormKernelsPassBase<FormKernels> {
  void runOnOperation() override {
    func::FuncOp function = getOperation();
    if (function.isExternal())
      return;
    if (failed(checkInput(function)))
      return signalPassFailure();
    Block &block = function.getBody().front();
    separateResults(block);
    eraseDeadOps(block);
    KernelPartition partition(block);
    for (const KernelCluster &cluster : partition.clusters())
      buildKernel(cluster);
    eraseDeadOps(block);
  }
};
} // namespace

} // namespace fettle
