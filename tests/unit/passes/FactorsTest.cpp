//===- FactorsTest.cpp - products and polynomials taken apart -------------===//

#include "passes/normalize/Factors.h"
#include "tests/unit/passes/Preserve.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::test {

class Factors : public testing::Test {
protected:
  /// The value returned by a function of %x and %y : tensor<4xf32> with the constants %two, %four and %half.
  Value parse(const std::string &body) {
    loadDialects(context);
    std::string text = "func.func @f(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {\n"
                       "%two = nn.constant dense<2.0> : tensor<f32>\n%four = nn.constant dense<4.0> : tensor<f32>\n"
                       "%half = nn.constant dense<0.5> : tensor<f32>\n" +
                       body + "return %r : tensor<4xf32>\n}";
    module = parseSourceString<ModuleOp>(text, &context);
    auto function = *module->getOps<func::FuncOp>().begin();
    x = function.getArgument(0);
    y = function.getArgument(1);
    return function.getBody().front().getTerminator()->getOperand(0);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  Value x, y;
};

TEST_F(Factors, OpensProductsAndDivisions) {
  Product product = factorize(parse("%0 = nn.binary mul %x, %four : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>\n"
                                    "%1 = nn.binary mul %y, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>\n"
                                    "%r = nn.binary div %1, %two : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>\n"));
  EXPECT_EQ(product.coefficient, 2);
  EXPECT_EQ(ArrayRef<Value>(product.values), ArrayRef<Value>({y, x}));
}

TEST_F(Factors, LeavesProductsThatOthersRead) {
  Product product = factorize(parse("%0 = nn.binary mul %x, %four : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>\n"
                                    "%r = nn.binary mul %0, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>\n"));
  EXPECT_EQ(product.coefficient, 1);
  EXPECT_EQ(product.values.size(), 2u);
}

TEST_F(Factors, FindsPolynomials) {
  // (x + x^3 / 2) * 2 = 2 x + x^3
  Value value = parse("%0 = nn.binary mul %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>\n"
                      "%1 = nn.binary mul %0, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>\n"
                      "%2 = nn.binary mul %1, %half : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>\n"
                      "%3 = nn.binary add %x, %2 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>\n"
                      "%r = nn.binary mul %3, %two : (tensor<4xf32>, tensor<f32>) -> tensor<4xf32>\n");
  EXPECT_TRUE(isPolynomial(value, x, {0, 2, 0, 1}));
  EXPECT_FALSE(isPolynomial(value, x, {0, 2, 0, 1.01}));
  EXPECT_FALSE(polynomialIn(value, y));
}

TEST_F(Factors, RefusesDegreesAboveThree) {
  Value value = parse("%0 = nn.binary mul %x, %x : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>\n"
                      "%r = nn.binary mul %0, %0 : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32>\n");
  EXPECT_FALSE(polynomialIn(value, x));
}

} // namespace fettle::test
