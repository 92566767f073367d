//===- TensorFolderTest.cpp - folders of serialized tensors as samples ----===//

#include "calibration/TensorFolder.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::calibration;
using namespace mlir;

namespace {

/// A length-delimited protobuf field, or an integer one.
std::string field(int number, const std::string &data) {
  std::string text(1, char(number << 3 | 2));
  size_t size = data.size();
  for (; size >= 128; size /= 128)
    text.push_back(char(size % 128 | 128));
  return text + char(size) + data;
}
std::string field(int number, int value) { return {char(number << 3), char(value)}; }

/// A TensorProto of float32; its last element is `last`, others are zeros.
std::string tensor(StringRef name, ArrayRef<int> dims, float last) {
  std::string proto;
  int64_t elements = 1;
  for (int dim : dims) {
    proto += field(1, dim);
    elements *= dim;
  }
  std::string raw(elements * sizeof last, '\0');
  memcpy(raw.data() + raw.size() - sizeof last, &last, sizeof last);
  return proto + field(2, 1) + (name.empty() ? "" : field(8, name.str())) + field(9, raw);
}

class TensorFolderTest : public testing::Test {
protected:
  TensorFolderTest() : b(&context) {}
  void SetUp() override { ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("tensors", folder)); }
  void TearDown() override { llvm::sys::fs::remove_directories(folder); }

  void write(StringRef name, StringRef bytes) {
    std::string path = (folder + "/" + name).str();
    llvm::sys::fs::create_directories(path.substr(0, path.rfind('/')));
    std::error_code error;
    llvm::raw_fd_ostream(path, error) << bytes;
    ASSERT_FALSE(error);
  }
  InputSpec input(StringRef name, ArrayRef<int64_t> shape) { return {name.str(), RankedTensorType::get(shape, b.getF32Type())}; }

  llvm::Expected<Samples> read(ArrayRef<InputSpec> inputs) {
    auto listed = TensorFolder::list(folder);
    if (!listed)
      return listed.takeError();
    std::vector<std::string> names;
    for (const InputSpec &spec : inputs)
      names.push_back(spec.name);
    auto sets = listed->read(context, names);
    if (!sets)
      return sets.takeError();
    return sets->cut(inputs);
  }
  /// The last element of each input, sample after sample.
  std::vector<std::vector<double>> values(ArrayRef<InputSpec> inputs) {
    auto samples = read(inputs);
    EXPECT_TRUE(bool(samples));
    std::vector<std::vector<double>> values;
    if (!samples) {
      ADD_FAILURE() << llvm::toString(samples.takeError());
      return values;
    }
    for (int64_t i = 0; i < samples->size(); ++i) {
      values.emplace_back();
      for (const HostTensor &tensor : samples->sample(i))
        values.back().push_back(tensor.doubleAt(tensor.numElements() - 1));
    }
    return values;
  }
  std::string problem(ArrayRef<InputSpec> inputs) {
    auto samples = read(inputs);
    return samples ? "" : llvm::toString(samples.takeError());
  }

  MLIRContext context;
  Builder b;
  llvm::SmallString<64> folder;
};

using Values = std::vector<std::vector<double>>;

TEST_F(TensorFolderTest, DataSetsAreInTheOrderOfTheirNumbers) {
  for (int number : {10, 0, 2})
    write("test_data_set_" + std::to_string(number) + "/input_0.pb", tensor("x", {1, 2}, number));
  write("test_data_set_0/output_0.pb", "not a tensor");
  write("test_data_set_0_int8/input_0.pb", "not a tensor");
  write("model.onnx", "not a tensor");
  EXPECT_EQ(values({input("x", {1, 2})}), (Values{{0}, {2}, {10}}));
}

TEST_F(TensorFolderTest, NamesComeFirstThenNumbers) {
  write("input_0.pb", tensor("b", {1}, 5));
  write("input_1.pb", tensor("a", {1}, 6));
  EXPECT_EQ(values({input("a", {1}), input("b", {1})}), (Values{{6, 5}}));
  write("input_0.pb", tensor("", {1}, 7));
  write("input_1.pb", tensor("other", {1}, 8));
  EXPECT_EQ(values({input("a", {1}), input("b", {1})}), (Values{{7, 8}}));
  // Where a is no input any more, bound to a constant, its tensor is not taken for another.
  write("input_0.pb", tensor("a", {1}, 9));
  write("input_1.pb", tensor("b", {1}, 10));
  EXPECT_EQ(values({input("b", {1})}), (Values{{10}}));
}

TEST_F(TensorFolderTest, ADataSetMayHoldSeveralSamples) {
  write("test_data_set_0/input_0.pb", tensor("x", {4, 3}, 1));
  write("test_data_set_1/input_0.pb", tensor("x", {2, 3}, 2));
  write("test_data_set_2/input_0.pb", tensor("x", {2, 2, 3}, 3));
  EXPECT_EQ(values({input("x", {2, 3})}), (Values{{0}, {1}, {2}, {0}, {3}}));
}

TEST_F(TensorFolderTest, ManyGoToASpoolFile) {
  for (int i = 0; i < 3; ++i)
    write("test_data_set_" + std::to_string(i) + "/input_0.pb", tensor("x", {100, 100, 100}, i + 1));
  EXPECT_EQ(values({input("x", {100, 100, 100})}), (Values{{1}, {2}, {3}}));
}

TEST_F(TensorFolderTest, FoldersOfSomethingElseHaveNoDataSets) {
  write("a.jpg", "");
  write("input.pb", "");
  write("test_data_set_x/input_0.pb", "");
  EXPECT_TRUE(cantFail(TensorFolder::list(folder)).dataSets.empty());
}

TEST_F(TensorFolderTest, MistakesOfNumbersAndFolders) {
  write("input_0.pb", tensor("x", {1}, 0));
  write("input_00.pb", tensor("x", {1}, 0));
  EXPECT_NE(problem({input("x", {1})}).find("has the same number as input_0"), std::string::npos);
  llvm::sys::fs::remove(folder + "/input_00.pb");
  write("test_data_set_0/input_0.pb", tensor("x", {1}, 0));
  EXPECT_NE(problem({input("x", {1})}).find("holds tensors, and data sets"), std::string::npos);
}

TEST_F(TensorFolderTest, TensorsThatAreNotTheModels) {
  write("test_data_set_0/input_0.pb", tensor("x", {1, 2}, 0));
  write("test_data_set_1/input_0.pb", tensor("x", {1, 3}, 0));
  EXPECT_NE(problem({input("x", {1, 2})}).find("test_data_set_1: array 'x' is float32[1, 3], the input is float32[1, 2]"), std::string::npos);
  EXPECT_NE(problem({input("x", {1, 2}), input("y", {1})}).find("test_data_set_0: there is no array 'y' (float32[1])"), std::string::npos);
  write("test_data_set_1/input_0.pb", tensor("x", {1, 2}, 0));
  write("test_data_set_1/input_1.pb", tensor("y", {3, 1}, 0));
  write("test_data_set_0/input_1.pb", tensor("y", {1, 1}, 0));
  EXPECT_NE(problem({input("x", {1, 2}), input("y", {1, 1})}).find("test_data_set_1: array 'y' holds 3 samples, others 1"), std::string::npos);
  write("test_data_set_1/input_1.pb", tensor("x", {1, 2}, 0));
  EXPECT_NE(problem({input("x", {1, 2})}).find("test_data_set_1: two tensors are named 'x'"), std::string::npos);
  InputSpec integers{"x", RankedTensorType::get({1, 2}, b.getI64Type())};
  write("test_data_set_1/input_1.pb", tensor("y", {1, 2}, 0));
  EXPECT_NE(problem({integers}).find("float32[1, 2], the input is int64[1, 2]"), std::string::npos);
}

TEST_F(TensorFolderTest, DamagedTensorsAreErrorsAndNamed) {
  const std::string whole = tensor("x", {2, 3}, 1);
  for (size_t size = 1; size < whole.size(); ++size) {
    write("input_0.pb", StringRef(whole).take_front(size));
    EXPECT_NE(problem({input("x", {2, 3})}), "") << size;
  }
  write("input_0.pb", StringRef(whole).drop_back());
  EXPECT_NE(problem({input("x", {2, 3})}).find("input_0.pb"), std::string::npos);
  for (size_t at = 0; at < whole.size(); ++at) {
    std::string flipped = whole;
    flipped[at] ^= char(1 << at % 8);
    write("input_0.pb", flipped);
    problem({input("x", {2, 3})});
  }
}

TEST_F(TensorFolderTest, DataBesideATensorStayInItsFolder) {
  write("secret", std::string(8, 'x'));
  auto external = [&](const std::string &location) {
    return field(1, 2) + field(2, 1) + field(8, "x") + field(13, field(1, "location") + field(2, location)) + field(14, 1);
  };
  write("test_data_set_0/input_0.pb", external("../secret"));
  EXPECT_NE(problem({input("x", {2})}).find("external data '../secret' leaves the"), std::string::npos);
  write("test_data_set_0/weights", std::string(8, '\0'));
  write("test_data_set_0/input_0.pb", external("weights"));
  EXPECT_EQ(values({input("x", {2})}), (Values{{0}}));
}

} // namespace
