//===- ProfileTest.cpp - the profile's file, and names of values -----------===//

#include "ir/nn/Nn.h"
#include "ir/profile/Profile.h"
#include "ir/profile/ValueNames.h"
#include "mlir/Parser/Parser.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::test {

static Profile example() {
  Profile profile;
  profile.samples = 3;
  profile.tensors["conv \"1\""] = {-0.1f, 1e-30, {1, 0, 5}};
  profile.tensors["input"] = {2, 2, {7}};
  return profile;
}

TEST(Profile, IsReadAsItWasWritten) {
  std::string text = example().toJson();
  auto read = Profile::fromJson(text);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->samples, 3);
  ASSERT_EQ(read->tensors.size(), 2u);
  const TensorStatistics &conv = read->tensors["conv \"1\""];
  EXPECT_EQ(conv.min, double(-0.1f));
  EXPECT_EQ(conv.max, 1e-30);
  EXPECT_EQ(conv.histogram, (std::vector<int64_t>{1, 0, 5}));
  EXPECT_EQ(read->toJson(), text);
}

TEST(Profile, RefusesWhatIsNone) {
  auto problem = [](StringRef text) {
    auto read = Profile::fromJson(text);
    return read ? std::string() : llvm::toString(read.takeError());
  };
  auto with = [](StringRef tensor) {
    return (R"({"schema_version":1,"samples":1,"tensors":{"a":)" + tensor + "}}").str();
  };
  EXPECT_NE(problem("{").find("no JSON"), std::string::npos);
  EXPECT_NE(problem("[]").find("schema_version"), std::string::npos);
  EXPECT_NE(problem(R"({"schema_version":2})").find("version 2"), std::string::npos);
  EXPECT_NE(problem(R"({"schema_version":1,"samples":0,"tensors":{}})").find("samples"), std::string::npos);
  EXPECT_NE(problem(with("1")).find("tensor 'a' is no object"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":1,"max":0,"histogram":[1]})")).find("min and max"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":0,"max":1e999,"histogram":[1]})")), "");
  EXPECT_NE(problem(with(R"({"min":0,"max":1,"histogram":[]})")).find("no histogram"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":0,"max":1,"histogram":[-1]})")).find("no count"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":0,"max":1,"histogram":[9223372036854775807,1]})")).find("no count"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":0,"max":1,"histogram":[0,0]})")).find("empty"), std::string::npos);
  EXPECT_EQ(problem(with(R"({"min":0,"max":1,"histogram":[0,1]})")), "");
}

TEST(ValueNames, FollowLocations) {
  MLIRContext context;
  context.loadDialect<func::FuncDialect, nn::NnDialect>();
  auto module = parseSourceString<ModuleOp>(R"(
    func.func @main(%x: tensor<4xf32> {nn.name = "image"}, %y: tensor<4xf32>) -> tensor<4xf32> {
      %c = nn.constant dense<1.0> : tensor<4xf32> loc("weights"("Initializer"))
      %0 = nn.binary add %x, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("norm"("Norm"))
      %1 = nn.binary mul %0, %c : (tensor<4xf32>, tensor<4xf32>) -> tensor<4xf32> loc("norm"("Norm"))
      %2 = nn.unary relu %1 : (tensor<4xf32>) -> tensor<4xf32> loc(fused["a"("A"), "b"("B")])
      %v, %i = nn.top_k %2 {k = 4 : i64, axis = 0 : i64, largest, sorted} : (tensor<4xf32>) -> (tensor<4xf32>, tensor<4xi64>) loc("best"("TopK"))
      return %v : tensor<4xf32>
    })",
                                            &context);
  ASSERT_TRUE(bool(module));
  auto function = module->lookupSymbol<func::FuncOp>("main");
  ValueNames names(function);
  std::vector<std::string> found;
  for (BlockArgument argument : function.getArguments())
    found.push_back(names.nameOf(argument).str());
  for (Operation &op : function.getOps())
    for (Value result : op.getResults())
      found.push_back(names.nameOf(result).str());
  EXPECT_EQ(found, (std::vector<std::string>{"image", "input1", "", "norm", "norm~2", "a+b", "best:0", "best:1"}));
  EXPECT_EQ(names.find("norm~2").getDefiningOp<nn::BinaryOp>().getKind(), nn::BinaryKind::mul);
  EXPECT_FALSE(names.find("weights"));
}

} // namespace fettle::test
