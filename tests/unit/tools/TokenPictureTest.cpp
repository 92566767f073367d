//===- TokenPictureTest.cpp - tokens drawn onto images ---------------------===//

#include "tools/fettle/TokenPicture.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Base64.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::cli;

namespace {

HostTensor image(mlir::MLIRContext &context, std::vector<int64_t> shape, const std::vector<double> &values) {
  HostTensor tensor(mlir::RankedTensorType::get(shape, mlir::Float32Type::get(&context)));
  for (auto [i, value] : llvm::enumerate(values))
    tensor.setDouble(int64_t(i), value);
  return tensor;
}

size_t occurrences(llvm::StringRef text, llvm::StringRef part) { return text.count(part); }

TEST(TokenPictureTest, TheSquarestPatchesAreTaken) {
  auto grid = squarestGrid(64, 32, 32);
  ASSERT_TRUE(grid);
  EXPECT_EQ(std::pair(grid->rows, grid->columns), std::pair(int64_t(8), int64_t(8)));
  grid = squarestGrid(8, 16, 32); // patches of 8 x 8
  ASSERT_TRUE(grid);
  EXPECT_EQ(std::pair(grid->rows, grid->columns), std::pair(int64_t(2), int64_t(4)));
  grid = squarestGrid(5, 7, 10); // 7 x 2
  ASSERT_TRUE(grid);
  EXPECT_EQ(std::pair(grid->rows, grid->columns), std::pair(int64_t(1), int64_t(5)));
  EXPECT_FALSE(squarestGrid(7, 32, 32));
  EXPECT_FALSE(squarestGrid(4096, 32, 32)); // more than there are pixels
}

TEST(TokenPictureTest, AssignmentsAreComposed) {
  std::vector<int64_t> tokens = {0, 1, 2, 3, 4};
  followTokens(tokens, {0, 1, 1, 2, 3});
  EXPECT_EQ(tokens, (std::vector<int64_t>{0, 1, 1, 2, 3}));
  followTokens(tokens, {0, 0, 1, -1}); // the last one is dropped
  EXPECT_EQ(tokens, (std::vector<int64_t>{0, 0, 0, 1, -1}));
  followTokens(tokens, {1, 0}); // and stays so
  EXPECT_EQ(tokens, (std::vector<int64_t>{1, 1, 1, 0, -1}));
}

TEST(TokenPictureTest, BitmapsHaveRowsFromBelowAndBlueFirst) {
  mlir::MLIRContext context;
  // Red is 0 and 1, green 2 and 3, blue 4 and 4, from top to bottom; the second image is not looked at.
  std::string file = encodeBitmap(image(context, {2, 3, 2, 1}, {0, 1, 2, 3, 4, 4, 9, 9, 9, 9, 9, 9}), 0, 4);
  ASSERT_EQ(file.size(), 54u + 2 * 4);
  EXPECT_EQ(file.substr(0, 2), "BM");
  EXPECT_EQ(uint8_t(file[18]), 1);
  EXPECT_EQ(uint8_t(file[22]), 2);
  auto bytes = [&](size_t at) { return std::vector<int>{uint8_t(file[at]), uint8_t(file[at + 1]), uint8_t(file[at + 2]), uint8_t(file[at + 3])}; };
  EXPECT_EQ(bytes(54), (std::vector<int>{255, 191, 64, 0}));
  EXPECT_EQ(bytes(58), (std::vector<int>{255, 128, 0, 0}));
}

TEST(TokenPictureTest, OneChannelIsGrey) {
  mlir::MLIRContext context;
  std::string file = encodeBitmap(image(context, {1, 1, 1, 1}, {-3}), -4, 0);
  EXPECT_EQ(file.substr(54, 3), std::string(3, char(64)));
  // An image of one value is black, not a division by 0.
  file = encodeBitmap(image(context, {1, 1, 1, 1}, {7}), 7, 7);
  EXPECT_EQ(file.substr(54, 3), std::string(3, '\0'));
}

TEST(TokenPictureTest, LinesTintsAndShades) {
  // 2 x 2 patches: all apart; the upper two one token; the lower left one dropped.
  std::string picture = drawTokenPicture("BM", 2, 2, {2, 2}, {{"4 tokens", "", {0, 1, 2, 3}}, {"2 tokens", "behind <a> & b", {0, 0, -1, 1}}});
  EXPECT_EQ(occurrences(picture, "data:image/bmp;base64," + llvm::encodeBase64(llvm::StringRef("BM"))), 1u);
  llvm::StringRef panels = llvm::StringRef(picture).split("<g ").second;
  auto [first, second] = panels.split("<g ");
  EXPECT_EQ(occurrences(picture, "<use href=\"#image\"/>"), 2u);
  EXPECT_EQ(occurrences(first, "class="), 0u);
  EXPECT_EQ(occurrences(second, "class=\"merged\""), 1u);
  EXPECT_EQ(occurrences(second, "class=\"dropped\""), 1u);
  EXPECT_TRUE(second.contains("d=\"M0.00 0.00h100.00v100.00h-100.00zM100.00 0.00h100.00v100.00h-100.00z\""));
  // Twelve edges; the one between the upper patches is missing.
  auto edges = [](llvm::StringRef panel) {
    llvm::StringRef lines = panel.split("stroke-opacity=\".85\" d=\"").second.split('"').first;
    return lines.count('M');
  };
  EXPECT_EQ(edges(first), 12u);
  EXPECT_EQ(edges(second), 11u);
  EXPECT_FALSE(second.contains("M100.00 0.00v100.00"));
  EXPECT_TRUE(first.contains("M100.00 0.00v100.00"));
  EXPECT_TRUE(second.contains("behind &lt;a&gt; &amp; b"));
  EXPECT_FALSE(llvm::StringRef(picture).contains("<a>"));
}

} // namespace
