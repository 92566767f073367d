//===- ModelTest.cpp - reading ONNX files, good and bad -------------------===//

#include "ir/onnx/Model.h"
#include "tests/unit/import/ModelBuilder.h"
#include "llvm/Support/FileSystem.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::test;
using onnx::DataType;

namespace {

class ModelTest : public testing::Test {
protected:
  /// The first initializer of a model with this one.
  onnx::Tensor read(const Message &initializer) {
    folder.write(GraphSpec().initializer(initializer));
    auto model = onnx::readModel(folder.file());
    if (!model) {
      ADD_FAILURE() << llvm::toString(model.takeError());
      return {};
    }
    return (*model)->graph.initializers.at(0);
  }
  std::string errorOf(const std::string &file) {
    auto model = onnx::readModel(file);
    return model ? "" : llvm::toString(model.takeError());
  }
  /// A float tensor of two elements stored in another file.
  static Message external(const std::string &location, const std::string &offset = "0", const std::string &length = "8") {
    Message result = tensor("w", DataType::Float, {2}).integer(14, 1);
    for (auto [key, value] : {std::pair("location", location), {"offset", offset}, {"length", length}})
      result.message(13, Message().text(1, key).text(2, value));
    return result;
  }

  ModelFolder folder;
};

TEST_F(ModelTest, RefusesWhatIsNoModel) {
  EXPECT_NE(errorOf(folder.file("missing.onnx")), "");
  EXPECT_NE(errorOf(folder.path), "");
  folder.writeBytes("model.onnx", "");
  EXPECT_NE(errorOf(folder.file()), "");
  folder.writeBytes("model.onnx", std::string(1000, '\xff'));
  EXPECT_NE(errorOf(folder.file()), "");
  folder.writeBytes("model.onnx", Message().integer(1, 8).bytes);
  EXPECT_NE(errorOf(folder.file()).find("no graph"), std::string::npos);
}

TEST_F(ModelTest, RefusesDeepNesting) {
  GraphSpec inner;
  for (int depth = 0; depth < 2000; ++depth) {
    GraphSpec outer;
    outer.node({"If", {}, {}, "", "", {graphAttribute("then_branch", inner.proto)}});
    inner = outer;
  }
  folder.write(inner);
  EXPECT_NE(errorOf(folder.file()), "");
}

TEST_F(ModelTest, ReadsTypedFields) {
  onnx::Tensor halves = read(tensor("h", DataType::Float16, {2}).integer(5, 0x3c00).integer(5, 0xc000));
  EXPECT_EQ(halves.problem, "");
  ASSERT_EQ(halves.bytes.size(), 4u);
  EXPECT_EQ(uint8_t(halves.bytes[1]), 0x3c);
  onnx::Tensor bytes = read(tensor("b", DataType::Int8, {2}).integer(5, -1).integer(5, 7));
  ASSERT_EQ(bytes.bytes.size(), 2u);
  EXPECT_EQ(int8_t(bytes.bytes[0]), -1);
  onnx::Tensor nibbles = read(tensor("n", DataType::Int4, {3}).integer(5, 0x21).integer(5, 0x3));
  EXPECT_EQ(nibbles.bytes.size(), 2u);
}

TEST_F(ModelTest, ChecksSizes) {
  EXPECT_NE(read(tensor("w", DataType::Float, {3}).text(9, std::string(8, 'x'))).problem, "");
  EXPECT_NE(read(tensor("w", DataType::Float, {-3})).problem, "");
  EXPECT_NE(read(tensor("w", DataType(99), {3}).text(9, "abc")).problem, "");
}

TEST_F(ModelTest, ReadsExternalData) {
  folder.writeBytes("weights.bin", "....12345678");
  onnx::Tensor tensor = read(external("weights.bin", "4"));
  EXPECT_EQ(tensor.problem, "");
  EXPECT_EQ(std::string(tensor.bytes.begin(), tensor.bytes.end()), "12345678");
  EXPECT_NE(read(external("weights.bin", "5")).problem.find("ends before"), std::string::npos);
  EXPECT_NE(read(external("weights.bin", "18446744073709551612")).problem, "");
  EXPECT_NE(read(external("weights.bin", "0", "7")).problem, "");
  EXPECT_NE(read(external("weights.bin", "zero")).problem, "");
  EXPECT_NE(read(external("missing.bin")).problem, "");
}

TEST_F(ModelTest, ExternalDataStaysInTheFolder) {
  ModelFolder other;
  other.writeBytes("secret", "12345678");
  auto leaves = [&](const std::string &location) {
    return read(external(location)).problem.find("leaves") != std::string::npos;
  };
  std::string name = other.path.substr(other.path.rfind('/') + 1);
  EXPECT_TRUE(leaves("../" + name + "/secret"));
  EXPECT_NE(read(external(other.file("secret"))).problem, "");
  ASSERT_FALSE(llvm::sys::fs::create_link(other.file("secret"), folder.file("link")));
  EXPECT_TRUE(leaves("link"));
  EXPECT_NE(read(external(".")).problem, "");
}

TEST_F(ModelTest, WritesWhatItReads) {
  folder.write(GraphSpec().input("x", {2, 3}).output("y").integers("w", {5, -7}).node(
      {"Frob", {"x", "", "w"}, {"y"}, "node", "", {integerAttribute("i", -3), integersAttribute("l", {4, 5})}}));
  auto model = onnx::readModel(folder.file());
  ASSERT_TRUE(bool(model));
  ASSERT_FALSE(bool(onnx::writeModel(**model, folder.file("again.onnx"))));
  auto again = onnx::readModel(folder.file("again.onnx"));
  ASSERT_TRUE(bool(again));
  const onnx::Graph &graph = (*again)->graph;
  ASSERT_EQ(graph.nodes.size(), 1u);
  EXPECT_EQ(graph.nodes[0].inputs, std::vector<std::string>({"x", "", "w"}));
  EXPECT_EQ(graph.nodes[0].find("i")->i, -3);
  EXPECT_EQ(graph.nodes[0].find("l")->ints, std::vector<int64_t>({4, 5}));
  EXPECT_EQ(graph.inputs[0].dims[1].value, 3);
  EXPECT_EQ(graph.initializers[0].bytes, (*model)->graph.initializers[0].bytes);
  EXPECT_EQ((*again)->opsets.lookup(""), 17);
  EXPECT_TRUE(bool(onnx::writeModel(**model, folder.file("no/such/folder.onnx"))));
}

TEST_F(ModelTest, LargeWeightsLieBesideTheModel) {
  std::vector<int64_t> values(1000);
  for (size_t i = 0; i < values.size(); ++i)
    values[i] = i * i;
  folder.write(GraphSpec().integers("a", values).integers("b", {1, 2}).integers("c", values));
  auto model = onnx::readModel(folder.file());
  ASSERT_TRUE(bool(model));
  ASSERT_FALSE(bool(onnx::writeModel(**model, folder.file("split.onnx"), /*inlineLimit=*/10000)));
  uint64_t bytes;
  ASSERT_FALSE(llvm::sys::fs::file_size(folder.file("split.onnx.data"), bytes));
  EXPECT_EQ(bytes, 8192 + 8000u); // the second begins at a page
  auto again = onnx::readModel(folder.file("split.onnx"));
  ASSERT_TRUE(bool(again));
  for (size_t i = 0; i < 3; ++i) {
    EXPECT_EQ((*again)->graph.initializers[i].problem, "");
    EXPECT_EQ((*again)->graph.initializers[i].bytes, (*model)->graph.initializers[i].bytes);
  }
  ASSERT_FALSE(bool(onnx::writeModel(**model, folder.file("whole.onnx"), /*inlineLimit=*/20000)));
  EXPECT_FALSE(llvm::sys::fs::exists(folder.file("whole.onnx.data")));
}

} // namespace
