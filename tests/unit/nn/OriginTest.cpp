//===- OriginTest.cpp - names of nodes as locations ------------------------===//

#include "ir/support/Origin.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/JSON.h"
#include "gtest/gtest.h"

namespace fettle {
namespace {

TEST(Origin, NamesOfAnyBytesBecomeUtf8) {
  mlir::MLIRContext context;
  mlir::Location location = makeOriginLocation(&context, {"Conv_\xff\xfe", "Co\xc0nv"});
  Origin origin = getOrigins(location).front();
  EXPECT_TRUE(llvm::json::isUTF8(origin.node)) << origin.node;
  EXPECT_TRUE(llvm::json::isUTF8(origin.op)) << origin.op;
  EXPECT_TRUE(llvm::StringRef(origin.node).starts_with("Conv_"));
  EXPECT_EQ(formatOrigins(makeOriginLocation(&context, {"Größe", "Conv"})), "Größe");
}

} // namespace
} // namespace fettle
