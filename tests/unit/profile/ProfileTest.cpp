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
  profile.channels["conv"] = {{-1, 0, -3}, {1, 2.5f, 3}, {0.5f, 0, 9}};
  profile.tensors["input"] = {2, 2, {7}};
  profile.rows["input by 1"] = {0.1f, 3, 2, 2, {1, -2, 3.5f, 1e-30f}, {1, 2, 3, 4}, {1, 0.5f, 1, 2, 0, 2}, {}};
  profile.latencies["cpu:native"]["conv"] = {12.5, 13.25, true};
  profile.refits["fc"] = {2, 3, {1, 2}, {3, 4, 5}, {1, 0.5f, 2}, {1, 2, 3, 4, 5, 6}};
  profile.rows["conv by 1"] = {1, 0, 1, 2, {1, 2}, {1, 2}, {1, 0, 1}, {0.5f, 0, 0.25f, 0}};
  profile.roundingRefit = {5, 0.25, 0.125};
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
  EXPECT_EQ(read->channels["conv"].low, (std::vector<float>{-1, 0, -3}));
  EXPECT_EQ(read->channels["conv"].high, (std::vector<float>{1, 2.5f, 3}));
  EXPECT_EQ(read->channels["conv"].meanSquare, (std::vector<float>{0.5f, 0, 9}));
  const RowStatistics &rows = read->rows["input by 1"];
  EXPECT_EQ(rows.scale, 0.1f);
  EXPECT_EQ(rows.zeroPoint, 3);
  EXPECT_EQ(rows.groups, 2);
  EXPECT_EQ(rows.width, 2);
  EXPECT_EQ(rows.mean, (std::vector<float>{1, -2, 3.5f, 1e-30f}));
  EXPECT_EQ(rows.roundedMean, (std::vector<float>{1, 2, 3, 4}));
  EXPECT_EQ(rows.covariance, (std::vector<float>{1, 0.5f, 1, 2, 0, 2}));
  EXPECT_TRUE(rows.missing.empty());
  EXPECT_EQ(read->rows["conv by 1"].missing, (std::vector<float>{0.5f, 0, 0.25f, 0}));
  ASSERT_TRUE(read->roundingRefit);
  EXPECT_EQ(read->roundingRefit->layers, 5);
  EXPECT_EQ(read->roundingRefit->divergenceBefore, 0.25);
  EXPECT_EQ(read->roundingRefit->divergenceAfter, 0.125);
  const LayerLatency &latency = read->latencies["cpu:native"]["conv"];
  EXPECT_EQ(latency.floatMicroseconds, 12.5);
  EXPECT_EQ(latency.integerMicroseconds, 13.25);
  EXPECT_TRUE(latency.refused);
  const ProductMoments &moments = read->refits["fc"];
  EXPECT_EQ(moments.width, 2);
  EXPECT_EQ(moments.outputs, 3);
  EXPECT_EQ(moments.mean, (std::vector<float>{1, 2}));
  EXPECT_EQ(moments.targetMean, (std::vector<float>{3, 4, 5}));
  EXPECT_EQ(moments.covariance, (std::vector<float>{1, 0.5f, 2}));
  EXPECT_EQ(moments.cross, (std::vector<float>{1, 2, 3, 4, 5, 6}));
  EXPECT_EQ(read->toJson(), text);
}

TEST(Profile, KeepsNoSignOfZero) {
  Profile profile = example();
  profile.tensors["input"].min = -0.0;
  profile.latencies["cpu:native"]["conv"].floatMicroseconds = -0.0;
  std::string text = profile.toJson();
  EXPECT_EQ(llvm::cantFail(Profile::fromJson(text)).toJson(), text);
}

TEST(Profile, RefusesARefitOfRoundingThatIsNone) {
  auto problem = [](StringRef refit) {
    auto read = Profile::fromJson((R"({"schema_version":1,"samples":1,"channels":{},"tensors":{},"rows":{},"rounding_refit":)" + refit + "}").str());
    return read ? std::string() : llvm::toString(read.takeError());
  };
  EXPECT_EQ(problem(R"({"layers":0,"divergence_before":0,"divergence_after":1e-3})"), "");
  for (StringRef refit : {"3", "{}", R"({"layers":-1,"divergence_before":0,"divergence_after":0})", R"({"layers":1,"divergence_before":0})",
                          R"({"layers":1,"divergence_before":-1,"divergence_after":0})"})
    EXPECT_NE(problem(refit).find("rounding_refit has no layers"), std::string::npos) << refit.str();
}

TEST(Profile, RefusesMissingRowsThatDoNotFit) {
  Profile profile = example();
  profile.rows["conv by 1"].missing.pop_back();
  auto read = Profile::fromJson(profile.toJson());
  ASSERT_FALSE(bool(read));
  EXPECT_NE(llvm::toString(read.takeError()).find("'missing' does not hold 4 finite numbers"), std::string::npos);
}

TEST(Profile, RefusesMomentsThatDoNotFit) {
  auto problem = [](StringRef refit) {
    auto read = Profile::fromJson((R"({"schema_version":1,"samples":1,"channels":{},"tensors":{},"rows":{},"refits":{"fc":)" + refit + "}}").str());
    return read ? std::string() : llvm::toString(read.takeError());
  };
  auto sized = [&](StringRef width, StringRef cross) {
    return problem((R"({"outputs":1,"mean":"AACAPw==","target_mean":"AACAPw==","covariance":"AACAPw==","width":)" + width + R"(,"cross":")" +
                    cross + "\"}").str());
  };
  EXPECT_EQ(sized("1", "AACAPw=="), "");
  EXPECT_NE(problem("3").find("refit of 'fc': not an object"), std::string::npos);
  for (StringRef width : {"0", "-1", "99999999", "\"1\""})
    EXPECT_NE(sized(width, "AACAPw==").find("no width or outputs"), std::string::npos) << width.str();
  EXPECT_NE(sized("2", "AACAPw==").find("does not hold 2 finite numbers"), std::string::npos);
  EXPECT_NE(sized("1", "AACAfw==").find("'cross' does not hold 1 finite numbers"), std::string::npos);
}

TEST(Profile, RefusesWhatIsNone) {
  auto problem = [](StringRef text) {
    auto read = Profile::fromJson(text);
    return read ? std::string() : llvm::toString(read.takeError());
  };
  auto with = [](StringRef tensor) {
    return (R"({"schema_version":1,"samples":1,"channels":{},"tensors":{"a":)" + tensor + "},\"rows\":{}}").str();
  };
  EXPECT_NE(problem("{").find("no JSON"), std::string::npos);
  EXPECT_NE(problem(std::string(1000000, '[')).find("nested too deeply"), std::string::npos);
  EXPECT_NE(problem("[]").find("schema_version"), std::string::npos);
  EXPECT_NE(problem(R"({"schema_version":2})").find("version 2"), std::string::npos);
  EXPECT_NE(problem(R"({"schema_version":1,"samples":0,"tensors":{}})").find("samples"), std::string::npos);
  EXPECT_NE(problem(with("1")).find("tensor 'a': not an object"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":1,"max":0,"histogram":[1]})")).find("min and max"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":0,"max":1e999,"histogram":[1]})")), "");
  EXPECT_NE(problem(with(R"({"min":-1e308,"max":1e308,"histogram":[1]})")).find("min and max"), std::string::npos) << "no floats";
  EXPECT_NE(problem(R"({"schema_version":1,"samples":1,"channels":{},"tensors":{},"rows":{},"refits":[]})").find("refits"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":0,"max":1,"histogram":[]})")).find("no histogram"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":0,"max":1,"histogram":[-1]})")).find("no count"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":0,"max":1,"histogram":[9223372036854775807,1]})")).find("no count"), std::string::npos);
  EXPECT_NE(problem(with(R"({"min":0,"max":1,"histogram":[0,0]})")).find("empty"), std::string::npos);
  EXPECT_EQ(problem(with(R"({"min":0,"max":1,"histogram":[0,1]})")), "");
  auto withRows = [](StringRef rows) {
    return (R"({"schema_version":1,"samples":1,"channels":{},"tensors":{},"rows":{"a":)" + rows + "}}").str();
  };
  EXPECT_NE(problem(withRows("[]")).find("rows of 'a': not an object"), std::string::npos);
  EXPECT_NE(problem(withRows(R"({"scale":0,"zero_point":0,"groups":1,"width":1})")).find("no grid"), std::string::npos);
  EXPECT_NE(problem(withRows(R"({"scale":1,"zero_point":0,"groups":1,"width":99999999})")).find("no grid"), std::string::npos);
  auto withLatency = [&](StringRef latency) {
    return problem((R"({"schema_version":1,"samples":1,"channels":{},"tensors":{},"rows":{},"latencies":{"cpu:native":)" + latency + "}}").str());
  };
  EXPECT_EQ(withLatency(R"({"a":{"float_us":1,"int8_us":2,"refused":true}})"), "");
  EXPECT_NE(withLatency("3").find("'cpu:native': not an object"), std::string::npos);
  EXPECT_NE(withLatency(R"({"a":{"float_us":1,"int8_us":2}})").find("'a' has no"), std::string::npos);
  EXPECT_NE(withLatency(R"({"a":{"float_us":-1,"int8_us":2,"refused":true}})").find("'a' has no"), std::string::npos);
  auto numbers = [&](StringRef mean) {
    return problem(withRows((R"({"scale":1,"zero_point":0,"groups":1,"width":1,"covariance":"AACAPw==","rounded_mean":"AACAPw==","mean":")" +
                             mean + "\"}").str()));
  };
  EXPECT_EQ(numbers("AACAPw=="), "");
  EXPECT_NE(numbers("AACAPwAAgD8=").find("'mean' does not hold 1 finite numbers"), std::string::npos);
  EXPECT_NE(numbers("AACAf"), "");
  EXPECT_NE(numbers("AACAfw=="), "") << "infinity";
  auto channels = [&](StringRef low, StringRef high, StringRef square) {
    return problem((R"({"schema_version":1,"samples":1,"tensors":{},"rows":{},"channels":{"a":{"low":")" + low + R"(","high":")" +
                    high + R"(","mean_square":")" + square + "\"}}}").str());
  };
  // 1 and -1 as floats are AACAPw== and AACAvw==.
  EXPECT_EQ(channels("AACAvwAAgL8=", "AACAPwAAgD8=", "AACAPwAAgD8="), "");
  EXPECT_NE(channels("AACAvwAAgL8=", "AACAPwAAgD8=", "AACAPw=="), "");
  EXPECT_NE(channels("AACAvwAAgL8=", "AACAPw==", "AACAPwAAgD8="), "");
  EXPECT_NE(channels("AACAvwA=", "AACAPwA=", "AACAPwA="), "");
  EXPECT_NE(channels("AACAvw==", "AACAvw==", "AACAPw==").find("sign"), std::string::npos);
  EXPECT_NE(channels("AACAPw==", "AACAPw==", "AACAPw==").find("sign"), std::string::npos);
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

// A file may give one name to all of its nodes: a search for each would take as long as their number squared.
TEST(ValueNames, ManyMayShareAName) {
  MLIRContext context;
  context.loadDialect<func::FuncDialect, nn::NnDialect>();
  constexpr int count = 50000;
  std::string text = "func.func @main(%v0: tensor<4xf32> {nn.name = \"same~3\"}) -> tensor<4xf32> {\n";
  for (int i = 1; i <= count; ++i) {
    std::string own = std::to_string(i), before = std::to_string(i - 1);
    text += "%v" + own + " = nn.unary relu %v" + before + " : (tensor<4xf32>) -> tensor<4xf32> loc(\"same\"(\"Relu\"))\n";
  }
  text += "return %v" + std::to_string(count) + " : tensor<4xf32>\n}";
  auto module = parseSourceString<ModuleOp>(text, &context);
  ASSERT_TRUE(bool(module));
  auto function = module->lookupSymbol<func::FuncOp>("main");
  ValueNames names(function);
  std::vector<StringRef> found;
  for (Operation &op : function.getOps())
    for (Value result : op.getResults())
      found.push_back(names.nameOf(result));
  EXPECT_EQ(ArrayRef(found).take_front(4), (ArrayRef<StringRef>{"same", "same~2", "same~4", "same~5"}));
  EXPECT_EQ(found.back(), "same~50001");
}

} // namespace fettle::test
