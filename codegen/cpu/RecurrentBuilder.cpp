//===- RecurrentBuilder.cpp - LSTM, GRU and simple recurrent layers -------===//
//
// A step needs W x(t) + R h(t-1) + b for all gates. W x does not wait for the
// state, so it is computed for a block of steps at once, as a register tile of
// several rows; R h is added in front of each step, and the gates' functions run
// on whole vectors of the state:
//
//   for each block of steps:
//     pre[step][gate][j] = bias + W x
//     for each step in it:
//       pre[step] += R h            (GRU's candidate: R (r h), or r (R h + Rb))
//       h, c = functions of pre[step]
//
// A tile is a block of sequences, which are independent. Few sequences: one per
// tile, and blocks of time steps fill the register tile. Many: the block's rows
// fill it. The last block of sequences is moved back over its neighbour; what is
// computed twice is equal.
//
// A kernel may hold several layers (pair-directions): their tiles follow each other, so that threads share them.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/PointwiseFamilies.h"
#include "codegen/common/VectorMath.h"
#include "codegen/cpu/KernelBuilders.h"
#include "codegen/cpu/RecurrentWeights.h"
#include "codegen/cpu/TiledProduct.h"

using namespace mlir;

namespace fettle::codegen {

/// Time steps whose input products are computed at once when a tile holds one sequence.
static constexpr int64_t stepBlock = 8;
/// Sequences in one tile at most.
static constexpr int64_t maxSequences = 12;

namespace {

struct Activation {
  nn::UnaryKind kind;
  double alpha, beta;
};

/// Scratch of one tile, on the stack.
struct RecurrentScratch {
  Value pre, biases, stateBias, state, cell, shown, candidate, peepholes;
  Value inputRows; ///< of an input that is computed
};

class RecurrentEmitter : RecurrentScratch {
public:
  RecurrentEmitter(nn::KernelOp kernel, Operation *root, const CpuTarget &target) : kernel(kernel), target(target), root(root) {}
  LogicalResult analyze();
  void addPackings(std::vector<OperandPacking> &packings);
  /// Results of the kernel that come from this layer.
  size_t outputCount() const { return outputs.size(); }
  int64_t tiles() const { return llvm::divideCeil(batch, sequences); }
  bool hasScratchOf(const RecurrentEmitter &other) const {
    return root->getName() == other.root->getName() && root->getOperandTypes() == other.root->getOperandTypes() &&
           linearBeforeReset == other.linearBeforeReset && computedInput.has_value() == other.computedInput.has_value();
  }
  /// Makes the buffers on the stack, or takes those of a layer that has the same: a call computes one tile after the other.
  void makeScratch(FlatFrame &ofKernel, const RecurrentEmitter *other);
  /// Those of the layer's tiles that the call is to compute, where its first one is the kernel's tile `firstTile`.
  void emit(int64_t firstTile);

private:
  LogicalResult analyzeOperands();
  void chooseBlocks();
  void emitTiles(Value begin, Value end);
  void emitTile(Value tile);
  Value timeOf(Value step);
  TiledProduct inputProduct(Value firstStep, int64_t rows);
  void emitSteps(Value firstStep, int64_t count);
  void emitStep(Value step, Value preRow);
  void emitLstmCell(Value row, Value preRow, Value active);
  void emitGruCell(Value row, Value preRow, Value active);
  void emitRnnCell(Value row, Value preRow, Value active);
  /// pre[preRow + row][columns of gates] (+)= R * state.
  void emitStateProduct(Value state, int64_t firstGate, int64_t gateCount, Value preRow, bool startFromBias);
  void storeState(unsigned result, Value state);

  /// For each vector of the state: offset and how many of its lanes exist.
  void forEachVector(llvm::function_ref<void(Value offset, int64_t active)> body);
  Value activate(unsigned which, Value x);
  /// An optional operand's vector at `coordinates`, lanes along the last axis.
  Value read(const FusedExpression &expression, ArrayRef<Value> coordinates, int64_t active) {
    ElementPosition position{SmallVector<Value>(coordinates), int64_t(coordinates.size()) - 1, lanes, active};
    return expression.emit(b(), position, [&](BlockArgument argument) { return frame->flat(argument); });
  }
  void storeResult(unsigned result, const ElementPosition &position, Value value);
  Value gate(Value row, Value preRow, int64_t index, Value offset) {
    Value at =
        addIndex(b(), mulIndex(b(), addIndex(b(), preRow, row), columns()), addIndex(b(), offset, index * padded()));
    return load(pre, at);
  }
  Value stateAt(Value row, Value offset) { return addIndex(b(), mulIndex(b(), row, padded()), offset); }

  ImplicitLocOpBuilder &b() { return frame->b; }
  int64_t padded() const { return llvm::alignTo(hidden, lanes); }
  int64_t columns() const { return gates * padded(); }
  VectorType vectorType() { return VectorType::get(lanes, b().getF32Type()); }
  Value splat(float value) { return arith::ConstantOp::create(b(), DenseElementsAttr::get(vectorType(), value)); }
  Value load(Value buffer, Value at) { return vector::LoadOp::create(b(), vectorType(), buffer, at); }
  void store(Value value, Value buffer, Value at) { vector::StoreOp::create(b(), value, buffer, at); }
  Value add(Value x, Value y) { return arith::AddFOp::create(b(), x, y); }
  Value sub(Value x, Value y) { return arith::SubFOp::create(b(), x, y); }
  Value mul(Value x, Value y) { return arith::MulFOp::create(b(), x, y); }
  Value mulAdd(Value x, Value y, Value z) { return emitMultiplyAdd(b(), target.hasFma, x, y, z); }
  /// `next` where the sequence still runs, else `old`; no condition means it runs.
  Value keep(Value active, Value next, Value old) {
    return active ? Value(arith::SelectOp::create(b(), active, next, old)) : next;
  }

  nn::KernelOp kernel;
  const CpuTarget &target;
  Operation *root;
  int64_t gates = 0, steps = 0, batch = 0, inputs = 0, hidden = 0, lanes = 0;
  bool backward = false, linearBeforeReset = false, inputForget = false;
  double clip = 0;
  SmallVector<Activation> activations;
  ResolvedView x;
  std::optional<FusedExpression> computedInput; ///< x where it cannot be read as floats in a buffer
  std::optional<FusedExpression> bias, lengths, initialState, initialCell, peephole;
  std::optional<RecurrentWeights> inputWeights, stateWeights;
  SmallVector<std::tuple<unsigned, unsigned, FusedExpression>> outputs; ///< kernel result, root result, value
  int64_t sequences = 1, stepsAtOnce = 1;                               ///< of a tile; of an input product
  int64_t inputVectors = 1, stateVectors = 1;                           ///< of a register tile
  FlatFrame *frame = nullptr;
  Value packedInput, packedState; ///< weights
  Value firstSequence;
};

} // namespace

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

/// ONNX's activations without parameters of their own, with its defaults.
static std::optional<Activation> findActivation(StringRef name) {
  using Kind = nn::UnaryKind;
  return llvm::StringSwitch<std::optional<Activation>>(name)
      .Case("Tanh", Activation{Kind::tanh, 1, 0})
      .Case("Sigmoid", Activation{Kind::sigmoid, 1, 0})
      .Case("Relu", Activation{Kind::relu, 1, 0})
      .Case("LeakyRelu", Activation{Kind::leaky_relu, 0.01, 0})
      .Case("ThresholdedRelu", Activation{Kind::thresholded_relu, 1, 0})
      .Case("HardSigmoid", Activation{Kind::hard_sigmoid, 0.2, 0.5})
      .Case("Elu", Activation{Kind::elu, 1, 0})
      .Case("Softsign", Activation{Kind::softsign, 1, 0})
      .Case("Softplus", Activation{Kind::softplus, 1, 0})
      .Default(std::nullopt);
}

LogicalResult RecurrentEmitter::analyze() {
  Value optionals[5] = {}; // bias, lengths, h0, c0, peephole
  ArrayAttr names;
  auto common = [&](auto op, int64_t gateCount) {
    gates = gateCount;
    backward = op.getDirection() == nn::DirectionKind::backward;
    clip = op.getClip().convertToDouble();
    names = op.getActivations();
    optionals[0] = op.getBias();
    optionals[1] = op.getLengths();
    optionals[2] = op.getH0();
  };
  if (auto lstm = dyn_cast<nn::LstmOp>(root)) {
    common(lstm, 4);
    inputForget = lstm.getInputForget();
    optionals[3] = lstm.getC0();
    optionals[4] = lstm.getPeephole();
  } else if (auto gru = dyn_cast<nn::GruOp>(root)) {
    common(gru, 3);
    linearBeforeReset = gru.getLinearBeforeReset();
  } else {
    common(cast<nn::RnnOp>(root), 1);
  }
  for (Attribute name : names) {
    std::optional<Activation> activation = findActivation(cast<StringAttr>(name).getValue());
    if (!activation)
      return failure();
    activations.push_back(*activation);
  }
  std::optional<FusedExpression> *places[] = {&bias, &lengths, &initialState, &initialCell, &peephole};
  for (auto [operand, place] : llvm::zip(optionals, places)) {
    if (!operand)
      continue;
    FailureOr<FusedExpression> expression = FusedExpression::get(operand);
    if (failed(expression) ||
        !(place == &lengths ? expression->elementType().isInteger(32) : computeType(expression->elementType()).isF32()))
      return failure();
    *place = std::move(*expression);
  }
  return analyzeOperands();
}

LogicalResult RecurrentEmitter::analyzeOperands() {
  auto xType = cast<RankedTensorType>(root->getOperand(0).getType());
  x = resolveView(root->getOperand(0));
  if (xType.getNumElements() == 0)
    return failure();
  if (!isa<BlockArgument>(x.base) || !xType.getElementType().isF32()) {
    FailureOr<FusedExpression> expression = FusedExpression::get(root->getOperand(0));
    if (failed(expression) || !computeType(expression->elementType()).isF32() ||
        xType.getDimSize(2) * maxSequences * 4 > RecurrentWeights::maxStackBytes)
      return failure();
    computedInput = std::move(*expression);
  }
  steps = xType.getDimSize(0);
  batch = xType.getDimSize(1);
  inputs = xType.getDimSize(2);
  hidden = shapeOf(root->getOperand(2))[1];
  lanes = target.vectorBytes / 4;
  chooseBlocks();
  FailureOr<RecurrentWeights> w =
      RecurrentWeights::get(kernel, root->getOperand(1), gates, hidden, lanes, inputVectors);
  FailureOr<RecurrentWeights> r =
      RecurrentWeights::get(kernel, root->getOperand(2), gates, hidden, lanes, stateVectors);
  if (failed(w) || failed(r))
    return failure();
  inputWeights = std::move(*w);
  stateWeights = std::move(*r);
  auto yield = cast<nn::YieldOp>(kernel.getBody().front().getTerminator());
  for (auto [i, value] : llvm::enumerate(yield.getValues()))
    for (OpResult result : root->getResults()) {
      FailureOr<FusedExpression> expression = FusedExpression::getAtRoot(value, result);
      if (succeeded(expression))
        outputs.push_back({i, result.getResultNumber(), std::move(*expression)});
    }
  return success();
}

void RecurrentEmitter::chooseBlocks() {
  if (batch < 4) {
    sequences = 1;
    stepsAtOnce = std::min(stepBlock, steps);
  } else {
    sequences = llvm::divideCeil(batch, llvm::divideCeil(batch, maxSequences));
    stepsAtOnce = 1;
  }
  // GRU walks its gates in parts, so a register tile must not reach over a gate.
  int64_t vectors = gates == 4 ? columns() / lanes : padded() / lanes;
  auto widest = [&](int64_t rows) {
    int64_t best = 1;
    for (int64_t width = 2; width <= 8; ++width)
      if (vectors % width == 0 && rows * width + width + 2 <= target.vectorRegisters)
        best = width;
    return best;
  };
  inputVectors = widest(std::min(sequences * stepsAtOnce, stepBlock));
  stateVectors = widest(sequences);
}

void RecurrentEmitter::addPackings(std::vector<OperandPacking> &packings) {
  inputWeights->addPacking(kernel.getContext(), packings);
  stateWeights->addPacking(kernel.getContext(), packings);
}

void RecurrentEmitter::makeScratch(FlatFrame &ofKernel, const RecurrentEmitter *other) {
  frame = &ofKernel;
  if (other) {
    static_cast<RecurrentScratch &>(*this) = *other;
    return;
  }
  auto make = [&](int64_t elements) { return frame->scratch(b().getF32Type(), elements); };
  pre = make(sequences * stepsAtOnce * columns());
  biases = make(columns());
  state = make(sequences * padded());
  if (computedInput)
    inputRows = make(sequences * stepsAtOnce * llvm::alignTo(inputs, lanes));
  if (gates == 4) {
    cell = make(sequences * padded());
    peepholes = peephole ? make(3 * padded()) : Value();
  } else if (gates == 3) {
    candidate = make(sequences * padded());
    (linearBeforeReset ? stateBias : shown) = make((linearBeforeReset ? 1 : sequences) * padded());
  }
}

void RecurrentEmitter::emit(int64_t firstTile) {
  Value first = indexConstant(b(), firstTile), last = indexConstant(b(), firstTile + tiles());
  Value begin = arith::MaxSIOp::create(b(), frame->begin(), first), end = minIndex(b(), frame->end(), last);
  emitIf(b(), arith::CmpIOp::create(b(), arith::CmpIPredicate::slt, begin, end),
         [&] { emitTiles(arith::SubIOp::create(b(), begin, first), arith::SubIOp::create(b(), end, first)); });
}

void RecurrentEmitter::emitTiles(Value begin, Value end) {
  packedInput = inputWeights->emit(*frame);
  packedState = stateWeights->emit(*frame);
  // Vectors along the state, padded with zeros: biases (of input and state together where both are
  // added at once) and peepholes.
  forEachVector([&](Value offset, int64_t active) {
    auto biasOf = [&](int64_t gate) { return read(*bias, {addIndex(b(), offset, gate * hidden)}, active); };
    for (int64_t gate = 0; gate < gates; ++gate) {
      bool apart = stateBias && gate == 2;
      Value sum = bias ? biasOf(gate) : splat(0);
      if (bias && !apart)
        sum = add(sum, biasOf(gates + gate));
      store(sum, biases, addIndex(b(), offset, gate * padded()));
    }
    if (stateBias)
      store(bias ? biasOf(gates + 2) : splat(0), stateBias, offset);
    for (int64_t gate = 0; peepholes && gate < 3; ++gate)
      store(read(*peephole, {addIndex(b(), offset, gate * hidden)}, active), peepholes,
            addIndex(b(), offset, gate * padded()));
  });
  emitFor(b(), begin, end, 1, [&](Value tile) { emitTile(tile); });
}

void RecurrentEmitter::forEachVector(llvm::function_ref<void(Value, int64_t)> body) {
  int64_t whole = hidden / lanes * lanes;
  emitFor(b(), 0, whole, lanes, [&](Value offset) { body(offset, lanes); });
  if (whole < hidden)
    body(indexConstant(b(), whole), hidden - whole);
}

void RecurrentEmitter::emitTile(Value tile) {
  firstSequence = minIndex(b(), mulIndex(b(), tile, sequences), indexConstant(b(), batch - sequences));
  emitFor(b(), 0, sequences, 1, [&](Value row) {
    Value sequence = addIndex(b(), firstSequence, row);
    forEachVector([&](Value offset, int64_t active) {
      store(initialState ? read(*initialState, {sequence, offset}, active) : splat(0), state, stateAt(row, offset));
      if (cell)
        store(initialCell ? read(*initialCell, {sequence, offset}, active) : splat(0), cell, stateAt(row, offset));
    });
  });
  int64_t whole = steps / stepsAtOnce * stepsAtOnce;
  emitFor(b(), 0, whole, stepsAtOnce, [&](Value first) { emitSteps(first, stepsAtOnce); });
  if (whole < steps)
    emitSteps(indexConstant(b(), whole), steps - whole);
  storeState(1, state);
  if (cell)
    storeState(2, cell);
}

void RecurrentEmitter::storeState(unsigned result, Value from) {
  emitFor(b(), 0, sequences, 1, [&](Value row) {
    forEachVector([&](Value offset, int64_t active) {
      storeResult(result, {{addIndex(b(), firstSequence, row), offset}, 1, lanes, active},
                  load(from, stateAt(row, offset)));
    });
  });
}

void RecurrentEmitter::storeResult(unsigned result, const ElementPosition &position, Value value) {
  SmallVector<Value> results(root->getNumResults(), value); // the expression reads only the one it was made for
  for (auto &[output, rootResult, expression] : outputs) {
    if (rootResult != result)
      continue;
    Value stored = expression.emit(
        b(), position, [&](BlockArgument argument) { return frame->flat(argument); }, results);
    expression.emitStore(b(), position, stored, frame->flatOutput(output));
  }
}

/// Step `step` in running order as an index into time.
Value RecurrentEmitter::timeOf(Value step) {
  return backward ? Value(arith::SubIOp::create(b(), indexConstant(b(), steps - 1), step)) : step;
}

// Rows of the input product are steps in running order, or sequences.
TiledProduct RecurrentEmitter::inputProduct(Value firstStep, int64_t rows) {
  TiledProduct product;
  product.rows = rows;
  product.steps = inputs;
  product.lanes = lanes;
  product.firstColumn = 0;
  product.vectors = columns() / lanes;
  product.tile = {std::min(rows, sequences == 1 ? stepBlock : maxSequences), inputVectors};
  product.rhs = packedInput;
  product.panelColumns = inputWeights->panelColumns();
  product.panelElements = inputWeights->panelElements();
  if (computedInput) {
    product.lhs = inputRows;
    product.lhsBase = indexConstant(b(), 0);
    product.lhsRowStride = llvm::alignTo(inputs, lanes);
    product.lhsStepStride = 1;
    emitFor(b(), 0, rows, 1, [&](Value row) {
      Value step = sequences == 1 ? addIndex(b(), firstStep, row) : firstStep;
      Value sequence = sequences == 1 ? firstSequence : addIndex(b(), firstSequence, row);
      Value at = mulIndex(b(), row, product.lhsRowStride), time = timeOf(step);
      int64_t whole = inputs / lanes * lanes;
      emitFor(b(), 0, whole, lanes, [&](Value offset) {
        store(read(*computedInput, {time, sequence, offset}, lanes), inputRows, addIndex(b(), at, offset));
      });
      if (whole < inputs)
        store(read(*computedInput, {time, sequence, indexConstant(b(), whole)}, inputs - whole), inputRows,
              addIndex(b(), at, whole));
    });
    return product;
  }
  int64_t timeStride = backward ? -x.view.strides[0] : x.view.strides[0];
  Value origin = indexConstant(b(), x.view.offset + (backward ? (steps - 1) * x.view.strides[0] : 0));
  product.lhs = frame->flat(cast<BlockArgument>(x.base));
  product.lhsBase = addIndex(b(), addIndex(b(), origin, mulIndex(b(), firstStep, timeStride)),
                             mulIndex(b(), firstSequence, x.view.strides[1]));
  product.lhsRowStride = sequences == 1 ? timeStride : x.view.strides[1];
  product.lhsStepStride = x.view.strides[2];
  return product;
}

void RecurrentEmitter::emitSteps(Value firstStep, int64_t count) {
  TiledProduct product = inputProduct(firstStep, sequences * count);
  product.emit(
      b(), target, [&](Value, Value column) { return load(biases, column); },
      [&](Value row, Value column, Value sum) {
        store(sum, pre, addIndex(b(), mulIndex(b(), row, columns()), column));
      });
  emitFor(b(), 0, count, 1,
          [&](Value step) { emitStep(addIndex(b(), firstStep, step), mulIndex(b(), step, sequences)); });
}

void RecurrentEmitter::emitStateProduct(Value from, int64_t firstGate, int64_t gateCount, Value preRow,
                                        bool intoCandidate) {
  int64_t vectors = padded() / lanes;
  Value zero = indexConstant(b(), 0);
  TiledProduct product{from,
                       zero,
                       padded(),
                       1,
                       packedState,
                       stateWeights->panelColumns(),
                       stateWeights->panelElements(),
                       sequences,
                       firstGate * padded(),
                       gateCount * vectors,
                       hidden,
                       lanes,
                       {sequences, stateVectors}};
  auto preAt = [&](Value row, Value column) {
    return addIndex(b(), mulIndex(b(), addIndex(b(), preRow, row), columns()), column);
  };
  auto gateOffset = [&](Value column) { return addIndex(b(), column, -firstGate * padded()); };
  product.emit(
      b(), target,
      [&](Value row, Value column) {
        return intoCandidate && stateBias ? load(stateBias, gateOffset(column)) : load(pre, preAt(row, column));
      },
      [&](Value row, Value column, Value sum) {
        if (intoCandidate)
          store(sum, candidate, stateAt(row, gateOffset(column)));
        else
          store(sum, pre, preAt(row, column));
      });
}

void RecurrentEmitter::emitStep(Value step, Value preRow) {
  Value time = timeOf(step);
  emitStateProduct(state, 0, gates == 3 ? 2 : gates, preRow, /*intoCandidate=*/false);
  if (gates == 3) {
    if (shown)
      emitFor(b(), 0, sequences, 1, [&](Value row) {
        forEachVector([&](Value offset, int64_t) {
          Value reset = activate(0, gate(row, preRow, 1, offset)), at = stateAt(row, offset);
          store(mul(reset, load(state, at)), shown, at);
        });
      });
    emitStateProduct(shown ? shown : state, 2, 1, preRow, /*intoCandidate=*/true);
  }
  emitFor(b(), 0, sequences, 1, [&](Value row) {
    Value sequence = addIndex(b(), firstSequence, row), active;
    if (lengths) {
      ElementPosition position{{sequence}};
      Value length = lengths->emit(b(), position, [&](BlockArgument argument) { return frame->flat(argument); });
      active = arith::CmpIOp::create(b(), arith::CmpIPredicate::slt,
                                     arith::IndexCastOp::create(b(), b().getI32Type(), time), length);
    }
    if (gates == 4)
      emitLstmCell(row, preRow, active);
    else if (gates == 3)
      emitGruCell(row, preRow, active);
    else
      emitRnnCell(row, preRow, active);
    forEachVector([&](Value offset, int64_t lanesHere) {
      Value y = keep(active, load(state, stateAt(row, offset)), splat(0));
      storeResult(0, {{time, sequence, offset}, 2, lanes, lanesHere}, y);
    });
  });
}

Value RecurrentEmitter::activate(unsigned which, Value value) {
  if (clip > 0)
    value = arith::MinimumFOp::create(b(), arith::MaximumFOp::create(b(), value, splat(-clip)), splat(clip));
  const Activation &activation = activations[which];
  return emitUnary(activation.kind, Lanes(b(), value), b().getF32Type(), activation.alpha, activation.beta);
}

// Gates i, o, f, c; peepholes i, o, f. The output gate looks at the new cell.
void RecurrentEmitter::emitLstmCell(Value row, Value preRow, Value active) {
  forEachVector([&](Value offset, int64_t) {
    Value at = stateAt(row, offset), old = load(cell, at);
    auto withPeephole = [&](int64_t index, Value seen) {
      Value sum = gate(row, preRow, index, offset);
      return peepholes ? mulAdd(load(peepholes, addIndex(b(), offset, index * padded())), seen, sum) : sum;
    };
    Value input = activate(0, withPeephole(0, old));
    Value forget = inputForget ? sub(splat(1), input) : activate(0, withPeephole(2, old));
    Value next = mulAdd(forget, old, mul(input, activate(1, gate(row, preRow, 3, offset))));
    Value output = activate(0, withPeephole(1, next));
    Value shownState = mul(output, activate(2, next));
    store(keep(active, next, old), cell, at);
    store(keep(active, shownState, load(state, at)), state, at);
  });
}

// Gates z, r, h: h = (1 - z) candidate + z h.
void RecurrentEmitter::emitGruCell(Value row, Value preRow, Value active) {
  forEachVector([&](Value offset, int64_t) {
    Value at = stateAt(row, offset), old = load(state, at), sum = load(candidate, at);
    if (stateBias) {
      Value reset = activate(0, gate(row, preRow, 1, offset));
      sum = mulAdd(reset, sum, gate(row, preRow, 2, offset));
    }
    Value proposed = activate(1, sum), update = activate(0, gate(row, preRow, 0, offset));
    Value next = mulAdd(update, sub(old, proposed), proposed);
    store(keep(active, next, old), state, at);
  });
}

void RecurrentEmitter::emitRnnCell(Value row, Value preRow, Value active) {
  forEachVector([&](Value offset, int64_t) {
    Value at = stateAt(row, offset), next = activate(0, gate(row, preRow, 0, offset));
    store(keep(active, next, load(state, at)), state, at);
  });
}

FailureOr<LoweredKernel> buildRecurrent(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  std::vector<std::unique_ptr<RecurrentEmitter>> layers;
  size_t outputs = 0;
  for (Operation &op : kernel.getBody().front()) {
    if (!isa<nn::LstmOp, nn::GruOp, nn::RnnOp>(op))
      continue;
    layers.push_back(std::make_unique<RecurrentEmitter>(kernel, &op, target));
    if (failed(layers.back()->analyze()) || !layers.back()->hasScratchOf(*layers.front()))
      return failure();
    outputs += layers.back()->outputCount();
  }
  if (layers.empty() || outputs != kernel.getNumResults())
    return failure();
  LoweredKernel lowered;
  for (auto &layer : layers)
    layer->addPackings(lowered.packings);
  SmallVector<MemRefType> packedTypes(kernel.getInputs().size());
  for (const OperandPacking &packing : lowered.packings)
    packedTypes[packing.operand] = packing.packedType;
  FlatFrame frame(kernel, b, packedTypes);
  lowered.tiles = 0;
  for (auto &layer : layers) {
    layer->makeScratch(frame, layer == layers.front() ? nullptr : layers.front().get());
    layer->emit(lowered.tiles);
    lowered.tiles += layer->tiles();
  }
  lowered.function = frame.function;
  return lowered;
}

} // namespace fettle::codegen
