//===- GoldenInputs.cpp - the random sample in an artifact ----------------===//

#include "tools/fettle/GoldenInputs.h"
#include "ir/nn/Nn.h"
#include "llvm/ADT/DenseSet.h"

using namespace mlir;

namespace fettle::cli {

/// The smallest extent that the elements of `value` index, as they are or moved; `limit` if none is smaller.
static int64_t indexedExtent(Value value, int64_t limit) {
  llvm::DenseSet<Value> seen;
  SmallVector<Value> stack = {value};
  while (!stack.empty()) {
    Value at = stack.pop_back_val();
    if (!seen.insert(at).second)
      continue;
    for (OpOperand &use : at.getUses()) {
      Operation *user = use.getOwner();
      if (auto gather = dyn_cast<nn::GatherOp>(user); gather && use.getOperandNumber() == 1)
        limit = std::min(limit, gather.getInput().getType().getDimSize(gather.getAxis()));
      else if (isa<nn::CastOp, nn::ReshapeOp, nn::TransposeOp, nn::SliceOp, nn::BroadcastOp, nn::ConcatOp>(user))
        stack.push_back(user->getResult(0));
    }
  }
  return limit;
}

std::vector<calibration::InputSpec> describeNoise(func::FuncOp main) {
  std::vector<calibration::InputSpec> specs;
  for (BlockArgument argument : main.getArguments()) {
    calibration::InputSpec spec;
    if (auto name = main.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.name"))
      spec.name = name.str();
    spec.type = cast<RankedTensorType>(argument.getType());
    spec.limit = std::max<int64_t>(indexedExtent(argument, spec.limit), 1);
    specs.push_back(spec);
  }
  return specs;
}

} // namespace fettle::cli
