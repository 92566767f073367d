//===- RandomFunction.cpp - a function under random construction ----------===//

#include "tests/unit/codegen/RandomFunction.h"

using namespace mlir;

namespace fettle::test {

RandomFunction::RandomFunction(unsigned seed)
    : b(UnknownLoc::get(&context), &context), generator(seed * 2654435761u + 1) {
  context.loadDialect<nn::NnDialect, func::FuncDialect>();
  module = ModuleOp::create(b.getLoc());
  b.setInsertionPointToEnd(module->getBody());
  function = func::FuncOp::create(b, "f", b.getFunctionType({}, {}));
  b.setInsertionPointToEnd(function.addEntryBlock());
}

Value RandomFunction::input(ArrayRef<int64_t> shape, Type element) {
  return function.getBody().front().addArgument(RankedTensorType::get(shape, element), b.getLoc());
}

std::string RandomFunction::finish(ValueRange results) {
  func::ReturnOp::create(b, results);
  function.setType(b.getFunctionType(function.getBody().front().getArgumentTypes(), results.getTypes()));
  std::string text;
  llvm::raw_string_ostream stream(text);
  function.print(stream);
  return text;
}

} // namespace fettle::test
