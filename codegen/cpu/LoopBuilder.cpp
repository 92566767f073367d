//===- LoopBuilder.cpp - loop nests over a kernel's results ---------------===//
//
// The builder that takes every kernel: each result element is computed where it
// is written, by ElementEmitter. Results of one shape share their loops. The
// innermost loop runs in vectors where everything it reads is contiguous or
// constant along it. Where all is contiguous along an outer loop instead, as in
// a transpose, squares of the two loops are computed in vectors along the outer
// one and transposed in registers: both loads and stores are whole vectors.
// What is left runs in scalars.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/ElementEmitter.h"
#include "codegen/cpu/KernelBuilders.h"
#include "codegen/cpu/NestEmitter.h"
#include "codegen/cpu/TransposeLanes.h"
#include "mlir/Dialect/SCF/IR/SCF.h"

using namespace mlir;

namespace fettle::codegen {

/// Operations of one tile: enough to hide the cost of handing it to a thread.
static constexpr double operationsPerTile = 1 << 17;
/// Lanes of a square that is transposed in registers: rows and shuffles must fit them.
static constexpr int64_t maxSquare = 16;
static constexpr int64_t maxTiles = 1024;

namespace {
/// A piece with what is known of it before it is emitted for good.
struct PlannedPiece {
  LoopPiece piece;
  SmallVector<unsigned> results;
  int64_t lanes = 0;                 ///< of vectors along the innermost loop; 0: scalars
  int64_t square = 0;                ///< of squares of the innermost loop and squareLoop; 0: none
  unsigned squareLoop = 0;
  double operations = 0;             ///< of the whole piece
  unsigned chunkedLoop = 0;          ///< tiles split the loops up to this one
  int64_t chunk = 1, chunks = 1;     ///< of that loop
  int64_t tiles = 1;
};
} // namespace

/// Operations that one run of `block` takes, loops of known length included.
static double countOperations(Block &block) {
  double count = 0;
  for (Operation &op : block) {
    if (isa<arith::ConstantOp>(op))
      continue;
    double trips = 1;
    if (auto loop = dyn_cast<scf::ForOp>(op)) {
      auto upper = getConstantIntValue(loop.getUpperBound());
      trips = upper ? double(*upper) : 1;
    }
    count += 1;
    for (Region &region : op.getRegions())
      for (Block &inner : region)
        count += trips * countOperations(inner);
  }
  return count;
}

/// Lanes of the widest type that the kernel computes with, in one register; in four where elements
/// are sums, for a chain of additions needs others beside it to keep the adders busy.
static int64_t lanesFor(nn::KernelOp kernel, const CpuTarget &target) {
  unsigned bits = 8;
  kernel.getBody().walk([&](Operation *op) {
    for (auto [i, operand] : llvm::enumerate(op->getOperands())) {
      bool isIndex = isa<nn::GatherOp, nn::GatherElementsOp, nn::GatherNdOp>(op) && i == 1;
      if (!isIndex)
        bits = std::max(bits, computeType(elementOf(operand)).getIntOrFloatBitWidth());
    }
  });
  bool isSum = false;
  kernel.getBody().walk([&](Operation *op) {
    isSum |= isa<nn::ConvOp, nn::ConvTransposeOp, nn::MatMulOp, nn::PoolOp, nn::ReduceOp, nn::AttentionOp>(op);
  });
  return target.vectorBytes * 8 / bits * (isSum ? 4 : 1);
}

/// Runs `emit` on a function that is thrown away; gives the operations it took.
static double runTrial(nn::KernelOp kernel, const StorageOrders &orders, llvm::function_ref<void(NestEmitter &, IndexSpace &)> emit) {
  OwningOpRef<ModuleOp> scratch = ModuleOp::create(kernel.getLoc());
  OpBuilder builder = OpBuilder::atBlockEnd(scratch->getBody());
  KernelFrame frame(kernel, builder);
  NestEmitter emitter(kernel, frame, orders);
  IndexSpace space(frame.b);
  emit(emitter, space);
  return countOperations(frame.function.getBody().front());
}

static void divideIntoTiles(PlannedPiece &planned) {
  SmallVector<LoopPiece::Loop> loops = planned.piece.loops();
  int64_t wanted = std::clamp<int64_t>(std::llround(planned.operations / operationsPerTile), 1, maxTiles);
  int64_t outer = 1;
  if (loops.empty())
    return;
  while (planned.chunkedLoop + 1 < loops.size() && outer * loops[planned.chunkedLoop].extent < wanted)
    outer *= loops[planned.chunkedLoop++].extent;
  int64_t extent = loops[planned.chunkedLoop].extent;
  int64_t pieces = std::min(extent, (wanted + outer - 1) / outer);
  planned.chunk = (extent + pieces - 1) / pieces;
  // A chunk of the vectorized loop is a whole number of cache lines and vectors.
  if (planned.chunkedLoop + 1 == loops.size() && pieces > 1)
    planned.chunk = std::min<int64_t>(extent, llvm::alignTo(planned.chunk, 64));
  else if (planned.square && planned.chunkedLoop == planned.squareLoop && pieces > 1)
    planned.chunk = std::min<int64_t>(extent, llvm::alignTo(planned.chunk, planned.square));
  planned.chunks = (extent + planned.chunk - 1) / planned.chunk;
  planned.tiles = outer * planned.chunks;
}

static Value emitFor(ImplicitLocOpBuilder &b, Value from, Value to, int64_t step, llvm::function_ref<void(Value)> body) {
  auto loop = scf::ForOp::create(b, from, to, arith::ConstantIndexOp::create(b, step));
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  body(loop.getInductionVar());
  return loop.getInductionVar();
}

namespace {
/// Writes the loops of one piece for one tile.
class NestWriter {
public:
  NestWriter(NestEmitter &emitter, const PlannedPiece &planned)
      : emitter(emitter), planned(planned), b(emitter.b), loops(planned.piece.loops()), variables(loops.size()) {}

  /// `tile` counts from the piece's first.
  void write(Value tile) {
    Value rest = tile, chunks = constant(planned.chunks);
    Value chunkIndex = planned.chunks == 1 ? constant(0) : Value(arith::RemUIOp::create(b, rest, chunks));
    if (planned.chunks > 1)
      rest = arith::DivUIOp::create(b, rest, chunks);
    for (unsigned i = planned.chunkedLoop; i-- > 0;) {
      Value extent = constant(loops[i].extent);
      variables[i] = i == 0 ? rest : Value(arith::RemUIOp::create(b, rest, extent));
      rest = i == 0 ? rest : Value(arith::DivUIOp::create(b, rest, extent));
    }
    if (loops.empty())
      return emitBody(0);
    Value lower = arith::MulIOp::create(b, chunkIndex, constant(planned.chunk));
    Value extent = constant(loops[planned.chunkedLoop].extent);
    Value upper = extent;
    if (planned.chunks > 1)
      upper = arith::MinUIOp::create(b, Value(arith::AddIOp::create(b, lower, constant(planned.chunk))), extent);
    else
      lower = constant(0);
    writeLoop(planned.chunkedLoop, lower, upper);
  }

private:
  Value constant(int64_t v) { return arith::ConstantIndexOp::create(b, v); }

  void emitBody(int64_t lanes) {
    IndexSpace space(b);
    emitter.emitBody(planned.piece, planned.results, variables, {lanes, unsigned(loops.size()) - 1}, space);
  }

  /// `square` x `square` elements from the variables on, computed along squareLoop and stored along the innermost.
  void emitSquare() {
    unsigned outer = planned.squareLoop, inner = loops.size() - 1;
    Value outerStart = variables[outer], innerStart = variables[inner];
    std::vector<SmallVector<Value>> columns(planned.results.size());
    for (int64_t i = 0; i < planned.square; ++i) {
      variables[inner] = arith::AddIOp::create(b, innerStart, constant(i));
      IndexSpace space(b);
      SmallVector<Value> values = emitter.emitValues(planned.piece, planned.results, variables, {planned.square, outer}, space);
      for (auto [column, value] : llvm::zip_equal(columns, values))
        column.push_back(value);
    }
    for (SmallVector<Value> &column : columns)
      column = emitTransposeLanes(b, column);
    variables[inner] = innerStart;
    for (int64_t i = 0; i < planned.square; ++i) {
      variables[outer] = arith::AddIOp::create(b, outerStart, constant(i));
      SmallVector<Value> rows;
      for (SmallVector<Value> &column : columns)
        rows.push_back(column[i]);
      IndexSpace space(b);
      space.setIteration(planned.piece.extents, planned.piece.isJoined);
      emitter.emitStores(planned.piece, planned.results, variables, {planned.square, inner}, rows, space);
    }
    variables[outer] = outerStart;
  }

  void writeLoop(unsigned depth, Value lower, Value upper) {
    bool isInnermost = depth + 1 == loops.size();
    auto inside = [&] {
      if (isInnermost)
        emitBody(0);
      else
        writeLoop(depth + 1, constant(0), constant(loops[depth + 1].extent));
    };
    int64_t extent = loops[depth].extent, done = 0;
    if (!isInnermost) {
      if (planned.square && depth == planned.squareLoop) {
        done = extent / planned.square * planned.square;
        isInSquare = true;
        writeRange(depth, lower, upper, 0, done, planned.square, inside);
        if (done < extent && isWhole(depth)) {
          writeLast(depth, planned.square, inside);
          done = extent;
        }
        isInSquare = false;
      }
      writeRange(depth, lower, upper, done, extent, 1, inside);
      return;
    }
    if (isInSquare) {
      done = extent / planned.square * planned.square;
      writeRange(depth, lower, upper, 0, done, planned.square, [&] { emitSquare(); });
      if (done < extent && isWhole(depth))
        return writeLast(depth, planned.square, [&] { emitSquare(); });
      writeRange(depth, lower, upper, done, extent, 1, [&] {
        Value start = variables[planned.squareLoop];
        emitFor(b, constant(0), constant(planned.square), 1, [&](Value i) {
          variables[planned.squareLoop] = arith::AddIOp::create(b, start, i);
          emitBody(0);
        });
        variables[planned.squareLoop] = start;
      });
      return;
    }
    if (planned.lanes && isWhole(depth)) {
      done = extent / planned.lanes * planned.lanes;
      writeRange(depth, lower, upper, 0, done, planned.lanes, [&] { emitBody(planned.lanes); });
      if (done < extent) {
        int64_t lanes = std::max<int64_t>(4, llvm::PowerOf2Ceil(extent - done));
        writeLast(depth, lanes, [&] { emitBody(lanes); });
      }
      return;
    }
    // A chunk may end anywhere: vectors as far as they go, then ever shorter ones, then scalars.
    for (int64_t lanes = planned.lanes; lanes >= 4; lanes /= 2) {
      int64_t end = done + (extent - done) / lanes * lanes;
      writeRange(depth, lower, upper, done, end, lanes, [&] { emitBody(lanes); });
      done = end;
    }
    writeRange(depth, lower, upper, done, extent, 1, inside);
  }

  /// True unless tiles take only a part of this loop each.
  bool isWhole(unsigned depth) const { return depth != planned.chunkedLoop || planned.chunks == 1; }

  /// The last `step` positions of a whole loop, some of which were written before: they get the same values again.
  void writeLast(unsigned depth, int64_t step, llvm::function_ref<void()> body) {
    variables[depth] = constant(loops[depth].extent - step);
    body();
  }

  /// The part of [lower, upper) that lies in [begin, end), in steps of `step`.
  void writeRange(unsigned depth, Value lower, Value upper, int64_t begin, int64_t end, int64_t step, llvm::function_ref<void()> body) {
    if (begin == end)
      return;
    Value from = isWhole(depth) ? constant(begin) : Value(arith::MaxUIOp::create(b, lower, constant(begin)));
    Value to = isWhole(depth) ? constant(end) : Value(arith::MinUIOp::create(b, upper, constant(end)));
    emitFor(b, from, to, step, [&](Value variable) {
      variables[depth] = variable;
      body();
    });
  }

  NestEmitter &emitter;
  const PlannedPiece &planned;
  ImplicitLocOpBuilder &b;
  SmallVector<LoopPiece::Loop> loops;
  SmallVector<Value> variables;
  bool isInSquare = false;
};
} // namespace

/// Results by shape, in order of appearance.
static std::vector<SmallVector<unsigned>> groupByShape(nn::KernelOp kernel) {
  std::vector<SmallVector<unsigned>> groups;
  for (unsigned i = 0; i < kernel->getNumResults(); ++i) {
    ArrayRef<int64_t> shape = shapeOf(kernel->getResult(i));
    auto same = llvm::find_if(groups, [&](auto &group) { return shapeOf(kernel->getResult(group.front())) == shape; });
    if (same != groups.end())
      same->push_back(i);
    else if (ShapedType::getNumElements(shape) > 0)
      groups.push_back({i});
  }
  return groups;
}

/// Vectors along the innermost loop if that can be, else squares with another loop.
static void chooseVectors(PlannedPiece &planned, nn::KernelOp kernel, const StorageOrders &orders, const CpuTarget &target) {
  const LoopPiece &piece = planned.piece;
  SmallVector<LoopPiece::Loop> loops = piece.loops();
  if (loops.empty())
    return;
  auto lanesWithin = [&](int64_t lanes, int64_t extent) {
    while (lanes >= 4 && lanes > extent)
      lanes /= 2;
    return lanes >= 4 ? lanes : 0;
  };
  unsigned innermost = loops.size() - 1;
  int64_t lanes = lanesWithin(lanesFor(kernel, target), loops[innermost].extent);
  if (!lanes)
    return;
  bool fits = false;
  runTrial(kernel, orders, [&](NestEmitter &emitter, IndexSpace &space) {
    emitter.emitBody(piece, planned.results, {}, {lanes, innermost}, space);
    fits = !space.needsScalars;
  });
  if (fits) {
    planned.lanes = lanes;
    return;
  }
  for (unsigned outer = innermost; outer-- > 0 && !planned.square;) {
    int64_t square = lanesWithin(std::min(lanes, maxSquare), loops[outer].extent);
    if (!square)
      continue;
    runTrial(kernel, orders, [&](NestEmitter &emitter, IndexSpace &space) {
      SmallVector<Value> values = emitter.emitValues(piece, planned.results, {}, {square, outer}, space);
      // Where a cut has fixed an axis behind it, the innermost loop does not run along neighbours either.
      emitter.emitStores(piece, planned.results, {}, {square, innermost}, values, space);
      if (!space.needsScalars) {
        planned.square = square;
        planned.squareLoop = outer;
      }
    });
  }
}

static std::vector<PlannedPiece> planPieces(nn::KernelOp kernel, const StorageOrders &orders, const CpuTarget &target) {
  std::vector<PlannedPiece> plan;
  for (const SmallVector<unsigned> &results : groupByShape(kernel)) {
    std::vector<LoopPiece> pieces = planLoops(shapeOf(kernel->getResult(results.front())), [&](const LoopPiece &piece) {
      LoopTrial trial;
      runTrial(kernel, orders, [&](NestEmitter &emitter, IndexSpace &space) {
        emitter.emitBody(piece, results, {}, {}, space);
        trial = {space.factorWishes, space.cutWishes, space.mustPart};
      });
      return trial;
    });
    for (LoopPiece &piece : pieces) {
      PlannedPiece planned{piece, results};
      double operations =
          runTrial(kernel, orders, [&](NestEmitter &emitter, IndexSpace &space) { emitter.emitBody(piece, results, {}, {}, space); });
      chooseVectors(planned, kernel, orders, target);
      double lanes = std::max<int64_t>({1, planned.lanes, planned.square});
      planned.operations = operations * double(ShapedType::getNumElements(piece.extents)) / lanes;
      divideIntoTiles(planned);
      plan.push_back(std::move(planned));
    }
  }
  return plan;
}

FailureOr<LoweredKernel> buildLoops(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &builder) {
  std::optional<std::string> why;
  kernel.getBody().walk([&](Operation *op) {
    if (!why && !isa<nn::YieldOp>(op))
      why = ElementEmitter::whyNot(op);
  });
  if (why)
    return kernel.emitError(*why);

  StorageOrders orders = chooseStorageOrders(kernel);
  std::vector<PlannedPiece> plan = planPieces(kernel, orders, target);
  LoweredKernel lowered;
  SmallVector<MemRefType> packedTypes(kernel.getInputs().size());
  for (const auto &[weight, axes] : orders) {
    lowered.packings.push_back(packInOrder(weight, axes));
    packedTypes[weight.getArgNumber()] = lowered.packings.back().packedType;
  }
  KernelFrame frame(kernel, builder, packedTypes);
  lowered.function = frame.function;
  NestEmitter emitter(kernel, frame, orders);
  ImplicitLocOpBuilder &b = frame.b;
  int64_t firstTile = 0;
  for (const PlannedPiece &planned : plan) {
    // The tiles of this piece are [first, first + count) of all.
    Value first = arith::ConstantIndexOp::create(b, firstTile);
    Value from = arith::MaxUIOp::create(b, frame.begin(), first);
    Value to = arith::MinUIOp::create(b, frame.end(), Value(arith::ConstantIndexOp::create(b, firstTile + planned.tiles)));
    emitFor(b, from, to, 1, [&](Value tile) {
      NestWriter(emitter, planned).write(arith::SubIOp::create(b, tile, first));
    });
    firstTile += planned.tiles;
  }
  lowered.tiles = std::max<int64_t>(1, firstTile);
  return lowered;
}

} // namespace fettle::codegen
