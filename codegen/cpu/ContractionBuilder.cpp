//===- ContractionBuilder.cpp - matrix products in register tiles ---------===//
//
// A product [m, k] x [k, n] is walked in panels of columns and tiles of rows; a
// tile's accumulators live in registers over all of k (RegisterTile.h).
//
//   tile t of the kernel = (batch, panel, chunk of row tiles)
//
// Chunks run fastest when a panel of weights is large: it stays in the second-level
// cache while the rows stream by. When all weights are small, panels run fastest:
// the rows stay in the first level. The last row tile is moved back over its
// neighbour where rows do not divide evenly (rows are written twice, with equal
// values, by the same chunk).
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Pointwise.h"
#include "codegen/cpu/ConvolutionBuilder.h"
#include "codegen/cpu/KernelBuilders.h"
#include "codegen/cpu/LoopEmitter.h"
#include "codegen/cpu/PackWeights.h"
#include "codegen/cpu/PanelAgreement.h"
#include "codegen/cpu/RegisterTile.h"
#include "codegen/cpu/MemoryPlan.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;

namespace fettle::codegen {

Operation *findRoot(nn::KernelOp kernel) {
  for (Operation &op : kernel.getBody().front())
    if (!isa<nn::ConstantOp>(op) && !isPointwise(&op)) // what an epilogue reads may be dequantized before
      return &op;
  return nullptr;
}

Type accumulatorType(Type element) {
  if (element.isF64() || element.isInteger(64))
    return element.isF64() ? element : Type();
  if (isa<FloatType>(element))
    return Float32Type::get(element.getContext());
  auto integer = dyn_cast<IntegerType>(element);
  if (integer && (integer.getWidth() == 8 || integer.isSignless()) && integer.getWidth() <= 32 && integer.getWidth() >= 8)
    return IntegerType::get(element.getContext(), 32);
  return {};
}

namespace {

/// A batched product; batch extents as of the operands and of the result.
struct Product {
  int64_t m, n, k;
  ArrayRef<int64_t> lhsBatches, rhsBatches, batches;
  bool lhsIsTransposed;
};

} // namespace

static int64_t product(ArrayRef<int64_t> extents) {
  int64_t result = 1;
  for (int64_t extent : extents)
    result *= extent;
  return result;
}

static Product describeProduct(nn::MatMulOp op) {
  ArrayRef<int64_t> lhs = op.getLhs().getType().getShape(), rhs = op.getRhs().getType().getShape();
  ArrayRef<int64_t> out = op.getOutput().getType().getShape();
  Product p;
  p.lhsIsTransposed = op.getTransposeLhs();
  p.k = p.lhsIsTransposed ? lhs[lhs.size() - 2] : lhs.back();
  p.m = out[out.size() - 2];
  p.n = out.back();
  p.lhsBatches = lhs.drop_back(2);
  p.rhsBatches = rhs.drop_back(2);
  p.batches = out.drop_back(2);
  if (product(p.rhsBatches) == 1 && product(p.lhsBatches) == product(p.batches) && !p.lhsIsTransposed) {
    p.m *= product(p.batches); // one tall matrix
    p.lhsBatches = p.rhsBatches = p.batches = {};
  }
  return p;
}

/// Whether `value` is one of the kernel's operands with known bytes.
bool isConstantOperand(nn::KernelOp kernel, Value value) {
  auto argument = dyn_cast<BlockArgument>(value);
  return argument && storageRoot(kernel.getInputs()[argument.getArgNumber()]).getDefiningOp<nn::ConstantOp>();
}

static FailureOr<LoweredKernel> buildProduct(nn::KernelOp kernel, nn::MatMulOp op, const CpuTarget &target, OpBuilder &moduleBuilder) {
  auto lhs = dyn_cast<BlockArgument>(op.getLhs());
  auto rhs = dyn_cast<BlockArgument>(op.getRhs());
  auto bias = dyn_cast_or_null<BlockArgument>(op.getBias());
  FailureOr<Epilogue> epilogue = Epilogue::match(kernel, op);
  Type accumulator = accumulatorType(op.getLhs().getType().getElementType());
  if (!lhs || !rhs || (op.getBias() && !bias) || failed(epilogue) || !accumulator)
    return failure();
  Product p = describeProduct(op);
  if (p.k == 0 || op.getOutput().getType().getNumElements() == 0)
    return failure();
  bool isPacked = isConstantOperand(kernel, rhs);
  if (op.getTransposeRhs() && !isPacked)
    return failure();
  if (bias && op.getBias().getType().getNumElements() != p.n)
    return failure();

  Type rhsElement = isPacked ? Type() : op.getRhs().getType().getElementType();
  Type lhsElement = op.getLhs().getType().getElementType();
  std::optional<DotProduct> dot;
  if (isPacked && !p.lhsIsTransposed)
    dot = DotProduct::choose(target, lhsElement, op.getRhs().getType().getElementType());
  RegisterTile tile = RegisterTile::choose(target, accumulator, p.m, p.n, lhsElement, rhsElement, dot, isPacked ? agreedPanelVectors(kernel) : 0);
  tile.lhsZeroPoint = int64_t(op.getZeroPoint());

  LoweredKernel lowered;
  SmallVector<MemRefType> packedTypes(kernel.getInputs().size());
  PackedWeights weights;
  if (isPacked) {
    ZeroPointTable table = tile.zeroPointTable(1, [](int64_t, int64_t) { return true; }, "sums");
    weights = tile.pack(rhs.getArgNumber(), viewMatrixWeights(op.getRhs().getType(), op.getTransposeRhs()), p.k, table);
    packedTypes[rhs.getArgNumber()] = weights.packing.packedType;
    lowered.packings.push_back(weights.packing);
  }
  KernelFrame frame(kernel, moduleBuilder, packedTypes);
  ImplicitLocOpBuilder &b = frame.b;
  epilogue->prepare(frame, target);
  tile.lhs = flatten(b, frame.buffer(lhs));
  tile.rhs = flatten(b, frame.buffer(rhs));
  Value biasBuffer = bias ? flatten(b, frame.buffer(bias)) : Value();
  auto index = [&](int64_t value) -> Value { return arith::ConstantIndexOp::create(b, value); };
  auto mul = [&](Value value, int64_t factor) -> Value { return arith::MulIOp::create(b, value, index(factor)); };
  auto add = [&](Value x, Value y) -> Value { return arith::AddIOp::create(b, x, y); };
  Value mask = tile.emitTailMask(b);

  int64_t rowTiles = llvm::divideCeil(p.m, tile.shape.rows), panels = tile.panels();
  int64_t stepsOfRowTile = tile.shape.rows * tile.packedSize(p.k) / (tile.dot ? 4 : 1); // four bytes of weights take as long as an f32
  int64_t chunk = std::clamp<int64_t>((1 << 18) / stepsOfRowTile, 1, rowTiles), chunks = llvm::divideCeil(rowTiles, chunk);
  bool panelsRunFastest = panels * tile.packedSize(p.k) * (tile.dot ? 1 : 4) <= (256 << 10);
  lowered.tiles = product(p.batches) * panels * chunks;

  auto tiles = scf::ForOp::create(b, frame.begin(), frame.end(), index(1));
  b.setInsertionPointToStart(tiles.getBody());
  Value id = tiles.getInductionVar();
  int64_t fast = panelsRunFastest ? panels : chunks, slow = panelsRunFastest ? chunks : panels;
  Value fastId = arith::RemUIOp::create(b, id, index(fast)), rest = arith::DivUIOp::create(b, id, index(fast));
  Value slowId = arith::RemUIOp::create(b, rest, index(slow)), batch = arith::DivUIOp::create(b, rest, index(slow));
  Value panel = panelsRunFastest ? fastId : slowId, chunkId = panelsRunFastest ? slowId : fastId;

  Value firstColumn = tile.emitFirstColumn(b, panel);
  int64_t rhsStepStride = isPacked ? tile.panelColumns() : p.n;
  Value rhsBatch = emitBroadcastIndex(b, p.rhsBatches, p.batches, batch);
  Value place = add(panel, mul(rhsBatch, panels)); // of packed weights
  Value rhsBase = isPacked ? mul(place, tile.packedSize(p.k)) : add(firstColumn, mul(rhsBatch, p.k * p.n));
  Value firstTile = mul(chunkId, chunk);
  Value lastTile = arith::MinSIOp::create(b, add(firstTile, index(chunk)), index(rowTiles));
  auto rows = scf::ForOp::create(b, firstTile, lastTile, index(1));
  b.setInsertionPointToStart(rows.getBody());
  Value row = arith::MinSIOp::create(b, mul(rows.getInductionVar(), tile.shape.rows), index(p.m - tile.shape.rows));
  int64_t rowStride = p.lhsIsTransposed ? 1 : p.k, stepStride = p.lhsIsTransposed ? p.m : 1;
  Value lhsBatch = emitBroadcastIndex(b, p.lhsBatches, p.batches, batch);
  Value lhsBase = add(mul(row, rowStride), mul(lhsBatch, p.m * p.k));
  TilePrefetch prefetch(p.k / tile.stepsAtOnce(), isPacked ? tile.packedSize(p.k) : p.k * rhsStepStride);
  if (isPacked && !panelsRunFastest && rowTiles > 1) {
    Value next = mul(minIndex(b, add(place, index(1)), index(product(p.rhsBatches) * panels - 1)), tile.packedSize(p.k));
    prefetch.addWeights(b, tile.rhs, next, rows.getInductionVar(), rowTiles);
  }
  Value outputRow = add(row, mul(batch, p.m));
  prefetch.addResults(*epilogue, outputRow, tile.shape.rows, firstColumn, std::min(tile.panelColumns(), p.n));
  auto sums = tile.emitSteps(b, tile.emitStart(b), p.k, lhsBase, rowStride, stepStride, rhsBase, rhsStepStride, mask, {}, prefetch);
  if (weights.tableBytes > 0)
    for (int64_t i = 0; i < tile.shape.rows; ++i)
      tile.emitAddZeroPoint(b, sums, i, add(mul(place, weights.tableBytes), index(weights.tableOffset)));
  firstColumn = emitOpaque(b, firstColumn);
  if (bias)
    tile.emitAddBias(b, sums, biasBuffer, op.getBias().getType().getElementType(), firstColumn, mask);
  tile.emitFinish(frame, *epilogue, sums, outputRow, firstColumn, mask);
  lowered.function = frame.function;
  return lowered;
}

FailureOr<LoweredKernel> buildContraction(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  Operation *root = findRoot(kernel);
  if (auto matmul = dyn_cast_or_null<nn::MatMulOp>(root))
    return buildProduct(kernel, matmul, target, b);
  if (auto conv = dyn_cast_or_null<nn::ConvOp>(root))
    return buildConvolution(kernel, conv, target, b);
  return failure();
}

} // namespace fettle::codegen
