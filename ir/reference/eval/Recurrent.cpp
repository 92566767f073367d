//===- Recurrent.cpp - LSTM, GRU and simple recurrent layers --------------===//
//
// One sequence of the batch at a time, in double, state included: only what is
// written to y, y_h and y_c is rounded. `clip` bounds the argument of every
// activation, as ONNX says.
//
//===----------------------------------------------------------------------===//

#include "ir/reference/eval/Activation.h"
#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include <cmath>

using namespace mlir;

namespace fettle::reference {

/// The activations that need no parameters of their own; ONNX's defaults.
static double activate(StringRef name, double x) {
  if (name == "Tanh")
    return std::tanh(x);
  if (name == "Sigmoid")
    return sigmoid(x);
  if (name == "Relu")
    return x < 0 ? 0 : x;
  if (name == "LeakyRelu")
    return x < 0 ? 0.01 * x : x;
  if (name == "ThresholdedRelu")
    return x > 1 ? x : 0;
  if (name == "HardSigmoid")
    return hardSigmoid(x, 0.2, 0.5);
  if (name == "Elu")
    return x < 0 ? std::expm1(x) : x;
  if (name == "Softsign")
    return x / (1 + std::fabs(x));
  return softplus(x);
}

/// What the three layers share: sizes, weights and the walk through time.
template <typename OpTy> class Layer {
public:
  Layer(OpTy op, Operands operands, int64_t gates, unsigned lengthsIndex, unsigned h0Index)
      : op(op), operands(operands), gates(gates), steps(operands[0].shape()[0]), batch(operands[0].shape()[1]),
        inputs(operands[0].shape()[2]), hidden(operands[2].shape()[1]), clip(op.getClip().convertToDouble()),
        x(operands[0]), w(operands[1].doubles()), r(operands[2].doubles()), bias(read(3, 2 * gates * hidden)),
        initial(read(h0Index, batch * hidden)), y(cast<RankedTensorType>(op.getY().getType())),
        yH(cast<RankedTensorType>(op.getYH().getType())) {
    if (const HostTensor *given = optionalOperand(op, operands, lengthsIndex))
      lengths = given->integers();
  }

  /// Calls step(n, t, h) for each step of each sequence in running order, which
  /// updates the state h, and stores the states.
  template <typename Step> void run(Step step) {
    DoubleWriter writeY(y), writeYH(yH);
    bool backward = op.getDirection() == nn::DirectionKind::backward;
    for (int64_t n = 0; n < batch; ++n) {
      std::vector<double> h(initial.begin() + n * hidden, initial.begin() + (n + 1) * hidden);
      int64_t length = lengths.empty() ? steps : std::min(std::max<int64_t>(lengths[n], 0), steps);
      for (int64_t i = 0; i < length; ++i) {
        int64_t t = backward ? length - 1 - i : i;
        step(n, t, h);
        for (int64_t j = 0; j < hidden; ++j)
          writeY.set((t * batch + n) * hidden + j, h[j]);
      }
      for (int64_t j = 0; j < hidden; ++j)
        writeYH.set(n * hidden + j, h[j]);
    }
  }

  /// Row `gate * hidden + j` of W x + Wb.
  double fromInput(int64_t gate, int64_t j, int64_t n, int64_t t) const {
    int64_t row = gate * hidden + j;
    double sum = bias[row];
    for (int64_t i = 0; i < inputs; ++i)
      sum += w[row * inputs + i] * x[(t * batch + n) * inputs + i];
    return sum;
  }
  /// The same row of R h + Rb.
  double fromState(int64_t gate, int64_t j, ArrayRef<double> h) const {
    int64_t row = gate * hidden + j;
    double sum = bias[gates * hidden + row];
    for (int64_t i = 0; i < hidden; ++i)
      sum += r[row * hidden + i] * h[i];
    return sum;
  }
  double activated(unsigned which, double value) {
    if (clip > 0)
      value = std::min(std::max(value, -clip), clip);
    return activate(cast<StringAttr>(op.getActivations()[which]).getValue(), value);
  }
  /// An optional operand, zeros where it is absent.
  std::vector<double> read(unsigned index, int64_t count) const {
    const HostTensor *tensor = optionalOperand(op, operands, index);
    return tensor ? tensor->doubles() : std::vector<double>(count, 0);
  }

  OpTy op;
  Operands operands;
  int64_t gates, steps, batch, inputs, hidden;
  double clip;
  DoubleReader x;
  std::vector<double> w, r, bias, initial;
  std::vector<int64_t> lengths;
  HostTensor y, yH;
};

Results evaluateOp(nn::RnnOp op, Operands operands) {
  Layer<nn::RnnOp> layer(op, operands, /*gates=*/1, /*lengthsIndex=*/4, /*h0Index=*/5);
  layer.run([&](int64_t n, int64_t t, std::vector<double> &h) {
    std::vector<double> next(layer.hidden);
    for (int64_t j = 0; j < layer.hidden; ++j)
      next[j] = layer.activated(0, layer.fromInput(0, j, n, t) + layer.fromState(0, j, h));
    h = next;
  });
  return {layer.y, layer.yH};
}

Results evaluateOp(nn::GruOp op, Operands operands) {
  Layer<nn::GruOp> layer(op, operands, /*gates=*/3, /*lengthsIndex=*/4, /*h0Index=*/5);
  layer.run([&](int64_t n, int64_t t, std::vector<double> &h) {
    std::vector<double> update(layer.hidden), reset(layer.hidden), shown(layer.hidden);
    for (int64_t j = 0; j < layer.hidden; ++j) {
      update[j] = layer.activated(0, layer.fromInput(0, j, n, t) + layer.fromState(0, j, h));
      reset[j] = layer.activated(0, layer.fromInput(1, j, n, t) + layer.fromState(1, j, h));
      shown[j] = reset[j] * h[j];
    }
    std::vector<double> next(layer.hidden);
    for (int64_t j = 0; j < layer.hidden; ++j) {
      double state = op.getLinearBeforeReset() ? reset[j] * layer.fromState(2, j, h) : layer.fromState(2, j, shown);
      double candidate = layer.activated(1, layer.fromInput(2, j, n, t) + state);
      next[j] = (1 - update[j]) * candidate + update[j] * h[j];
    }
    h = next;
  });
  return {layer.y, layer.yH};
}

Results evaluateOp(nn::LstmOp op, Operands operands) {
  Layer<nn::LstmOp> layer(op, operands, /*gates=*/4, /*lengthsIndex=*/4, /*h0Index=*/5);
  int64_t hidden = layer.hidden;
  std::vector<double> cells = layer.read(6, layer.batch * hidden), peephole = layer.read(7, 3 * hidden);
  layer.run([&](int64_t n, int64_t t, std::vector<double> &h) {
    std::vector<double> next(hidden);
    for (int64_t j = 0; j < hidden; ++j) {
      double &cell = cells[n * hidden + j];
      auto gate = [&](int64_t index) { return layer.fromInput(index, j, n, t) + layer.fromState(index, j, h); };
      // Gates i, o, f, c; peepholes i, o, f.
      double input = layer.activated(0, gate(0) + peephole[j] * cell);
      double forget = op.getInputForget() ? 1 - input : layer.activated(0, gate(2) + peephole[2 * hidden + j] * cell);
      cell = forget * cell + input * layer.activated(1, gate(3));
      double output = layer.activated(0, gate(1) + peephole[hidden + j] * cell);
      next[j] = output * layer.activated(2, cell);
    }
    h = next;
  });
  HostTensor yC(op.getYC().getType());
  DoubleWriter write(yC);
  for (size_t i = 0; i < cells.size(); ++i)
    write.set(i, cells[i]);
  return {layer.y, layer.yH, yC};
}

} // namespace fettle::reference
