//===- EvaluateTest.cpp - functions and constants on demand ---------------===//

#include "ir/reference/Evaluate.h"
#include "ir/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;
using namespace fettle;

namespace {
class Evaluate : public testing::Test {
protected:
  func::FuncOp parse(StringRef text) {
    context.loadDialect<nn::NnDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
    EXPECT_TRUE(module);
    return module->lookupSymbol<func::FuncOp>("f");
  }
  HostTensor tensor(RankedTensorType type, ArrayRef<double> values) {
    HostTensor result(type);
    for (auto [i, value] : llvm::enumerate(values))
      result.setDouble(i, value);
    return result;
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

TEST_F(Evaluate, RunsFunctionsAndKernels) {
  func::FuncOp function = parse(R"(
    func.func @f(%x: tensor<2xf32>) -> (tensor<2xf32>, tensor<2xf32>) {
      %0 = nn.kernel(%a = %x) : (tensor<2xf32>) -> tensor<2xf32> {
        %1 = nn.binary mul %a, %a : (tensor<2xf32>, tensor<2xf32>) -> tensor<2xf32>
        nn.yield %1 : tensor<2xf32>
      }
      return %0, %x : tensor<2xf32>, tensor<2xf32>
    })");
  auto type = cast<RankedTensorType>(function.getArgumentTypes()[0]);
  auto results = reference::evaluate(function, tensor(type, {3, -4}));
  ASSERT_TRUE(succeeded(results));
  EXPECT_EQ((*results)[0].doubles(), std::vector<double>({9, 16}));
  EXPECT_EQ((*results)[1].doubles(), std::vector<double>({3, -4}));
}

TEST_F(Evaluate, DiagnosesWrongInputs) {
  func::FuncOp function = parse("func.func @f(%x: tensor<2xf32>) -> tensor<2xf32> { return %x : tensor<2xf32> }");
  std::string message;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    message = diagnostic.str();
    return success();
  });
  EXPECT_TRUE(failed(reference::evaluate(function, {})));
  EXPECT_NE(message.find("takes 1 inputs; 0 were given"), std::string::npos) << message;
}

TEST_F(Evaluate, ConstantsOnDemand) {
  func::FuncOp function = parse(R"(
    func.func @f(%x: tensor<2xi64>) -> (tensor<2xi64>, tensor<2xi64>, tensor<2000000xi64>) {
      %0 = nn.constant dense<[2, 3]> : tensor<2xi64>
      %1 = nn.binary add %0, %0 : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
      %2 = nn.binary add %1, %x : (tensor<2xi64>, tensor<2xi64>) -> tensor<2xi64>
      %3 = nn.tile %1 {repeats = array<i64: 1000000>} : (tensor<2xi64>) -> tensor<2000000xi64>
      return %1, %2, %3 : tensor<2xi64>, tensor<2xi64>, tensor<2000000xi64>
    })");
  Operation *end = function.getBody().front().getTerminator();
  auto known = reference::evaluateConstant(end->getOperand(0));
  ASSERT_TRUE(known.has_value());
  EXPECT_EQ(known->integers(), std::vector<int64_t>({4, 6}));
  EXPECT_FALSE(reference::evaluateConstant(end->getOperand(1)).has_value());
  EXPECT_FALSE(reference::evaluateConstant(end->getOperand(2), /*maxElements=*/1000).has_value());
}

TEST_F(Evaluate, LongChainsNeedNoDeepStack) {
  std::string text = "func.func @f() -> tensor<i64> {\n%0 = nn.constant dense<1> : tensor<i64>\n";
  int length = 20000;
  for (int i = 1; i <= length; ++i)
    text += "%" + std::to_string(i) + " = nn.binary add %" + std::to_string(i - 1) +
            ", %0 : (tensor<i64>, tensor<i64>) -> tensor<i64>\n";
  text += "return %" + std::to_string(length) + " : tensor<i64>\n}";
  func::FuncOp function = parse(text);
  auto value = reference::evaluateConstant(function.getBody().front().getTerminator()->getOperand(0));
  ASSERT_TRUE(value.has_value());
  EXPECT_EQ(value->integerAt(0), length + 1);
}
