//===- OneOp.cpp - a single nn op, from text ------------------------------===//

#include "tests/unit/nn/OneOp.h"
#include "ir/nn/Nn.h"
#include "ir/reference/Evaluate.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::test {

OneOp::OneOp(StringRef text, ArrayRef<std::string> constants, unsigned numResults) {
  context.loadDialect<nn::NnDialect, func::FuncDialect>();
  std::string program = "func.func @f() {\n";
  for (auto [i, constant] : llvm::enumerate(constants))
    program += "%" + std::to_string(i) + " = nn.constant " + constant + "\n";
  program += "%r:" + std::to_string(numResults) + " = " + text.str() + "\nreturn\n}";
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    messages += diagnostic.str() + "\n";
    return success();
  });
  module = parseSourceString<ModuleOp>(program, &context);
  if (!module)
    return;
  Block &body = module->lookupSymbol<func::FuncOp>("f").getBody().front();
  op = body.getTerminator()->getPrevNode();
}

HostTensor OneOp::tensor(unsigned result) {
  EXPECT_NE(op, nullptr) << messages;
  if (!op)
    return HostTensor(RankedTensorType::get({0}, Float32Type::get(&context)));
  std::optional<HostTensor> value = reference::evaluateConstant(op->getResult(result));
  EXPECT_TRUE(value.has_value());
  return value.value_or(HostTensor(cast<RankedTensorType>(op->getResult(result).getType())));
}

Values OneOp::values(unsigned result) { return tensor(result).doubles(); }

std::vector<std::string> zeros(ArrayRef<const char *> types) {
  std::vector<std::string> constants;
  for (StringRef type : types) {
    StringRef element = type.drop_front(type.find('<') + 1).drop_back();
    element = element.substr(element.rfind('x') == StringRef::npos ? 0 : element.rfind('x') + 1);
    StringRef zero = element == "i1" ? "false" : element.contains('f') ? "0.0" : "0";
    constants.push_back(("dense<" + zero + "> : " + type).str());
  }
  return constants;
}

void expectRefused(StringRef text, ArrayRef<const char *> operandTypes, StringRef message, unsigned numResults) {
  OneOp op(text, zeros(operandTypes), numResults);
  EXPECT_EQ(op.op, nullptr) << "accepted: " << text.str();
  EXPECT_NE(op.messages.find(message.str()), std::string::npos) << op.messages;
}

void expectAccepted(StringRef text, ArrayRef<const char *> operandTypes, unsigned numResults) {
  OneOp op(text, zeros(operandTypes), numResults);
  EXPECT_NE(op.op, nullptr) << op.messages;
}

void expectNear(const Values &actual, const Values &expected, double tolerance) {
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i)
    EXPECT_NEAR(actual[i], expected[i], tolerance) << "element " << i;
}

} // namespace fettle::test
