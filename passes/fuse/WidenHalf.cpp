//===- WidenHalf.cpp - half precision computed in single ------------------===//
//
// No target here multiplies numbers of 16 bits: each would be widened where it is
// read, in the innermost loop, as often as it is read. Widened once, behind what
// stores it,
//   conv(f16) -> f16, conv(f16)  becomes  conv(f32) -> f32, conv(f32)
// a convolution reads what it multiplies. Sums and products were rounded to 16 bits
// only between ops, and are now not: results differ by less than that rounding, and
// no value between overflows. Casts of the model itself still round.
//
// What only moves half precision from constants or inputs (a table of embeddings)
// goes on moving 16 bits, and is widened behind.
//
//===----------------------------------------------------------------------===//

#include "passes/fuse/FusionClass.h"
#include "passes/fuse/Passes.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_WIDENHALFPASS
#include "passes/fuse/Passes.h.inc"

static bool isHalf(Value value) {
  auto type = dyn_cast<RankedTensorType>(value.getType());
  return type && isa<Float16Type, BFloat16Type>(type.getElementType());
}

namespace {
class HalfWidener {
public:
  void widen(func::FuncOp function) {
    SmallVector<Operation *> ops;
    for (Operation &op : function.getBody().front())
      if (isWidened(&op)) {
        widen(&op);
        ops.push_back(&op);
      }
    for (Operation *op : llvm::reverse(ops))
      op->erase();
    for (auto [half, wide] : llvm::reverse(twins))
      for (Operation *cast : {half.getDefiningOp(), wide.getDefiningOp()})
        if (isa_and_nonnull<CastOp>(cast) && cast->use_empty())
          cast->erase();
  }

private:
  /// Whether `op` is to read and give single precision. Its operands were seen before.
  bool isWidened(Operation *op) const {
    if (!isa<NnOpInterface>(op) || op->getNumRegions() != 0 || isa<ConstantOp, CastOp, QuantizeOp, DequantizeOp>(op))
      return false;
    FusionClass kind = fusionClass(op);
    if (kind == FusionClass::Movement || kind == FusionClass::Reshape)
      return llvm::any_of(op->getOperands(), [&](Value operand) { return computed.contains(operand); });
    return llvm::any_of(op->getOperands(), isHalf) || llvm::any_of(op->getResults(), isHalf);
  }

  /// `half` in single precision.
  Value twin(Value half) {
    auto [it, isNew] = twins.insert({half, Value()});
    if (!isNew)
      return it->second;
    OpBuilder builder(half.getContext());
    builder.setInsertionPointAfterValue(half);
    Value wide = CastOp::create(builder, half.getLoc(), single(half.getType()), half);
    return twins[half] = wide;
  }

  static Type single(Type type) { return cast<RankedTensorType>(type).clone(Float32Type::get(type.getContext())); }

  void widen(Operation *op) {
    OpBuilder builder(op);
    IRMapping wide;
    for (Value operand : op->getOperands())
      if (isHalf(operand))
        wide.map(operand, twin(operand));
    Operation *clone = builder.clone(*op, wide);
    for (auto [result, wideResult] : llvm::zip_equal(op->getResults(), clone->getResults())) {
      Value same = wideResult;
      if (isHalf(result)) {
        wideResult.setType(single(result.getType()));
        same = CastOp::create(builder, op->getLoc(), result.getType(), wideResult);
        twins.insert({same, wideResult});
        computed.insert(same);
      }
      result.replaceAllUsesWith(same);
    }
  }

  llvm::MapVector<Value, Value> twins; ///< of half precision: the same in single
  DenseSet<Value> computed;            ///< of `twins`, those that ops in single precision give
};

struct WidenHalfPass : impl::WidenHalfPassBase<WidenHalfPass> {
  void runOnOperation() override { HalfWidener().widen(getOperation()); }
};
} // namespace

} // namespace fettle
