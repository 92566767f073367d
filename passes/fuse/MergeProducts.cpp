//===- MergeProducts.cpp - matrix products that share an input ------------===//
//
// Queries, keys and values are three products of one input. As one product with
// their weights side by side the input is read once and the tiles are full:
//   x Wq, x Wk, x Wv  =  slices of  x [Wq Wk Wv]
// A slice costs nothing where its reader computes addresses anyway, so only products
// that are read by movement are merged: an activation behind a product is worth more in its epilogue.
//
//===----------------------------------------------------------------------===//

#include "ir/support/Origin.h"
#include "passes/ConstantValue.h"
#include "passes/OpFactory.h"
#include "passes/fuse/Passes.h"
#include "llvm/ADT/MapVector.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

#define GEN_PASS_DEF_MERGEPRODUCTSPASS
#include "passes/fuse/Passes.h.inc"

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// The axis of a product's weights that is its result's last.
static int64_t outputAxis(MatMulOp op) { return op.getTransposeRhs() ? 0 : 1; }

/// x W [+ b] with weights and a bias of its own, read by movement alone.
static bool isMergeable(MatMulOp op) {
  Value weights = op.getRhs(), bias = op.getBias();
  auto isOwnConstant = [](Value value) { return value.getDefiningOp<ConstantOp>() && value.hasOneUse(); };
  if (op.getTransposeLhs() || op.getZeroPoint() != 0 || typeOf(weights).getRank() != 2 || !isOwnConstant(weights) || op.getLhs() == weights)
    return false;
  if (bias && (typeOf(bias).getRank() != 1 || typeOf(bias).getNumElements() != typeOf(weights).getDimSize(outputAxis(op)) || !bias.getDefiningOp<ConstantOp>()))
    return false;
  return llvm::all_of(op->getUsers(), [](Operation *user) { return isa<ReshapeOp, TransposeOp, SliceOp>(user); });
}

static void mergeProducts(ArrayRef<MatMulOp> products) {
  MatMulOp first = products.front();
  OpBuilder builder(first);
  SmallVector<Value> weights, biases;
  SmallVector<Location> locations;
  bool hasBias = llvm::any_of(products, [](MatMulOp op) { return Value(op.getBias()) != nullptr; });
  Type element = typeOf(first.getOutput()).getElementType();
  for (MatMulOp op : products) {
    int64_t width = typeOf(op.getRhs()).getDimSize(outputAxis(op));
    locations.push_back(op.getLoc());
    // Constants may stand anywhere before their readers.
    weights.push_back(builder.clone(*op.getRhs().getDefiningOp())->getResult(0));
    if (op.getBias())
      biases.push_back(builder.clone(*op.getBias().getDefiningOp())->getResult(0));
    else if (hasBias)
      biases.push_back(makeConstant(builder, op.getLoc(), HostTensor(RankedTensorType::get({width}, element)), "zero"));
  }
  Location location = fuseLocations(first.getContext(), locations);
  Value merged = ConcatOp::create(builder, location, weights, outputAxis(first)).getOutput();
  Value bias = hasBias ? ConcatOp::create(builder, location, biases, /*axis=*/0).getOutput() : Value();
  Value product = MatMulOp::create(builder, location, first.getLhs(), merged, bias, false, first.getTransposeRhs()).getOutput();
  int64_t start = 0;
  for (MatMulOp op : products) {
    auto type = typeOf(op.getOutput());
    SmallVector<int64_t> starts(type.getRank(), 0), sizes(type.getShape()), steps(type.getRank(), 1);
    starts.back() = start;
    start += sizes.back();
    op.getOutput().replaceAllUsesWith(SliceOp::create(builder, op.getLoc(), product, starts, sizes, steps).getOutput());
  }
  for (MatMulOp op : products) // last, for the slices stand before the first
    op.erase();
}

namespace {
struct MergeProducts : impl::MergeProductsPassBase<MergeProducts> {
  void runOnOperation() override {
    // By input, and by how the weights lie; how many rows they have follows from the input.
    llvm::MapVector<std::pair<Value, int64_t>, SmallVector<MatMulOp>> byInput;
    getOperation().walk([&](MatMulOp op) {
      if (isMergeable(op))
        byInput[{op.getLhs(), outputAxis(op)}].push_back(op);
    });
    for (auto &[input, products] : byInput)
      if (products.size() > 1)
        mergeProducts(products);
  }
};
} // namespace

} // namespace fettle
