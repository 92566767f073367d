//===- Bf16Products.cpp - operands of products rounded to bf16 ------------===//
//
// Problem. Where the machine multiplies pairs of bf16, products take half the
// time of those of f32, and weights half the memory. A network of f32 (or one
// widened to it) is to use that, at its borders only: sums, and what is between
// products, stay f32.
//
// Example. %y = conv(%x, %w); %z = add(%y, %r); %c = conv(%z, %v); %d = add(%z, %c)
// becomes
//   %h = cast %z : bf16       in the epilogue that computes %z: half the bytes
//   %c = conv(%h, v as bf16)  sums in f32
//   %d = add(cast %h, %c)
//
// How. Weights are cast, and folded as constants. An input is cast once for all
// products that read it. Its cast stands behind what computes it, before what
// only moves it, so that it is stored, moved and read in 16 bits. Other readers
// that widen as they load (pointwise ops, rows) read the rounded value as well:
// else it would be stored twice. Where one cannot (an output of the network, an
// attention), all but the products go on reading f32.
//
// What is left out: products of two computed tensors, depthwise convolutions
// (no two elements of theirs are multiplied into one sum), attention, recurrent
// layers.
//
// An operand is rounded to 8 bits of mantissa, to nearest even: an error of 2^-9 of
// it at most, about 2^-9 of a sum whose terms have either sign.
//
//===----------------------------------------------------------------------===//

#include "passes/ConstantValue.h"
#include "passes/fuse/FusionClass.h"
#include "passes/fuse/Passes.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_BF16PRODUCTSPASS
#include "passes/fuse/Passes.h.inc"

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

static bool isConstant(Value value) { return value.getDefiningOp<ConstantOp>(); }

/// Whether pairs along the reduction of `op` lie side by side and its weights are known.
static bool isRounded(Operation *op) {
  if (!isa<MatMulOp, ConvOp>(op) || !typeOf(op->getOperand(0)).getElementType().isF32() || isConstant(op->getOperand(0)) ||
      !isConstant(op->getOperand(1)) || typeOf(op->getResult(0)).getNumElements() == 0)
    return false;
  if (auto matmul = dyn_cast<MatMulOp>(op))
    return !matmul.getTransposeLhs();
  auto conv = cast<ConvOp>(op);
  ArrayRef<int64_t> weight = conv.getWeight().getType().getShape();
  return conv.getChannelsLast() && weight.size() <= 4 && (weight[1] > 1 || conv.getGroups() == 1);
}

/// Whether a reader in f32 costs nothing more if what it reads is stored in bf16.
static bool widensOnLoad(Operation *op) {
  FusionClass kind = fusionClass(op);
  return kind == FusionClass::Pointwise || kind == FusionClass::Row;
}

/// Whether elements of the result are elements of operand 0, alone read here, or a maximum of some.
static bool onlyMoves(Operation *op) {
  auto pool = dyn_cast_or_null<PoolOp>(op);
  if (pool ? pool.getKind() != PoolKind::max_pool : !isa_and_nonnull<ReshapeOp, TransposeOp>(op))
    return false;
  Value input = op->getOperand(0);
  // An attention stores its result transposed.
  return input.hasOneUse() && input.getDefiningOp() && !input.getDefiningOp<AttentionOp>();
}

namespace {
class ProductRounder {
public:
  explicit ProductRounder(func::FuncOp function) {
    for (Operation &op : function.getBody().front())
      if (isRounded(&op))
        products.push_back(&op);
  }

  void run() {
    llvm::MapVector<Value, SmallVector<Operation *>> readers;
    for (Operation *op : products)
      readers[op->getOperand(0)].push_back(op);
    for (auto &[value, ops] : readers) {
      Value rounded = round(value);
      for (Operation *op : ops)
        op->setOperand(0, rounded);
    }
    for (Operation *op : products) {
      op->setOperand(1, narrow(op->getOperand(1)));
      op->setAttr("f32_sums", UnitAttr::get(op->getContext()));
    }
    for (Operation *op : llvm::reverse(moved))
      op->erase();
  }

private:
  static Value castBehind(Value value, Type element, bool flushes) {
    OpBuilder builder(value.getContext());
    builder.setInsertionPointAfterValue(value);
    return CastOp::create(builder, value.getLoc(), typeOf(value).clone(element), value, flushes);
  }

  /// `value` in bf16, the same for all who ask.
  Value narrow(Value value) {
    Value &half = halves[value];
    if (!half)
      half = castBehind(value, BFloat16Type::get(value.getContext()), /*flushes=*/true);
    return half;
  }

  /// `value` in bf16 for the products that read it, and for its other readers if they may.
  Value round(Value value) {
    SmallVector<OpOperand *> others;
    bool allWiden = true;
    for (OpOperand &use : value.getUses())
      if (!isProductsInput(use)) {
        others.push_back(&use);
        allWiden &= widensOnLoad(use.getOwner());
      }
    Operation *producer = value.getDefiningOp();
    if (others.empty() && onlyMoves(producer))
      return moveNarrow(producer);
    Value half = narrow(value);
    if (!allWiden || others.empty())
      return half;
    Value wide = castBehind(half, Float32Type::get(value.getContext()), /*flushes=*/false);
    for (OpOperand *use : others)
      use->set(wide);
    return half;
  }

  /// The result of `mover` in bf16, moved in bf16.
  Value moveNarrow(Operation *mover) {
    SmallVector<Value> operands(mover->getOperands());
    Operation *before = operands[0].getDefiningOp();
    operands[0] = onlyMoves(before) ? moveNarrow(before) : narrow(operands[0]);
    OpBuilder builder(mover);
    OperationState state(mover->getLoc(), mover->getName(), operands, typeOf(mover->getResult(0)).clone(BFloat16Type::get(mover->getContext())),
                         mover->getAttrs());
    moved.push_back(mover);
    return builder.create(state)->getResult(0);
  }

  bool isProductsInput(OpOperand &use) const { return use.getOperandNumber() == 0 && llvm::is_contained(products, use.getOwner()); }

  SmallVector<Operation *> products;
  DenseMap<Value, Value> halves;
  SmallVector<Operation *> moved; ///< what is now moved in bf16
};

struct Bf16ProductsPass : impl::Bf16ProductsPassBase<Bf16ProductsPass> {
  void runOnOperation() override { ProductRounder(getOperation()).run(); }
};
} // namespace

} // namespace fettle
