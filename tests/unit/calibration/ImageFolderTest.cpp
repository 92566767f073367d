//===- ImageFolderTest.cpp - a folder of images as samples ---------------===//

#include "calibration/ImageFolder.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "tests/unit/calibration/EncodedImages.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::calibration;
using namespace mlir;

namespace {

class ImageFolderTest : public testing::Test {
protected:
  ImageFolderTest() : b(&context) {}
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("images", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  void write(StringRef name, ArrayRef<char> bytes) {
    std::string path = (folder + "/" + name).str();
    llvm::sys::fs::create_directories(path.substr(0, path.rfind('/')));
    std::error_code error;
    llvm::raw_fd_ostream os(path, error);
    ASSERT_FALSE(error);
    os.write(bytes.data(), bytes.size());
  }
  void writeGrey(StringRef name, uint8_t value) {
    write(name, encodePng(2, 2, PNG_FORMAT_GRAY, std::vector<uint8_t>(4, value)));
  }
  InputSpec spec(ArrayRef<int64_t> shape, Type element) { return {"x", RankedTensorType::get(shape, element)}; }
  std::string problem(const InputSpec &input, const ImageOptions &options = {}) {
    auto created = ImageInput::create(input, options);
    return created ? "" : llvm::toString(created.takeError());
  }
  std::vector<char> prepare(const InputSpec &input, const ImageOptions &options, const Image &image) {
    auto bytes = cantFail(ImageInput::create(input, options)).prepare(image);
    EXPECT_TRUE(bool(bytes));
    return bytes ? *bytes : std::vector<char>();
  }

  MLIRContext context;
  Builder b;
  llvm::SmallString<64> folder;
  const Image pair{2, 2, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
};

TEST_F(ImageFolderTest, LayoutsAndOrders) {
  ImageOptions options;
  options.resize = 2;
  Type byte = b.getIntegerType(8, /*isSigned=*/false);
  EXPECT_EQ(prepare(spec({1, 2, 2, 3}, byte), options, pair), (std::vector<char>{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}));
  EXPECT_EQ(prepare(spec({1, 3, 2, 2}, byte), options, pair), (std::vector<char>{1, 4, 7, 10, 2, 5, 8, 11, 3, 6, 9, 12}));
  options.isBgr = true;
  EXPECT_EQ(prepare(spec({1, 3, 2, 2}, byte), options, pair), (std::vector<char>{3, 6, 9, 12, 2, 5, 8, 11, 1, 4, 7, 10}));
}

TEST_F(ImageFolderTest, FloatsAreNormalized) {
  ImageOptions options;
  options.resize = 1;
  options.isChannelsFirst = true; // the last axis may be channels, too
  options.mean = {0.5, 0.25, 0};
  options.std = {0.5, 0.25, 1};
  std::vector<char> bytes = prepare(spec({1, 3, 1, 1}, b.getF32Type()), options, {1, 1, {255, 0, 51}});
  ASSERT_EQ(bytes.size(), 12u);
  float values[3];
  memcpy(values, bytes.data(), sizeof values);
  EXPECT_EQ(values[0], 1.0f);
  EXPECT_EQ(values[1], -1.0f);
  EXPECT_EQ(values[2], 0.2f);
}

TEST_F(ImageFolderTest, OneChannelIsLuma) {
  ImageOptions options;
  options.resize = 1;
  options.isChannelsFirst = true;
  EXPECT_EQ(prepare(spec({1, 1, 1, 1}, b.getIntegerType(8, false)), options, {1, 1, {255, 0, 0}}), (std::vector<char>{76}));
}

TEST_F(ImageFolderTest, ResizesTheShorterSideAndCropsTheMiddle) {
  ImageOptions options;
  options.resize = 2;
  // 8 x 4 becomes 4 x 2, of which the middle 2 x 2 is left.
  Image image{8, 4, {}};
  for (int y = 0; y < 4; ++y)
    for (int x = 0; x < 8; ++x)
      image.rgb.insert(image.rgb.end(), 3, x < 4 ? 0 : 210);
  // Triangles of 4 pixels, 1/8 3/8 3/8 1/8, round centres at 3 and 5.
  EXPECT_EQ(prepare(spec({1, 2, 2, 1}, b.getIntegerType(8, false)), options, image), (std::vector<char>{26, char(184), 26, char(184)}));
}

TEST_F(ImageFolderTest, LongAndNarrowImagesAreRefused) {
  auto input = cantFail(ImageInput::create(spec({1, 3, 512, 512}, b.getF32Type()), {}));
  auto bytes = input.prepare({4096, 1, std::vector<uint8_t>(4096 * 3)});
  ASSERT_FALSE(bool(bytes));
  EXPECT_EQ(llvm::toString(bytes.takeError()), "would be 2396160 x 585 pixels with the shorter side at 585");
  // 2395867.5 pixels are 2395868, 1198372.5 are 1198372.
  for (auto [width, wanted] : {std::pair(8191, "would be 2395868 x 585"), {4097, "would be 1198372 x 585"}}) {
    auto rounded = input.prepare({width, 2, std::vector<uint8_t>(width * 6)});
    ASSERT_FALSE(bool(rounded));
    EXPECT_TRUE(llvm::StringRef(llvm::toString(rounded.takeError())).starts_with(wanted));
  }
}

TEST_F(ImageFolderTest, InputsThatTakeNoImages) {
  Type f32 = b.getF32Type();
  EXPECT_NE(problem(spec({1, 3, 8}, f32)).find("no four axes with 1 or 3 channels second or last"), std::string::npos);
  EXPECT_NE(problem(spec({1, 4, 8, 8}, f32)).find("no four axes"), std::string::npos);
  EXPECT_NE(problem(spec({1, 3, 8, 8}, b.getI64Type())).find("float32 or uint8"), std::string::npos);
  EXPECT_NE(problem(spec({1, 3, 8, 3}, f32)).find("images.layout"), std::string::npos);
  EXPECT_NE(problem(spec({1, 3, 1 << 14, 1 << 14}, f32)).find("larger than images are"), std::string::npos);
  ImageOptions options;
  options.isChannelsFirst = false;
  EXPECT_EQ(problem(spec({1, 3, 8, 3}, f32), options), "");
  options = {};
  options.mean = {0.1, 0.2, 0.3};
  EXPECT_NE(problem(spec({1, 1, 8, 8}, f32), options).find("one channel"), std::string::npos);
  EXPECT_NE(problem(spec({1, 3, 8, 8}, b.getIntegerType(8, false)), options).find("takes bytes"), std::string::npos);
  options = {};
  options.resize = 7;
  EXPECT_NE(problem(spec({1, 3, 8, 8}, f32), options).find("raise images.resize"), std::string::npos);
}

TEST_F(ImageFolderTest, NamesGiveOrderAndClasses) {
  writeGrey("10/a.PNG", 1);
  writeGrey("9/b.png", 2);
  writeGrey("9/a.png", 3);
  write("9/notes.txt", {'x'});
  auto listed = ImageFolder::list(folder);
  ASSERT_TRUE(bool(listed)) << llvm::toString(listed.takeError());
  EXPECT_EQ(listed->labels, (std::vector<int64_t>{10, 9, 9}));
  writeGrey("cat/a.png", 4);
  listed = ImageFolder::list(folder);
  ASSERT_TRUE(bool(listed)) << llvm::toString(listed.takeError());
  EXPECT_EQ(listed->labels, (std::vector<int64_t>{0, 1, 1, 2}));
  writeGrey("top.png", 5);
  auto mixed = ImageFolder::list(folder);
  ASSERT_FALSE(bool(mixed));
  EXPECT_NE(llvm::toString(mixed.takeError()).find("one folder for each class"), std::string::npos);
}

TEST_F(ImageFolderTest, ReadsArraysAndNamesWhatIsDamaged) {
  writeGrey("b.png", 255);
  writeGrey("a.png", 0);
  InputSpec wanted = spec({1, 1, 2, 2}, b.getF32Type());
  ImageOptions options;
  options.resize = 2;
  ImageInput input = cantFail(ImageInput::create(wanted, options));
  auto arrays = cantFail(ImageFolder::list(folder)).read(wanted, input);
  ASSERT_TRUE(bool(arrays)) << llvm::toString(arrays.takeError());
  ASSERT_EQ(arrays->size(), 1u);
  auto samples = Samples::cut(wanted, *arrays);
  ASSERT_TRUE(bool(samples)) << llvm::toString(samples.takeError());
  ASSERT_EQ(samples->size(), 2);
  EXPECT_EQ(samples->sample(0).front().doubleAt(3), 0);
  EXPECT_EQ(samples->sample(1).front().doubleAt(3), 1);
  write("c.jpg", {char(0xff), char(0xd8), char(0xff), 0});
  auto damaged = cantFail(ImageFolder::list(folder)).read(wanted, input);
  ASSERT_FALSE(bool(damaged));
  EXPECT_NE(llvm::toString(damaged.takeError()).find("c.jpg: not a readable JPEG image"), std::string::npos);
}

TEST_F(ImageFolderTest, ManyImagesGoToASpoolFile) {
  for (int i = 0; i < 3; ++i)
    writeGrey(std::to_string(i) + ".png", i);
  InputSpec wanted = spec({1, 3, 512, 512}, b.getF32Type());
  ImageInput input = cantFail(ImageInput::create(wanted, {}));
  auto arrays = cantFail(ImageFolder::list(folder)).read(wanted, input);
  ASSERT_TRUE(bool(arrays)) << llvm::toString(arrays.takeError());
  EXPECT_TRUE(bool(arrays->front().spool));
  auto samples = Samples::cut(wanted, *arrays);
  ASSERT_TRUE(bool(samples)) << llvm::toString(samples.takeError());
  EXPECT_EQ(samples->sample(2).front().doubleAt(0), double(float(2 / 255.0)));
}

} // namespace
