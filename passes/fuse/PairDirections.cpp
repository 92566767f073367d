//===- PairDirections.cpp - both directions of a layer in one kernel ------===//
//
// A recurrent layer is one step of time after the other, which threads cannot share. A bidirectional one is two of
// these, which have nothing in common but their input:
//
//   kernel lstm forward %x, kernel lstm backward %x  ->  one kernel that gives the results of both
//
// Its tiles are those of the one and then those of the other, so that two threads run them side by side.
//
// Layers are paired that differ in nothing else, whose weights are constants of their own (others would be packed in each call), and of
// which the second one stands before all readers of the first: so no operand of the second depends on the first. Each
// kernel is paired once; cost: quadratic in the recurrent layers, of which there are few.
//
//===----------------------------------------------------------------------===//

#include "ir/support/Origin.h"
#include "passes/fuse/Passes.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_PAIRDIRECTIONSPASS
#include "passes/fuse/Passes.h.inc"

namespace {

/// A kernel of a recurrent op alone.
struct Layer {
  KernelOp kernel;
  Operation *op = nullptr;

  /// The kernel's operand that the op reads as `index`.
  Value input(unsigned index) { return kernel.getInputs()[cast<BlockArgument>(op->getOperand(index)).getArgNumber()]; }
};

} // namespace

/// Constants, perhaps seen in another shape.
static bool isConstant(Value value) {
  while (auto view = value.getDefiningOp<ReshapeOp>())
    value = view.getInput();
  return value.getDefiningOp<ConstantOp>() != nullptr;
}

static std::optional<Layer> findLayer(KernelOp kernel) {
  Block &body = kernel.getBody().front();
  Operation &op = body.front();
  if (!isa<LstmOp, GruOp, RnnOp>(op) || op.getNextNode() != body.getTerminator() || body.getTerminator()->getOperands() != op.getResults())
    return std::nullopt;
  Layer layer{kernel, &op};
  return isConstant(layer.input(1)) && isConstant(layer.input(2)) ? std::optional(layer) : std::nullopt;
}

static bool isBackward(Operation *op) {
  return llvm::TypeSwitch<Operation *, bool>(op).Case<LstmOp, GruOp, RnnOp>([](auto layer) { return layer.getDirection() == DirectionKind::backward; });
}

static DictionaryAttr attributesButDirection(Operation *op) {
  NamedAttrList attributes(op->getAttrDictionary());
  attributes.erase("direction");
  return attributes.getDictionary(op->getContext());
}

/// `second` stands behind `first`.
static bool isPair(Layer first, Layer second) {
  if (first.op->getName() != second.op->getName() || first.op->getOperandTypes() != second.op->getOperandTypes() ||
      attributesButDirection(first.op) != attributesButDirection(second.op))
    return false;
  if (first.input(0) != second.input(0) || isBackward(first.op) == isBackward(second.op))
    return false;
  for (unsigned index : {1, 2})
    if (llvm::is_contained(second.kernel.getInputs(), first.input(index)))
      return false;
  return llvm::all_of(first.kernel->getUsers(), [&](Operation *user) {
    return user != second.kernel && second.kernel->isBeforeInBlock(user);
  });
}

/// Makes one kernel of both, where the second one stood.
static void merge(Layer first, Layer second) {
  SetVector<Value> inputs;
  SmallVector<Type> types;
  for (Layer *layer : {&first, &second}) {
    inputs.insert_range(layer->kernel.getInputs());
    llvm::append_range(types, layer->kernel->getResultTypes());
  }
  OpBuilder builder(second.kernel);
  Location location = fuseLocations(builder.getContext(), {first.kernel->getLoc(), second.kernel->getLoc()});
  auto kernel = KernelOp::create(builder, location, types, inputs.getArrayRef());
  kernel->setAttr("kind", first.kernel->getAttr("kind"));
  Block *body = builder.createBlock(&kernel.getBody());
  for (Value input : inputs)
    body->addArgument(input.getType(), input.getLoc());
  SmallVector<Value> results;
  for (Layer *layer : {&first, &second}) {
    IRMapping mapping;
    for (auto [argument, input] : llvm::zip_equal(layer->kernel.getBody().getArguments(), layer->kernel.getInputs()))
      mapping.map(argument, body->getArgument(llvm::find(inputs, input) - inputs.begin()));
    llvm::append_range(results, builder.clone(*layer->op, mapping)->getResults());
  }
  YieldOp::create(builder, location, results);
  first.kernel->replaceAllUsesWith(kernel.getResults().take_front(first.kernel->getNumResults()));
  second.kernel->replaceAllUsesWith(kernel.getResults().take_back(second.kernel->getNumResults()));
  first.kernel->erase();
  second.kernel->erase();
}

namespace {
struct PairDirections : impl::PairDirectionsPassBase<PairDirections> {
  void runOnOperation() override {
    SmallVector<Layer> layers;
    getOperation().walk([&](KernelOp kernel) {
      if (std::optional<Layer> layer = findLayer(kernel))
        layers.push_back(*layer);
    });
    for (size_t i = 0; i < layers.size(); ++i)
      for (size_t j = i + 1; layers[i].kernel && j < layers.size(); ++j)
        if (layers[j].kernel && isPair(layers[i], layers[j])) {
          merge(layers[i], layers[j]);
          layers[i].kernel = layers[j].kernel = KernelOp();
        }
  }
};
} // namespace

} // namespace fettle
