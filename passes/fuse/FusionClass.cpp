//===- FusionClass.cpp - how an op may be grouped with its neighbours -----===//

#include "passes/fuse/FusionClass.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

static int64_t elements(Value value) { return cast<RankedTensorType>(value.getType()).getNumElements(); }

/// Quantization with one scale for the tensor; with several, the scale is found by index.
template <typename OpTy> static FusionClass classOfQuantization(OpTy op) {
  return elements(op.getScale()) == 1 ? FusionClass::Pointwise : FusionClass::Movement;
}

FusionClass fusionClass(Operation *op) {
  return llvm::TypeSwitch<Operation *, FusionClass>(op)
      .Case<ConstantOp>([](auto) { return FusionClass::Constant; })
      .Case<UnaryOp, BinaryOp, CompareOp, SelectOp, ClampOp, CastOp, RescaleOp>([](auto) { return FusionClass::Pointwise; })
      .Case<QuantizeOp, DequantizeOp>([](auto op) { return classOfQuantization(op); })
      .Case<TransposeOp, BroadcastOp, ConcatOp, SliceOp, PadOp, TileOp, GatherOp, GatherElementsOp, GatherNdOp,
            ReverseSequenceOp>([](auto) { return FusionClass::Movement; })
      .Case<ReshapeOp>([](auto) { return FusionClass::Reshape; })
      .Case<MatMulOp, ConvOp>([](auto) { return FusionClass::Contraction; })
      .Case<PoolOp, ResizeOp, ConvTransposeOp>([](auto) { return FusionClass::Window; })
      .Case<SoftmaxOp, LayerNormOp, ReduceOp>([](auto) { return FusionClass::Row; })
      .Default([](Operation *) { return FusionClass::Whole; });
}

static bool isExpensiveKind(UnaryKind kind) {
  switch (kind) {
  case UnaryKind::identity:
  case UnaryKind::abs:
  case UnaryKind::neg:
  case UnaryKind::sign:
  case UnaryKind::floor:
  case UnaryKind::ceil:
  case UnaryKind::round:
  case UnaryKind::relu:
  case UnaryKind::hard_swish:
  case UnaryKind::hard_sigmoid:
  case UnaryKind::leaky_relu:
  case UnaryKind::thresholded_relu:
  case UnaryKind::shrink:
  case UnaryKind::logical_not:
  case UnaryKind::bitwise_not:
  case UnaryKind::is_nan:
  case UnaryKind::is_inf:
    return false;
  default:
    return true;
  }
}

bool isExpensive(Operation *op) {
  if (auto unary = dyn_cast<UnaryOp>(op))
    return isExpensiveKind(unary.getKind());
  if (auto binary = dyn_cast<BinaryOp>(op))
    return llvm::is_contained({BinaryKind::div, BinaryKind::mod, BinaryKind::fmod, BinaryKind::pow}, binary.getKind());
  FusionClass kind = fusionClass(op);
  return kind != FusionClass::Pointwise && kind != FusionClass::Movement && kind != FusionClass::Reshape &&
         kind != FusionClass::Constant;
}

double readsPerElement(OpOperand &use) {
  Operation *user = use.getOwner();
  // What a slice leaves out is never computed, and each element of a concatenation is read once.
  if (isa<SliceOp, ConcatOp, PadOp, TransposeOp, ReshapeOp>(user))
    return 1;
  double read = elements(use.get()), written = elements(user->getResult(0));
  return read == 0 ? 1 : std::max(1.0, written / read);
}

bool isSplittingReshape(ReshapeOp reshape) {
  ArrayRef<int64_t> from = reshape.getInput().getType().getShape(), to = reshape.getOutput().getType().getShape();
  // Match each input axis (other than 1) with a run of result axes of the same product.
  size_t next = 0;
  for (int64_t extent : from) {
    if (extent == 0)
      return false;
    int64_t product = 1;
    while (product < extent && next < to.size() && to[next] != 0)
      product *= to[next++];
    if (product != extent)
      return false;
  }
  return true;
}

} // namespace fettle
