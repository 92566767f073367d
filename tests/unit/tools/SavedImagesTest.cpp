//===- SavedImagesTest.cpp - how images are prepared, in a manifest -------===//

#include "tools/fettle/SavedImages.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "tools/fettle/Recipe.h"
#include <gtest/gtest.h>

namespace fettle::cli {

class SavedImages : public testing::Test {
protected:
  SavedImages() : b(&context) {}

  std::vector<calibration::InputSpec> input(llvm::ArrayRef<int64_t> shape, mlir::Type element) {
    return {{"x", mlir::RankedTensorType::get(shape, element)}};
  }
  std::vector<calibration::InputSpec> input(llvm::ArrayRef<int64_t> shape) { return input(shape, b.getF32Type()); }
  /// The text of the manifest, and what is read from it again.
  std::pair<std::string, calibration::ImageOptions> save(const calibration::ImageOptions &options,
                                                         llvm::ArrayRef<std::vector<calibration::InputSpec>> specializations) {
    std::pair<std::string, calibration::ImageOptions> result;
    auto saved = imagesToJson(options, specializations);
    if (!saved) {
      result.first = llvm::toString(saved.takeError());
      return result;
    }
    llvm::raw_string_ostream(result.first) << llvm::json::Value(std::move(*saved));
    auto read = llvm::json::parse(result.first);
    EXPECT_TRUE(bool(read)) << llvm::toString(read.takeError());
    auto recipe = readRecipe("float", imageSettings(*read->getAsObject()));
    EXPECT_TRUE(bool(recipe)) << llvm::toString(recipe.takeError());
    result.second = recipe->images.value_or(calibration::ImageOptions());
    return result;
  }

  mlir::MLIRContext context;
  mlir::Builder b;
};

TEST_F(SavedImages, OpenChoicesAreMade) {
  calibration::ImageOptions options;
  options.mean = {0.5, 0.25, 0.1};
  options.std = {0.1, 1.0 / 3, 1};
  auto [text, read] = save(options, {input({1, 3, 224, 224})});
  EXPECT_EQ(text, R"({"x":{"crop":224,"layout":"nchw","mean":[0.5,0.25,0.10000000000000001],"order":"rgb","resize":256,)"
                  R"("std":[0.10000000000000001,0.33333333333333331,1]}})");
  EXPECT_EQ(read.resize, 256);
  EXPECT_EQ(read.crop, 224);
  EXPECT_EQ(read.mean, options.mean);
  EXPECT_EQ(read.std, options.std);
  EXPECT_EQ(read.isChannelsFirst, true);
  options.isBgr = true;
  auto last = save(options, {input({1, 224, 224, 3})});
  EXPECT_NE(last.first.find(R"("layout":"nhwc")"), std::string::npos);
  EXPECT_TRUE(last.second.isBgr);
  EXPECT_EQ(last.second.isChannelsFirst, false);
}

TEST_F(SavedImages, WhatDiffersBetweenSizesStaysOpen) {
  auto [text, read] = save({}, {input({1, 3, 224, 224}), input({1, 3, 448, 448})});
  EXPECT_NE(text.find(R"("crop":null,"layout":"nchw")"), std::string::npos) << text;
  EXPECT_NE(text.find(R"("resize":null)"), std::string::npos) << text;
  EXPECT_EQ(read.resize, 0);
  EXPECT_EQ(read.crop, 0);
  auto wide = save({}, {input({1, 3, 96, 160})});
  EXPECT_NE(wide.first.find(R"("crop":null)"), std::string::npos) << wide.first;
  EXPECT_EQ(wide.second.resize, 183);
}

TEST_F(SavedImages, GreyAndBytesHaveLessToSay) {
  EXPECT_EQ(save({}, {input({1, 1, 8, 8}, b.getIntegerType(8, false))}).first, R"({"x":{"crop":8,"layout":"nchw","resize":9}})");
  calibration::ImageOptions options;
  options.mean = {0.5, 0.5, 0.5};
  auto [text, read] = save(options, {input({1, 1, 8, 8})});
  EXPECT_NE(text.find(R"("mean":[0.5],"resize")"), std::string::npos) << text;
  EXPECT_EQ(read.mean, options.mean);
}

TEST_F(SavedImages, ModelsThatTakeNoImagesAreRefused) {
  std::vector<calibration::InputSpec> two = input({1, 3, 8, 8});
  two.push_back(two.front());
  EXPECT_NE(save({}, {two}).first.find("the model has 2 inputs"), std::string::npos);
  EXPECT_NE(save({}, {input({1, 128})}).first.find("takes no images"), std::string::npos);
}

TEST_F(SavedImages, DamagedOnesAreLeftToTheRecipe) {
  auto settings = [](llvm::StringRef text) { return imageSettings(*llvm::cantFail(llvm::json::parse(text)).getAsObject()); };
  EXPECT_EQ(settings(R"({"x": {"resize": {"a": 1}}})"), (std::vector<std::string>{R"(images.resize={"a":1})"}));
  EXPECT_EQ(settings(R"({"x": 5})"), std::vector<std::string>());
  auto recipe = readRecipe("float", settings(R"({"x": {"std": [0, 1, 1]}})"));
  ASSERT_FALSE(bool(recipe));
  EXPECT_NE(llvm::toString(recipe.takeError()).find("images.std cannot be '0,1,1'"), std::string::npos);
}

} // namespace fettle::cli
