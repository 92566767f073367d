//===- FunctionTest.h - tests that look at one function -------------------===//
#ifndef FETTLE_TESTS_UNIT_PASSES_FUNCTIONTEST_H
#define FETTLE_TESTS_UNIT_PASSES_FUNCTIONTEST_H

#include "tests/unit/passes/Preserve.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

namespace fettle::test {

/// Holds a module with a function of the nn dialect.
class FunctionTest : public testing::Test {
protected:
  void parse(const std::string &text) {
    loadDialects(context);
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    ASSERT_TRUE(bool(module));
    function = *module->getOps<mlir::func::FuncOp>().begin();
  }

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  mlir::func::FuncOp function;
};

} // namespace fettle::test

#endif
