//===- RefittedProducts.cpp - products that make up for removed tokens -----===//
//
// Behind merged tokens a product works on means of what it worked on: its inputs lie closer together, and what attention and
// nonlinear functions in between make of a mean is not the mean of what they make. What it should give is known, though: what it gives in the
// teacher, merged by the same assignments. The part of the difference that follows from its inputs is put into its weights (passes/Refit.h).
//
// Weights are fitted one product after the other, each with those before it fitted: on vit-cifar10 all at the same time make the
// outputs worse than none (divergence 0.028 for 0.022; one after the other 0.017).
//
//===----------------------------------------------------------------------===//

#include "passes/tokens/RefittedProducts.h"
#include "ir/profile/ValueNames.h"
#include "ir/support/Origin.h"
#include "passes/OpFactory.h"
#include "passes/Refit.h"
#include "passes/fuse/ContractionWeights.h"
#include "passes/quantize/ContractionRows.h"
#include "passes/tokens/TokenRewriter.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

/// How much the trained weights are trusted beside the samples, as a multiple of the inputs' mean variance. From 3 to 30 it makes
/// little difference with 512 images; with 64 the greater ones are better.
static constexpr double ridge = 5;

SmallVector<MatMulOp> findRefittable(func::FuncOp function) {
  SmallVector<MatMulOp> found;
  for (auto op : function.getOps<MatMulOp>()) {
    auto weights = ContractionWeights::get(op);
    bool isPlain = weights && weights->tensor().elementType().isF32() && op.getOutput().getType().getElementType().isF32() &&
                   op.getLhs().getType().getElementType().isF32() && !op.getTransposeLhs() && ContractionRows::get(op);
    // A bias that differs from row to row is no part of the layer.
    if (isPlain && (!op.getBias() || channelValues(op.getBias(), 1, weights->outputs())))
      found.push_back(op);
  }
  return found;
}

bool refitProduct(MatMulOp op, const ProductMoments &moments) {
  auto rows = *ContractionRows::get(op);
  const int64_t width = rows.width(), outputs = rows.outputs();
  if (width != moments.width || outputs != moments.outputs)
    return false;
  const HostTensor stored = ContractionWeights::get(op)->tensor();
  Eigen::MatrixXd weights(outputs, width), cross(outputs, width), covariance(width, width);
  for (int64_t output = 0; output < outputs; ++output)
    for (int64_t column = 0; column < width; ++column) {
      weights(output, column) = stored.doubleAt(rows.weightIndex(0, output, column));
      cross(output, column) = moments.cross[output * width + column];
    }
  const float *next = moments.covariance.data();
  for (int64_t i = 0; i < width; ++i)
    for (int64_t j = i; j < width; ++j)
      covariance(i, j) = covariance(j, i) = *next++;
  // Eigen orders sums by the sizes of caches; the result shall not depend on the machine.
  Eigen::setCpuCacheSizes(32 << 10, 1 << 20, 8 << 20);
  Eigen::MatrixXd fitted = refitWeights(weights, cross, covariance, ridge);

  HostTensor refitted(stored.type()), bias(RankedTensorType::get({outputs}, Float32Type::get(op.getContext())));
  for (int64_t output = 0; output < outputs; ++output) {
    double shift = moments.targetMean[output];
    for (int64_t column = 0; column < width; ++column) {
      const int64_t index = rows.weightIndex(0, output, column);
      refitted.setDouble(index, fitted(output, column));
      shift -= refitted.doubleAt(index) * moments.mean[column];
    }
    bias.setDouble(output, shift);
  }
  OpBuilder builder(op);
  std::string name = formatOrigins(op.getLoc());
  op.setOperand(1, makeConstant(builder, op.getRhs().getLoc(), refitted, name + ".refitted"));
  op.getBiasMutable().assign(makeConstant(builder, op.getLoc(), bias, name + ".refitted_bias"));
  return true;
}

FailureOr<TokenTwins> makeTokenTwins(func::FuncOp function, const TokenPlan &plan) {
  TokenTwins twins;
  IRMapping mapping;
  twins.module = cast<ModuleOp>(function->getParentOfType<ModuleOp>()->clone(mapping));
  twins.function = cast<func::FuncOp>(mapping.lookup(function.getOperation()));
  ValueNames names(twins.function);
  SmallVector<MatMulOp> products = findRefittable(twins.function);
  SmallVector<std::string> productNames;
  SmallVector<Value> values;
  for (MatMulOp op : products) {
    productNames.push_back(names.nameOf(op.getOutput()).str());
    values.push_back(op.getOutput());
  }
  Operation *end = twins.function.front().getTerminator();
  values.push_back(end->getOperand(0));
  SmallVector<TokenTwin> pairs;
  if (failed(reduceTokensBesideTeacher(twins.function, TokenStreams(twins.function, plan.variant.method), plan, values, pairs)))
    return failure();
  for (auto [op, name, pair] : llvm::zip(products, productNames, pairs))
    if (pair.target)
      twins.products.push_back({name, op, pair.target});
  twins.student = end->getOperand(0);
  twins.teacher = pairs.back().teacher;
  return twins;
}

} // namespace fettle
