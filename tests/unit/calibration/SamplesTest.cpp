//===- SamplesTest.cpp - numpy files and samples --------------------------===//

#include "calibration/Samples.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <gtest/gtest.h>
#include <zip.h>

using namespace fettle;
using namespace fettle::calibration;
using namespace mlir;

namespace {

class NumpyTest : public testing::Test {
protected:
  NumpyTest() : b(&context) {}
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createTemporaryFile("samples", "npz", path)); }
  void TearDown() override { llvm::sys::fs::remove(path); }

  llvm::Expected<HostTensor> parse(StringRef dictionary, StringRef data, char version = 1) {
    std::string text = std::string("\x93NUMPY") + version + '\0';
    text.push_back(char(dictionary.size()));
    text.append(version == 1 ? 1 : 3, '\0');
    text += dictionary;
    text += data;
    auto bytes = std::make_shared<std::vector<char>>(text.begin(), text.end());
    return parseNpy(context, *bytes, bytes);
  }
  std::string problem(llvm::Expected<HostTensor> tensor) { return tensor ? "" : llvm::toString(tensor.takeError()); }
  HostTensor counted(ArrayRef<int64_t> shape, Type element) {
    HostTensor tensor(RankedTensorType::get(shape, element));
    for (int64_t i = 0; i < tensor.numElements(); ++i)
      tensor.setDouble(i, double(i % 2));
    return tensor;
  }

  MLIRContext context;
  Builder b;
  llvm::SmallString<64> path;
};

TEST_F(NumpyTest, ReadsVersionsOneToThree) {
  for (char version : {1, 2, 3}) {
    auto tensor = parse("{'descr': '<i2', 'fortran_order': False, 'shape': (2,), }", StringRef("\1\0\2\0", 4), version);
    ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
    EXPECT_EQ(tensor->integers(), (std::vector<int64_t>{1, 2}));
  }
}

TEST_F(NumpyTest, ReadsFortranOrderAndBigEndian) {
  auto tensor =
      parse("{'descr': '>i2', 'fortran_order': True, 'shape': (2, 3), }", StringRef("\0\1\0\4\0\2\0\5\0\3\0\6", 12));
  ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
  EXPECT_EQ(tensor->integers(), (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
}

TEST_F(NumpyTest, BooleansAreZeroOrOne) {
  auto tensor = parse("{'descr': '|b1', 'fortran_order': False, 'shape': (3,), }", StringRef("\0\x7f\1", 3));
  ASSERT_TRUE(bool(tensor)) << llvm::toString(tensor.takeError());
  EXPECT_EQ(tensor->integers(), (std::vector<int64_t>{0, 1, 1}));
}

TEST_F(NumpyTest, ReadsScalarsAndEmptyArrays) {
  auto scalar = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (), }", StringRef("\0\0\x80\x3f", 4));
  ASSERT_TRUE(bool(scalar)) << llvm::toString(scalar.takeError());
  EXPECT_EQ(scalar->doubleAt(0), 1.0);
  auto empty = parse("{'descr': '<f4', 'fortran_order': False, 'shape': (4611686018427387904, 0, 8), }", "");
  ASSERT_TRUE(bool(empty)) << llvm::toString(empty.takeError());
  EXPECT_EQ(empty->numElements(), 0);
}

TEST_F(NumpyTest, RefusesWhatIsDamaged) {
  EXPECT_NE(problem(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (4,), }", "123")), "");
  EXPECT_NE(problem(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (-1,), }", "1234")), "");
  EXPECT_NE(problem(parse("{'descr': '<f8', 'fortran_order': False, 'shape': (4294967296, 4294967296), }", "1234")),
            "");
  EXPECT_NE(problem(parse("{'descr': '<f4', 'shape': (1,), }", "1234")), "");
  EXPECT_NE(problem(parse("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", "1234")), "");
  EXPECT_NE(problem(parse("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,), }", "1234")), "");
  EXPECT_NE(problem(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (1", "1234")), "");
  EXPECT_NE(problem(parse("{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }", "12345678")).find("needs 4 bytes, there are 8"), std::string::npos);
  EXPECT_NE(problem(parse("{'descr", "")), "");
  EXPECT_NE(problem(parse("", "", 9)), "");
}

TEST_F(NumpyTest, NpzRoundTripOfEveryType) {
  auto ui = [&](unsigned width) { return IntegerType::get(&context, width, IntegerType::Unsigned); };
  std::vector<NpzArray> arrays;
  for (auto [i, element] : llvm::enumerate(
           std::vector<Type>{b.getF16Type(), b.getF32Type(), b.getF64Type(), b.getI1Type(), b.getIntegerType(8),
                             b.getIntegerType(16), b.getI32Type(), b.getI64Type(), ui(8), ui(16), ui(32), ui(64)}))
    arrays.push_back({"a" + std::to_string(i), {counted({2, 3}, element), counted({2, 3}, element)}, true});
  arrays.push_back({"bf16", {counted({4}, b.getBF16Type())}, false});
  ASSERT_FALSE(bool(writeNpz(path, arrays)));
  auto read = readNpz(context, path);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  ASSERT_EQ(read->size(), arrays.size());
  for (auto [was, is] : llvm::zip(llvm::ArrayRef(arrays).drop_back(), *read)) {
    EXPECT_EQ(is.name, was.name);
    EXPECT_EQ(is.tensor.elementType(), was.samples[0].elementType());
    EXPECT_EQ(is.tensor.shape(), llvm::ArrayRef<int64_t>({2, 2, 3}));
    EXPECT_EQ(is.tensor.bytes().drop_front(is.tensor.bytes().size() / 2), was.samples[1].bytes());
  }
  EXPECT_TRUE(read->back().tensor.elementType().isF32());
  EXPECT_EQ(read->back().tensor.doubles(), (std::vector<double>{0, 1, 0, 1}));
}

// 12 MB, read back from the spool file, more than once and in any order.
TEST_F(NumpyTest, LargeArraysComeFromDisk) {
  std::vector<HostTensor> written;
  for (int i = 0; i < 3; ++i) {
    written.emplace_back(RankedTensorType::get({1000, 1000}, b.getF32Type()));
    for (int64_t k = 0; k < 1000000; k += 997)
      written.back().setDouble(k, k + i);
  }
  ASSERT_FALSE(bool(writeNpz(path, {{"x", written, true}})));
  auto read = readNpz(context, path);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_NE(read->front().spool, nullptr);
  auto samples = Samples::cut({{"x", written[0].type()}}, std::move(*read));
  ASSERT_TRUE(bool(samples)) << llvm::toString(samples.takeError());
  EXPECT_FALSE(bool(samples->checkFinite()));
  for (int i : {2, 0, 1, 1})
    EXPECT_EQ(samples->sample(i)[0].bytes(), written[i].bytes());
}

// Each array alone would stay in memory; 12 MB do not.
TEST_F(NumpyTest, ManySmallArraysComeFromDisk) {
  std::vector<NpzArray> written;
  for (int i = 0; i < 12; ++i) {
    HostTensor tensor(RankedTensorType::get({250000 + i}, b.getF32Type()));
    tensor.setDouble(i, i + 1);
    written.push_back({"a" + std::to_string(i), {tensor}, false});
  }
  ASSERT_FALSE(bool(writeNpz(path, written)));
  auto read = readNpz(context, path);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  ASSERT_EQ(read->size(), 12u);
  for (auto [was, is] : llvm::zip(written, *read)) {
    EXPECT_EQ(is.name, was.name);
    EXPECT_NE(is.spool, nullptr) << is.name;
    EXPECT_EQ(is.tensor.bytes(), was.samples[0].bytes()) << is.name;
  }
}

// 64 MB of zeros in 64 kB, behind a header of four floats: nearly nothing of it is unpacked.
TEST_F(NumpyTest, NoMoreIsUnpackedThanTheShapeNeeds) {
  std::vector<char> bytes = npyHeader(RankedTensorType::get({4}, b.getF32Type()));
  bytes.resize(64 << 20);
  zip_t *archive = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  ASSERT_NE(archive, nullptr);
  zip_file_add(archive, "x.npy", zip_source_buffer(archive, bytes.data(), bytes.size(), 0), 0);
  ASSERT_EQ(zip_set_file_compression(archive, 0, ZIP_CM_DEFLATE, 9), 0);
  ASSERT_EQ(zip_close(archive), 0);
  auto read = readNpz(context, path);
  ASSERT_FALSE(bool(read));
  EXPECT_NE(llvm::toString(read.takeError()).find("'x': damaged numpy array: it goes on behind the 16 bytes"), std::string::npos);
}

TEST_F(NumpyTest, EqualArraysGiveEqualFiles) {
  std::vector<NpzArray> arrays{{"x", {counted({3}, b.getF32Type())}, false}};
  ASSERT_FALSE(bool(writeNpz(path, arrays)));
  std::string first = (*llvm::MemoryBuffer::getFile(path))->getBuffer().str();
  ASSERT_FALSE(bool(writeNpz(path, arrays)));
  EXPECT_EQ(first, (*llvm::MemoryBuffer::getFile(path))->getBuffer().str());
}

TEST_F(NumpyTest, TruncatedOrFlippedNpzNeverCrashes) {
  std::vector<NpzArray> arrays{{"x", {counted({3, 5}, b.getF32Type())}, false},
                               {"y", {counted({4}, b.getI64Type())}, false}};
  ASSERT_FALSE(bool(writeNpz(path, arrays)));
  std::string whole = (*llvm::MemoryBuffer::getFile(path))->getBuffer().str();
  auto readBytes = [&](const std::string &bytes) {
    std::error_code error;
    llvm::raw_fd_ostream(path, error) << bytes;
    auto read = readNpz(context, path);
    if (!read)
      llvm::consumeError(read.takeError());
  };
  for (size_t size = 0; size < whole.size(); size += 7)
    readBytes(whole.substr(0, size));
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] ^= char(1 << (at % 8));
    readBytes(flipped);
  }
}

// TensorProto: dims {3}, data type, raw data.
TEST_F(NumpyTest, ReadsSerializedTensors) {
  const std::string file = (path + ".pb").str();
  auto read = [&](char type, StringRef raw) {
    std::error_code error;
    llvm::raw_fd_ostream(file, error) << "\x08\x03\x10" << type << "\x4a" << char(raw.size()) << raw;
    auto tensor = readTensorFile(context, file, "");
    llvm::sys::fs::remove(file);
    return tensor;
  };
  auto booleans = read(9, StringRef("\0\x7f\1", 3));
  ASSERT_TRUE(bool(booleans)) << llvm::toString(booleans.takeError());
  EXPECT_EQ(booleans->integers(), (std::vector<int64_t>{0, 1, 1}));
  auto bytes = read(3, "\xff\1\2");
  ASSERT_TRUE(bool(bytes)) << llvm::toString(bytes.takeError());
  EXPECT_EQ(bytes->integers(), (std::vector<int64_t>{-1, 1, 2}));
  EXPECT_NE(problem(read(3, "12")), "") << "too short";
  EXPECT_NE(problem(read(17, "123")).find("float8e4m3fn, which is not supported"), std::string::npos);
  EXPECT_NE(problem(read(99, "123")), "");
}

class CuttingTest : public NumpyTest {
protected:
  InputSpec input(StringRef name, ArrayRef<int64_t> shape) {
    return {name.str(), RankedTensorType::get(shape, b.getF32Type())};
  }
  NamedTensor array(StringRef name, ArrayRef<int64_t> shape) { return {name.str(), counted(shape, b.getF32Type())}; }
};

TEST_F(CuttingTest, OwnRankIsCutByTheFirstDimension) {
  auto samples = Samples::cut({input("x", {2, 3})}, {array("x", {6, 3})});
  ASSERT_TRUE(bool(samples)) << llvm::toString(samples.takeError());
  EXPECT_EQ(samples->size(), 3);
  EXPECT_EQ(samples->sample(2)[0].bytes(), counted({6, 3}, b.getF32Type()).bytes().drop_front(2 * 6 * 4));
}

TEST_F(CuttingTest, OneRankMoreHoldsOneSampleEach) {
  auto samples = Samples::cut({input("x", {2, 3}), input("s", {})}, {array("s", {4}), array("x", {4, 2, 3})});
  ASSERT_TRUE(bool(samples)) << llvm::toString(samples.takeError());
  EXPECT_EQ(samples->size(), 4);
  EXPECT_EQ(samples->sample(3)[0].shape(), llvm::ArrayRef<int64_t>({2, 3}));
  EXPECT_TRUE(samples->sample(3)[1].shape().empty());
}

TEST_F(CuttingTest, LabelsCountRows) {
  NamedTensor labels{"labels", HostTensor(RankedTensorType::get({6}, b.getI64Type()))};
  auto samples = Samples::cut({input("x", {2, 3})}, {array("x", {6, 3}), labels});
  ASSERT_TRUE(bool(samples)) << llvm::toString(samples.takeError());
  EXPECT_EQ(samples->labels().size(), 6u);
}

TEST_F(CuttingTest, NamesAllMistakes) {
  auto samples =
      Samples::cut({input("x", {2, 3}), input("y", {1}), input("z", {4})}, {array("x", {5, 3}), array("z", {3, 3})});
  std::string text = llvm::toString(samples.takeError());
  for (const char *name : {"'x'", "'y'", "'z'"})
    EXPECT_NE(text.find(name), std::string::npos) << text;
}

TEST_F(CuttingTest, EmptyArraysDoNotTellHowManySamplesThereAre) {
  const int64_t many = int64_t(1) << 62;
  for (auto [spec, tensor] : {std::pair(input("x", {0, 3}), array("x", {many, 0, 3})), {input("x", {2, 0}), array("x", {many, 0})}}) {
    auto cut = Samples::cut({spec}, {tensor});
    ASSERT_FALSE(bool(cut));
    EXPECT_EQ(llvm::toString(cut.takeError()), "inputs without elements do not tell how many samples there are");
  }
  auto one = Samples::cut({input("x", {0, 3})}, {array("x", {0, 3})});
  ASSERT_TRUE(bool(one)) << llvm::toString(one.takeError());
  EXPECT_EQ(one->size(), 1);
  // Beside another input, as many samples as that has: a cache that is empty at the first token.
  auto beside = Samples::cut({input("x", {2}), input("past", {1, 0, 8})}, {array("x", {5, 2}), array("past", {5, 1, 0, 8})});
  ASSERT_TRUE(bool(beside)) << llvm::toString(beside.takeError());
  EXPECT_EQ(beside->size(), 5);
}

TEST_F(CuttingTest, NoiseIsReproducible) {
  InputSpec spec = input("x", {64});
  EXPECT_EQ(Samples::random({spec}, 7).sample(0)[0].bytes(), Samples::random({spec}, 7).sample(0)[0].bytes());
  EXPECT_NE(Samples::random({spec}, 7).sample(0)[0].bytes(), Samples::random({spec}, 8).sample(0)[0].bytes());
}

} // namespace
