//===- ImportTest.cpp - what importing accepts, refuses and says ----------===//

#include "ir/nn/Nn.h"
#include "ir/reference/Evaluate.h"
#include "tests/unit/import/ModelBuilder.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/MLIRContext.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::test;
using onnx::DataType;

namespace {

class ImportTest : public testing::Test {
protected:
  ImportResult import(const GraphSpec &graph, const Bindings &bindings = {}, const std::vector<Message> &functions = {}) {
    folder.write(graph, 17, functions);
    return importModel(context, folder.file(), bindings);
  }
  /// "node: reason | remedy" of each problem.
  static std::vector<std::string> texts(const ImportResult &result) {
    std::vector<std::string> lines;
    for (const Problem &problem : result.problems)
      lines.push_back(problem.node + ": " + problem.reason + " | " + problem.remedy);
    return lines;
  }
  static bool mentions(const std::string &text, const std::string &part) { return text.find(part) != std::string::npos; }
  static mlir::func::FuncOp mainOf(ImportResult &result) { return *result.module->getOps<mlir::func::FuncOp>().begin(); }

  ModelFolder folder;
  mlir::MLIRContext context;
};

TEST_F(ImportTest, NamesArgumentsAndResults) {
  ImportResult result = import(GraphSpec().input("x", {2, 3}).output("y").node({"Relu", {"x"}, {"y"}, "act"}));
  ASSERT_TRUE(result.module) << texts(result).front();
  mlir::func::FuncOp main = mainOf(result);
  EXPECT_EQ(main.getArgAttrOfType<mlir::StringAttr>(0, "nn.name").str(), "x");
  EXPECT_EQ(main.getResultAttrOfType<mlir::StringAttr>(0, "nn.name").str(), "y");
  EXPECT_EQ(result.nodes, 1);
}

TEST_F(ImportTest, UnboundDimsAreOneProblemThatSaysWhatToType) {
  GraphSpec graph = GraphSpec().input("x", {"batch", 3}).input("z", {"batch", "seq"}).output("y");
  graph.node({"Relu", {"x"}, {"y"}});
  ImportResult result = import(graph);
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_TRUE(mentions(result.problems[0].reason, "'x' (batchx3)")) << result.problems[0].reason;
  EXPECT_TRUE(mentions(result.problems[0].remedy, "--dim batch=1 --dim seq=1")) << result.problems[0].remedy;
}

TEST_F(ImportTest, DimsAndShapesBind) {
  Bindings bindings;
  bindings.dims["batch"] = 5;
  bindings.shapes["z"] = {5, 7};
  GraphSpec graph = GraphSpec().input("x", {"batch", 1}).input("z", {"batch", "seq"}).output("y");
  graph.node({"Add", {"x", "z"}, {"y"}});
  ImportResult result = import(graph, bindings);
  ASSERT_TRUE(result.module) << texts(result).front();
  auto type = llvm::cast<mlir::RankedTensorType>(mainOf(result).getResultTypes().front());
  EXPECT_EQ(type.getShape(), llvm::ArrayRef<int64_t>({5, 7}));
}

TEST_F(ImportTest, ShapesAreNotNegative) {
  Bindings bindings;
  bindings.shapes["x"] = {2, -3};
  GraphSpec graph = GraphSpec().input("y", {2}).output("z").node({"Add", {"x", "y"}, {"z"}});
  graph.proto.message(11, Message().text(1, "x").message(2, Message().message(1, Message().integer(1, 1)))); // float32 of any shape
  ImportResult result = import(graph, bindings);
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_TRUE(mentions(texts(result)[0], "cannot have the shape 2x-3")) << texts(result)[0];
}

TEST_F(ImportTest, BindingsThatFitNothingAreProblems) {
  Bindings bindings;
  bindings.dims["bath"] = 1;
  bindings.constantTexts["mode"] = "1";
  ImportResult result = import(GraphSpec().input("x", {1}).output("y").node({"Relu", {"x"}, {"y"}}), bindings);
  ASSERT_EQ(result.problems.size(), 2u);
  EXPECT_TRUE(mentions(texts(result)[0], "'mode', which is not an input | inputs: 'x'")) << texts(result)[0];
}

TEST_F(ImportTest, ReportsEveryRootProblemAndNoConsequence) {
  GraphSpec graph = GraphSpec().input("x", {2, 3}).output("y");
  graph.node({"Frobnicate", {"x"}, {"a"}, "first"});
  graph.node({"Relu", {"a"}, {"b"}, "behind"});
  graph.node({"MatMul", {"x", "x"}, {"c"}, "second"});
  graph.node({"Wobble", {"b"}, {"d"}, "third"});
  graph.node({"Add", {"c", "d"}, {"y"}, "last"});
  ImportResult result = import(graph);
  ASSERT_EQ(result.problems.size(), 3u);
  EXPECT_EQ(result.problems[0].node, "first");
  EXPECT_EQ(result.problems[0].opset, 17);
  EXPECT_EQ(result.problems[1].node, "second");
  EXPECT_TRUE(mentions(result.problems[1].reason, "2x3")) << result.problems[1].reason;
  EXPECT_EQ(result.problems[2].node, "third");
}

TEST_F(ImportTest, SortsNodes) {
  GraphSpec graph = GraphSpec().input("x", {4}).output("y");
  graph.node({"Neg", {"a"}, {"y"}}).node({"Relu", {"x"}, {"a"}});
  EXPECT_TRUE(import(graph).module);
}

TEST_F(ImportTest, NamesTheNodesOfACycle) {
  GraphSpec graph = GraphSpec().input("x", {4}).output("y");
  graph.node({"Add", {"x", "b"}, {"a"}, "one"}).node({"Relu", {"a"}, {"b"}, "two"}).node({"Neg", {"b"}, {"y"}, "out"});
  ImportResult result = import(graph);
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_TRUE(mentions(result.problems[0].reason, "cycle")) << result.problems[0].reason;
  EXPECT_TRUE(mentions(result.problems[0].reason, "'one'") && mentions(result.problems[0].reason, "'two'"));
}

TEST_F(ImportTest, RefusesDuplicateAndUndefinedNames) {
  GraphSpec graph = GraphSpec().input("x", {4}).output("y").output("nowhere");
  graph.node({"Relu", {"x"}, {"y"}, "one"}).node({"Neg", {"x"}, {"y"}, "two"}).node({"Abs", {"ghost"}, {"z"}, "three"});
  std::vector<std::string> problems = texts(import(graph));
  ASSERT_EQ(problems.size(), 3u);
  EXPECT_TRUE(mentions(problems[0], "two: defines 'y'")) << problems[0];
  EXPECT_TRUE(mentions(problems[1], "three: reads 'ghost'")) << problems[1];
  EXPECT_TRUE(mentions(problems[2], "nowhere")) << problems[2];
}

TEST_F(ImportTest, RefusesTypesWithoutNumbers) {
  GraphSpec graph = GraphSpec().input("s", {4}, DataType::String).input("f", {4}, DataType::Float8E4M3FN).output("y");
  graph.node({"Identity", {"s"}, {"y"}});
  ImportResult result = import(graph);
  ASSERT_EQ(result.problems.size(), 2u);
  EXPECT_TRUE(mentions(result.problems[0].reason, "string"));
  EXPECT_TRUE(mentions(result.problems[1].reason, "float8e4m3fn"));
}

TEST_F(ImportTest, RefusesOperandsOfDifferentTypes) {
  GraphSpec graph = GraphSpec().input("a", {4}).input("b", {4}, DataType::Int64).output("y");
  ImportResult result = import(graph.node({"Add", {"a", "b"}, {"y"}, "sum"}));
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_EQ(result.problems[0].node, "sum");
}

TEST_F(ImportTest, ShapesMustFollowFromConstants) {
  GraphSpec graph = GraphSpec().input("x", {4}).input("shape", {2}, DataType::Int64).output("y");
  graph.node({"Reshape", {"x", "shape"}, {"y"}, "r"});
  ImportResult result = import(graph);
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_TRUE(mentions(result.problems[0].remedy, "--const shape=VALUE")) << result.problems[0].remedy;
  Bindings bindings;
  bindings.constantTexts["shape"] = "2,2";
  EXPECT_TRUE(import(graph, bindings).module);
}

TEST_F(ImportTest, HugeShapesAreRefusedWithoutAllocation) {
  GraphSpec graph = GraphSpec().input("x", {1}).output("y");
  graph.initializer(tensor("w", DataType::Float, {int64_t(1) << 40, int64_t(1) << 40}));
  graph.initializer(tensor("v", DataType::Float, {int64_t(1) << 36}));
  graph.integers("shape", {int64_t(1) << 30, int64_t(1) << 30});
  graph.node({"Add", {"x", "w"}, {"a"}}).node({"Add", {"x", "v"}, {"b"}}).node({"Expand", {"x", "shape"}, {"y"}, "e"});
  std::vector<std::string> problems = texts(import(graph));
  ASSERT_EQ(problems.size(), 3u);
  EXPECT_TRUE(mentions(problems[0], "impossible shape")) << problems[0];
  EXPECT_TRUE(mentions(problems[1], "float_data holds 0 values")) << problems[1];
  EXPECT_TRUE(mentions(problems[2], "e: ")) << problems[2];
}

TEST_F(ImportTest, ConstantsOfImportersAreBounded) {
  GraphSpec graph = GraphSpec().input("x", {1 << 20, 1 << 20}).input("i", {1}, DataType::Int64).output("y").output("z");
  graph.integers("depth", {int64_t(1) << 29});
  graph.initializer(tensor("values", DataType::Float, {2}).text(9, std::string(8, '\0')));
  graph.node({"Trilu", {"x"}, {"y"}, "triangle"}).node({"OneHot", {"i", "depth", "values"}, {"z"}, "hot"});
  ImportResult result = import(graph);
  ASSERT_EQ(result.problems.size(), 2u);
  EXPECT_TRUE(mentions(result.problems[0].reason, "1048576x1048576, which is too large")) << result.problems[0].reason;
}

//===--- Control flow and functions ---------------------------------------===//

/// A branch or loop body that gives `output` by applying `op` to `input`.
static GraphSpec body(const std::string &op, const std::string &input, const std::string &output) {
  return GraphSpec().output(output).node({op, {input}, {output}, op + "_inside"});
}

TEST_F(ImportTest, DynamicIfComputesBothBranches) {
  GraphSpec graph = GraphSpec().input("c", {}, DataType::Bool).input("x", {4}).output("y");
  graph.node({"If", {"c"}, {"y"}, "choice", "",
              {graphAttribute("then_branch", body("Relu", "x", "a").proto),
               graphAttribute("else_branch", body("Neg", "x", "b").proto)}});
  ImportResult result = import(graph);
  ASSERT_TRUE(result.module) << texts(result).front();
  HostTensor condition(mlir::RankedTensorType::get({}, mlir::IntegerType::get(&context, 1)));
  HostTensor x(mlir::RankedTensorType::get({4}, mlir::Float32Type::get(&context)));
  x.setDouble(0, 3);
  auto outputs = reference::evaluate(mainOf(result), {condition, x});
  ASSERT_TRUE(mlir::succeeded(outputs));
  EXPECT_EQ((*outputs)[0].doubleAt(0), -3);
}

/// An If on input `c` between two bodies over inputs x [4] and w [1, 4].
static GraphSpec choice(const GraphSpec &onTrue, const GraphSpec &onFalse) {
  GraphSpec graph = GraphSpec().input("c", {}, DataType::Bool).input("x", {4}).input("w", {1, 4}).output("y");
  graph.node({"If", {"c"}, {"y"}, "choice", "",
              {graphAttribute("then_branch", onTrue.proto), graphAttribute("else_branch", onFalse.proto)}});
  return graph;
}

TEST_F(ImportTest, DynamicIfOfDifferentResultsIsRefused) {
  GraphSpec same = body("Relu", "x", "a"), integers = GraphSpec().output("b");
  integers.node({"Cast", {"x"}, {"b"}, "cast", "", {integerAttribute("to", int64_t(DataType::Int64))}});
  GraphSpec shorter = GraphSpec().integers("two", {2}).integers("zero", {0}).output("b");
  shorter.node({"Slice", {"x", "zero", "two"}, {"b"}, "slice"});
  std::pair<GraphSpec, std::string> cases[] = {{body("Neg", "w", "b"), "gives float32 4 or float32 1x4"},
                                               {shorter, "gives float32 4 or float32 2"},
                                               {integers, "gives float32 4 or int64 4"}};
  for (const auto &[other, results] : cases) {
    ImportResult result = import(choice(same, other));
    EXPECT_FALSE(result.module);
    ASSERT_EQ(result.problems.size(), 1u) << results;
    EXPECT_EQ(result.problems[0].node, "choice");
    EXPECT_EQ(result.problems[0].op, "If");
    EXPECT_TRUE(mentions(result.problems[0].reason, results)) << result.problems[0].reason;
    EXPECT_TRUE(mentions(result.problems[0].reason, "depending on a condition that is computed at run time"));
    EXPECT_TRUE(mentions(result.problems[0].remedy, "--const c=VALUE")) << result.problems[0].remedy;
  }
}

TEST_F(ImportTest, KnownIfTakesABranchOfAnyShape) {
  Bindings bindings;
  bindings.constantTexts["c"] = "0";
  ImportResult result = import(choice(body("Relu", "x", "a"), body("Neg", "w", "b")), bindings);
  ASSERT_TRUE(result.module) << texts(result).front();
  EXPECT_EQ(mainOf(result).getFunctionType().getResult(0),
            mlir::RankedTensorType::get({1, 4}, mlir::Float32Type::get(&context)));
}

TEST_F(ImportTest, ConstantsFitTheirType) {
  auto problem = [&](DataType type, const char *value) {
    Bindings bindings;
    bindings.constantTexts["c"] = value;
    ImportResult result = import(GraphSpec().input("c", {}, type).output("y").node({"Identity", {"c"}, {"y"}}), bindings);
    return result.problems.empty() ? std::string() : texts(result).front();
  };
  for (auto [type, value] : {std::pair(DataType::Uint8, "255"), {DataType::Int8, "-128"}, {DataType::Bool, "true"}, {DataType::Bool, "1"},
                             {DataType::Int64, "-9223372036854775808"}, {DataType::Float16, "65504"}, {DataType::Float, "-inf"}, {DataType::Float, "0.1"}})
    EXPECT_EQ(problem(type, value), "");
  for (auto [type, value] : {std::pair(DataType::Uint8, "256"), {DataType::Uint8, "-1"}, {DataType::Uint64, "-1"}, {DataType::Int8, "128"},
                             {DataType::Bool, "2"}, {DataType::Int32, "1.5"}, {DataType::Float16, "1e6"}, {DataType::Float, "1e39"}, {DataType::Float, ""}})
    EXPECT_TRUE(mentions(problem(type, value), "cannot take the value '" + std::string(value) + "'")) << problem(type, value);
}

TEST_F(ImportTest, EndlessLoopsAreRefused) {
  GraphSpec loop = GraphSpec().input("i", {}, DataType::Int64).input("go", {}, DataType::Bool).input("v", {4});
  loop.output("on").output("w");
  loop.node({"Identity", {"go"}, {"on"}}).node({"Relu", {"v"}, {"w"}});
  GraphSpec graph = GraphSpec().input("x", {4}).output("y");
  graph.initializer(tensor("true", DataType::Bool, {}).text(9, std::string(1, '\1')));
  graph.node({"Loop", {"", "true", "x"}, {"y"}, "endless", "", {graphAttribute("body", loop.proto)}});
  ImportResult result = import(graph);
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_TRUE(mentions(result.problems[0].reason, "unrolls to more than 10000 nodes")) << result.problems[0].reason;
}

/// FunctionProto `local::name` of one input and output.
static Message function(const std::string &name, const Message &node) {
  Message result = Message().text(1, name).text(4, "x").text(5, "y").message(7, node).text(10, "local");
  result.message(9, Message().text(1, "").integer(2, 17)).message(9, Message().text(1, "local").integer(2, 1));
  return result;
}

TEST_F(ImportTest, FunctionsAreInlinedAndRecursionIsRefused) {
  GraphSpec graph = GraphSpec().input("x", {4}).output("y");
  graph.node({"Twice", {"x"}, {"y"}, "call", "local"});
  Message relu = Message().text(1, "x").text(2, "y").text(4, "Relu");
  EXPECT_TRUE(import(graph, {}, {function("Twice", relu)}).module);
  Message itself = Message().text(1, "x").text(2, "y").text(4, "Twice").text(7, "local");
  ImportResult result = import(graph, {}, {function("Twice", itself)});
  ASSERT_EQ(result.problems.size(), 1u);
  EXPECT_TRUE(mentions(result.problems[0].reason, "nest deeper")) << result.problems[0].reason;
}

TEST_F(ImportTest, HalfPrecisionLayersAreComputedInSingle) {
  auto layer = [](DataType type) {
    GraphSpec graph = GraphSpec().input("x", {3, 1, 2}, type).input("w", {1, 4, 2}, type).input("r", {1, 4, 1}, type);
    graph.output("y").node(
        {"LSTM", {"x", "w", "r"}, {"y"}, "layer", "", {integerAttribute("hidden_size", 1)}});
    return graph;
  };
  ImportResult half = import(layer(DataType::Float16));
  ASSERT_TRUE(half.module) << texts(half).front();
  EXPECT_TRUE(mlir::cast<mlir::RankedTensorType>(mainOf(half).getResultTypes()[0]).getElementType().isF16());
  mainOf(half).walk([](nn::LstmOp lstm) { EXPECT_TRUE(lstm.getX().getType().getElementType().isF32()); });
  ImportResult wide = import(layer(DataType::Double));
  ASSERT_EQ(wide.problems.size(), 1u);
  EXPECT_TRUE(mentions(wide.problems[0].reason, "double precision")) << wide.problems[0].reason;
}

TEST_F(ImportTest, SequencesInsideAModelAreLookedThrough) {
  GraphSpec graph = GraphSpec().input("x", {6, 2}).output("y");
  graph.initializer(tensor("one", DataType::Int64, {}).text(9, std::string("\1\0\0\0\0\0\0\0", 8)));
  graph.integers("sizes", {4, 2}).node({"SplitToSequence", {"x", "sizes"}, {"s"}});
  graph.node({"SequenceAt", {"s", "one"}, {"last"}}).node({"Relu", {"last"}, {"y"}});
  ImportResult result = import(graph);
  ASSERT_TRUE(result.module) << texts(result).front();
  EXPECT_EQ(llvm::cast<mlir::RankedTensorType>(mainOf(result).getResultTypes()[0]).getShape(), llvm::ArrayRef<int64_t>({2, 2}));
  result.module->walk([](mlir::Operation *op) { EXPECT_FALSE(llvm::isa<mlir::UnrealizedConversionCastOp>(op)); });
  ImportResult leaking = import(graph.output("s"));
  ASSERT_EQ(leaking.problems.size(), 1u);
  EXPECT_TRUE(mentions(leaking.problems[0].reason, "is a sequence"));
}

TEST_F(ImportTest, SupportTableIsSound) {
  std::vector<SupportedOperator> table = supportedOperators();
  EXPECT_GT(table.size(), 200u);
  for (size_t i = 0; i + 1 < table.size(); ++i) {
    EXPECT_LE(table[i].sinceOpset, table[i].untilOpset) << table[i].op;
    bool same = table[i].domain == table[i + 1].domain && table[i].op == table[i + 1].op;
    EXPECT_TRUE(!same || table[i].untilOpset < table[i + 1].sinceOpset) << table[i].op;
  }
}

} // namespace
