//===- RoundedSum.cpp - what is added up before it is rounded --------------===//

#include "passes/quantize/RoundedSum.h"

using namespace mlir;

namespace fettle {

namespace {
class Walk {
public:
  Walk(llvm::function_ref<bool(OpOperand &)> isBytes, llvm::function_ref<bool(Operation *)> isProduct)
      : isBytes(isBytes), isProduct(isProduct) {}

  /// False where something is neither a sum nor a term of one.
  bool visit(Value value, bool isMoved) {
    Operation *op = value.getDefiningOp();
    if (!op)
      return false;
    if (isProduct(op))
      return addProduct(op, isMoved);
    if (isa<nn::ReshapeOp, nn::TransposeOp>(op))
      return follow(op->getOpOperand(0), true);
    auto function = dyn_cast<nn::UnaryOp>(op);
    if (isa<nn::ClampOp>(op) || (function && function.getKind() == nn::UnaryKind::relu))
      return follow(op->getOpOperand(0), isMoved);
    auto sum = dyn_cast<nn::BinaryOp>(op);
    return sum && (sum.getKind() == nn::BinaryKind::add || sum.getKind() == nn::BinaryKind::sub) &&
           follow(op->getOpOperand(0), isMoved) && follow(op->getOpOperand(1), isMoved);
  }

  RoundedSum result;

private:
  bool follow(OpOperand &use, bool isMoved) {
    if (!isBytes(use))
      return visit(use.get(), isMoved);
    result.bytes.push_back(use.get());
    return true;
  }

  bool addProduct(Operation *op, bool isMoved) {
    anyMoved |= isMoved;
    // Several have to agree about what a channel is.
    if (!result.products.empty() &&
        (anyMoved || llvm::is_contained(result.products, op) || op->getName() != result.products.front()->getName() ||
         op->getResult(0).getType() != result.products.front()->getResult(0).getType()))
      return false;
    result.products.push_back(op);
    return true;
  }

  llvm::function_ref<bool(OpOperand &)> isBytes;
  llvm::function_ref<bool(Operation *)> isProduct;
  bool anyMoved = false;
};
} // namespace

std::optional<RoundedSum> RoundedSum::of(Value value, llvm::function_ref<bool(OpOperand &)> isBytes,
                                         llvm::function_ref<bool(Operation *)> isProduct) {
  Walk walk(isBytes, isProduct);
  return walk.visit(value, false) ? std::optional(walk.result) : std::nullopt;
}

} // namespace fettle
