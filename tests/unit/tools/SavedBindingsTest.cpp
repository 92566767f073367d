//===- SavedBindingsTest.cpp - bindings in a manifest ----------------------===//

#include "tools/fettle/SavedBindings.h"
#include "mlir/IR/Builders.h"
#include <cmath>
#include <gtest/gtest.h>

namespace fettle::cli {

/// What is left of bindings that go through the text of a manifest.
static BindingChoices kept(mlir::MLIRContext &context, const BindingChoices &bindings) {
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(bindingsToJson(bindings));
  llvm::Expected<llvm::json::Value> saved = llvm::json::parse(text);
  BindingChoices result;
  EXPECT_TRUE(bool(saved)) << llvm::toString(saved.takeError()) << text;
  if (saved)
    inheritBindings(context, *saved->getAsObject(), result);
  return result;
}

TEST(SavedBindings, AreReadAsTheyWereSaved) {
  mlir::MLIRContext context;
  mlir::Builder b(&context);
  BindingChoices bindings;
  bindings.dims = {{"batch", {1, 4}}, {"seq", {128}}};
  bindings.shapes = {{"x", {{1, 3}}}, {"y", {{}, {2}}}};
  bindings.constantTexts["mode"] = "1,2.5";
  const double infinity = std::numeric_limits<double>::infinity();
  HostTensor mask(mlir::RankedTensorType::get({4}, b.getF32Type())), token(mlir::RankedTensorType::get({}, b.getI64Type()));
  for (auto [i, value] : llvm::enumerate(std::vector<double>{-infinity, infinity, NAN, -0.1}))
    mask.setDouble(i, value);
  token.setInteger(0, INT64_MIN);
  bindings.constants["mask"] = mask;
  bindings.constants["token"] = token;
  BindingChoices read = kept(context, bindings);
  EXPECT_EQ(read.dims, bindings.dims);
  EXPECT_EQ(read.shapes, bindings.shapes);
  EXPECT_EQ(read.constantTexts["mode"], "1,2.5");
  std::vector<double> values = read.constants["mask"].doubles();
  ASSERT_EQ(values.size(), 4u);
  EXPECT_EQ(values[0], -infinity);
  EXPECT_EQ(values[1], infinity);
  EXPECT_TRUE(std::isnan(values[2]));
  EXPECT_EQ(values[3], double(-0.1f));
  EXPECT_EQ(read.constants["token"].integers(), std::vector<int64_t>{INT64_MIN});
}

TEST(SavedBindings, NamesThatAreNoTextAreLeftOut) {
  mlir::MLIRContext context;
  BindingChoices bindings;
  bindings.dims = {{"\xff", {1}}, {"seq", {128}}};
  bindings.shapes = {{"\xff", {{1, 3}}}};
  bindings.constantTexts["\xff"] = "1";
  bindings.constants["\xff"] = HostTensor(mlir::RankedTensorType::get({}, mlir::Float32Type::get(&context)));
  BindingChoices read = kept(context, bindings);
  EXPECT_EQ(read.dims, (decltype(read.dims){{"seq", {128}}}));
  EXPECT_TRUE(read.shapes.empty() && read.constants.empty() && read.constantTexts.empty());
}

} // namespace fettle::cli
