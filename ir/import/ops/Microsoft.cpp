//===- Microsoft.cpp - com.microsoft: fused float operators ---------------===//
//
// What ONNX Runtime's optimizer and exporters write in its own domain. Each is
// spelled out as the operators it was fused from.
//
//===----------------------------------------------------------------------===//

#include "ir/import/OperatorTable.h"
#include "ir/import/ops/Contraction.h"

using namespace mlir;

namespace fettle {

using nn::UnaryKind;

//===--- Activations ------------------------------------------------------===//

static void importGelu(NodeImporter &node) { node.setOutput(node.unary(UnaryKind::gelu, node.input(0))); }

static void importBiasGelu(NodeImporter &node) {
  node.setOutput(node.unary(UnaryKind::gelu, node.add(node.input(0), node.input(1))));
}

static void importFastGelu(NodeImporter &node) {
  Value input = node.input(0);
  if (Value bias = node.optionalInput(1))
    input = node.add(input, bias);
  node.setOutput(node.unary(UnaryKind::gelu_tanh, input));
}

static void importQuickGelu(NodeImporter &node) {
  node.setOutput(node.unary(UnaryKind::silu, node.input(0), node.real("alpha", 1.702f)));
}

/// The activation that FusedConv and FusedGemm end with.
static Value emitActivation(NodeImporter &node, Value value, ArrayRef<float> parameters) {
  std::string name = node.text("activation", "");
  auto parameter = [&](size_t i, double absent) { return i < parameters.size() ? double(parameters[i]) : absent; };
  if (name.empty())
    return value;
  if (name == "Relu")
    return node.unary(UnaryKind::relu, value);
  if (name == "Sigmoid")
    return node.unary(UnaryKind::sigmoid, value);
  if (name == "Tanh")
    return node.unary(UnaryKind::tanh, value);
  if (name == "LeakyRelu")
    return node.unary(UnaryKind::leaky_relu, value, parameter(0, 0.01));
  if (name == "HardSigmoid")
    return node.unary(UnaryKind::hard_sigmoid, value, parameter(0, 0.2), parameter(1, 0.5));
  if (name == "Clip" && parameters.size() == 2)
    return node.clamp(value, parameters[0], parameters[1]);
  node.fail("the activation '" + name + "' is not supported");
  return value;
}

//===--- Products ---------------------------------------------------------===//

static void importFusedMatMul(NodeImporter &node) {
  Value lhs = node.input(0), rhs = node.input(1);
  if (node.integer("transBatchA", 0) != 0 || node.integer("transBatchB", 0) != 0)
    return node.fail("transposed batches are not supported");
  bool transposeA = node.integer("transA", 0) != 0, transposeB = node.integer("transB", 0) != 0;
  double alpha = node.real("alpha", 1);
  if (rankOf(lhs) < 2 || rankOf(rhs) < 2)
    return node.setOutput(node.scaled(emitMatMul(node, lhs, rhs), alpha));
  node.setOutput(node.scaled(node.matmul(lhs, rhs, {}, transposeA, transposeB), alpha));
}

static void importFusedGemm(NodeImporter &node) {
  std::vector<float> parameters;
  for (StringRef name : {"activation_alpha", "activation_beta", "activation_gamma"})
    if (node.hasAttribute(name))
      parameters.push_back(float(node.real(name, 0)));
  Value result = emitGemm(node, node.input(0), node.input(1), node.optionalInput(2));
  node.setOutput(emitActivation(node, result, parameters));
}

static void importFusedConv(NodeImporter &node) {
  Value result = emitConv(node, node.input(0), node.input(1), node.optionalInput(2));
  if (Value other = node.optionalInput(3))
    result = node.add(result, other);
  std::vector<float> parameters = node.realsAttribute("activation_params").value_or(std::vector<float>());
  node.setOutput(emitActivation(node, result, parameters));
}

//===--- Normalization ----------------------------------------------------===//

template <bool rms> static void importLayerNorm(NodeImporter &node) {
  Value input = node.input(0);
  if (node.wantsOutput(1) || node.wantsOutput(2))
    return node.fail("statistics as results are not supported");
  int64_t axis = node.normalizeAxis(node.integer("axis", -1), rankOf(input));
  node.setOutput(node.layerNorm(input, node.input(1), rms ? Value() : node.optionalInput(2), axis,
                                node.real("epsilon", 1e-5f), rms));
}

/// LayerNorm of the sum of input, skip and bias; output 3 is that sum.
template <bool rms> static void importSkipLayerNorm(NodeImporter &node) {
  Value sum = node.add(node.input(0), node.input(1));
  Value beta = rms ? Value() : node.optionalInput(3);
  if (Value bias = node.optionalInput(rms ? 3 : 4))
    sum = node.add(sum, bias);
  node.setOutput(0, node.layerNorm(sum, node.input(2), beta, std::max<int64_t>(rankOf(sum) - 1, 0),
                                   node.real("epsilon", 1e-12f), rms));
  node.setOutput(3, sum);
}

/// Sum of word, position and segment embeddings, normalized. Output 1 counts the valid ids of each row, output 2 is
/// the sum.
static void importEmbedLayerNorm(NodeImporter &node) {
  Value ids = node.input(0), segments = node.optionalInput(1);
  if (rankOf(ids) != 2)
    return node.fail("needs ids of shape [batch, sequence]");
  int64_t n = dimOf(ids, 0), s = dimOf(ids, 1);
  Value sum = node.gather(node.input(2), ids, 0);
  Value positions = node.optionalInput(8);
  sum = node.add(sum, node.gather(node.input(3), positions ? positions : node.countUp(s, 1, 2), 0));
  if (segments && node.hasInput(4))
    sum = node.add(sum, node.gather(node.input(4), segments, 0));
  node.setOutput(0, node.layerNorm(sum, node.input(5), node.input(6), 2, node.real("epsilon", 1e-12f)));
  if (node.wantsOutput(1)) {
    Value mask = node.optionalInput(7);
    node.setOutput(1, mask ? node.reduce(nn::ReduceKind::sum, node.cast(mask, node.i32()), {1}, false)
                           : node.splat(0, {n}, node.i32()));
  }
  node.setOutput(2, sum);
}

ArrayRef<OperatorEntry> microsoftOperators() {
  static const OperatorEntry table[] = {
      {microsoftDomain, "BiasGelu", 1, newestMicrosoftOpset, importBiasGelu, ""},
      {microsoftDomain, "EmbedLayerNormalization", 1, newestMicrosoftOpset, importEmbedLayerNorm, ""},
      {microsoftDomain, "FastGelu", 1, newestMicrosoftOpset, importFastGelu, ""},
      {microsoftDomain, "FusedConv", 1, newestMicrosoftOpset, importFusedConv, ""},
      {microsoftDomain, "FusedGemm", 1, newestMicrosoftOpset, importFusedGemm, ""},
      {microsoftDomain, "FusedMatMul", 1, newestMicrosoftOpset, importFusedMatMul, "no transposed batches"},
      {microsoftDomain, "Gelu", 1, newestMicrosoftOpset, importGelu, ""},
      {microsoftDomain, "LayerNormalization", 1, newestMicrosoftOpset, importLayerNorm<false>, ""},
      {microsoftDomain, "QuickGelu", 1, newestMicrosoftOpset, importQuickGelu, ""},
      // ONNX Runtime writes these two into the default domain.
      {"", "SimplifiedLayerNormalization", 1, newestOpset, importLayerNorm<true>, "operator of ONNX Runtime"},
      {microsoftDomain, "SimplifiedLayerNormalization", 1, newestMicrosoftOpset, importLayerNorm<true>, ""},
      {microsoftDomain, "SkipLayerNormalization", 1, newestMicrosoftOpset, importSkipLayerNorm<false>, ""},
      {microsoftDomain, "SkipSimplifiedLayerNormalization", 1, newestMicrosoftOpset, importSkipLayerNorm<true>, ""},
  };
  return table;
}

} // namespace fettle
