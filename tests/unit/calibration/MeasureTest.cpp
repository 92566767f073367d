//===- MeasureTest.cpp - observers, and a function run with taps -----------===//

#include "calibration/CompiledExecutor.h"
#include "calibration/Measure.h"
#include "calibration/Observers.h"
#include "codegen/cpu/CompileModule.h"
#include "ir/nn/Nn.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include <cmath>
#include <gtest/gtest.h>

using namespace mlir;
using namespace fettle::calibration;

namespace fettle::test {

TEST(Observers, DoNotDependOnGrouping) {
  std::vector<float> values;
  for (int i = 0; i < 1000; ++i)
    values.push_back(std::sin(float(i) * 1.7f) * 3 - 1);
  auto observe = [&](size_t step) {
    RangeObserver range;
    for (size_t i = 0; i < values.size(); i += step)
      range.see(llvm::ArrayRef(values).slice(i, std::min(step, values.size() - i)));
    HistogramObserver histogram(range.min(), range.max(), 64);
    for (size_t i = 0; i < values.size(); i += step)
      histogram.see(llvm::ArrayRef(values).slice(i, std::min(step, values.size() - i)));
    return histogram.take();
  };
  TensorStatistics whole = observe(values.size()), parts = observe(7);
  EXPECT_EQ(whole.min, parts.min);
  EXPECT_EQ(whole.max, parts.max);
  EXPECT_EQ(whole.histogram, parts.histogram);
  EXPECT_EQ(whole.count(), 1000);
}

TEST(Observers, PutElementsIntoTheirBins) {
  HistogramObserver histogram(-1, 3, 4);
  histogram.see({-1, -0.5f, 0.5f, 3, 2.5f, 2});
  EXPECT_EQ(histogram.take().histogram, (std::vector<int64_t>{2, 1, 0, 3}));
  HistogramObserver constant(5, 5, 4);
  constant.see({5, 5});
  EXPECT_EQ(constant.take().histogram, (std::vector<int64_t>{2, 0, 0, 0}));
  HistogramObserver huge(-3e38f, 3e38f, 2);
  huge.see({-1e38f, 1e38f, 2e38f});
  EXPECT_EQ(huge.take().histogram, (std::vector<int64_t>{1, 2}));
}

TEST(Observers, TellChannelsApart) {
  // Two tensors [2, 2, 3]: four stretches of three elements of channels 0, 1, 0, 1.
  ChannelObserver channels(2, 3);
  channels.see({1, 2, -3, 0, 0, 0, 1, 1, 1, -4, 0, 0});
  channels.see({0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0});
  ChannelStatistics statistics = channels.take();
  EXPECT_EQ(statistics.low, (std::vector<float>{-3, -4}));
  EXPECT_EQ(statistics.high, (std::vector<float>{2, 5}));
  EXPECT_FLOAT_EQ(statistics.meanSquare[0], (1 + 4 + 9 + 3) / 12.0f);
  EXPECT_FLOAT_EQ(statistics.meanSquare[1], (16 + 25) / 12.0f);
}

TEST(Observers, NoticeWhatIsNotFinite) {
  for (float bad : {NAN, INFINITY, -INFINITY}) {
    RangeObserver range;
    EXPECT_TRUE(range.isEmpty());
    range.see({1, bad, 2});
    EXPECT_FALSE(range.allFinite());
    range.see({1, 2});
    EXPECT_FALSE(range.allFinite());
  }
}

class Measured : public testing::Test {
protected:
  void SetUp() override {
    codegen::loadCodegenDialects(context);
    ASSERT_FALSE(llvm::sys::fs::createUniqueDirectory("measured", scratch));
    module = parseSourceString<ModuleOp>(R"(
      func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> (tensor<1x4xf16> {nn.name = "y"}) {
        %two = nn.constant dense<2.0> : tensor<f32>
        %w = nn.constant dense<1.0> : tensor<4x4xf32>
        %0 = nn.binary mul %x, %two : (tensor<1x4xf32>, tensor<f32>) -> tensor<1x4xf32> loc("twice"("Mul"))
        %1 = nn.unary relu %0 : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("positive"("Relu"))
        %2 = nn.matmul %1, %w : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32> loc("product"("MatMul"))
        %3 = nn.cast %2 : (tensor<1x4xf32>) -> tensor<1x4xf16> loc("half"("Cast"))
        return %3 : tensor<1x4xf16>
      })",
                                         &context);
    ASSERT_TRUE(bool(module));
  }
  void TearDown() override { llvm::sys::fs::remove_directories(scratch); }

  func::FuncOp function() { return module->lookupSymbol<func::FuncOp>("main"); }
  SmallVector<Value> allValues() {
    SmallVector<Value> values(function().getArguments());
    for (Operation &op : function().getOps())
      if (!isa<nn::ConstantOp, func::ReturnOp>(op))
        values.push_back(op.getResult(0));
    return values;
  }
  /// Two samples.
  Samples samples(std::vector<float> numbers) {
    HostTensor array(RankedTensorType::get({2, 4}, Float32Type::get(&context)));
    for (auto [i, number] : llvm::enumerate(numbers))
      array.setDouble(i, number);
    auto cut = Samples::cut({{"x", RankedTensorType::get({1, 4}, Float32Type::get(&context))}}, {{"x", array}});
    EXPECT_TRUE(bool(cut));
    return std::move(*cut);
  }

  MLIRContext context;
  OwningOpRef<ModuleOp> module;
  llvm::SmallString<64> scratch;
};

TEST_F(Measured, TapsAreTheValues) {
  Samples data = samples({1, -2, 3, -4, 5, -6, 7, -8});
  CompiledExecutor executor(data, scratch.str().str(), 1);
  EXPECT_EQ(executor.numSamples(), 2);
  std::string before, after;
  llvm::raw_string_ostream(before) << *module;
  auto program = executor.prepare(function(), allValues());
  ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
  llvm::raw_string_ostream(after) << *module;
  EXPECT_EQ(before, after);
  std::error_code error;
  EXPECT_EQ(llvm::sys::fs::directory_iterator(scratch, error), llvm::sys::fs::directory_iterator()) << "code stays in the folder";
  auto seen = (*program)->run(1);
  ASSERT_TRUE(bool(seen)) << llvm::toString(seen.takeError());
  ASSERT_EQ(seen->size(), 5u);
  EXPECT_EQ((*seen)[0].doubles(), (std::vector<double>{5, -6, 7, -8}));
  EXPECT_EQ((*seen)[1].doubles(), (std::vector<double>{10, -12, 14, -16}));
  EXPECT_EQ((*seen)[2].doubles(), (std::vector<double>{10, 0, 14, 0}));
  EXPECT_EQ((*seen)[3].doubles(), (std::vector<double>(4, 24)));
  EXPECT_TRUE((*seen)[4].elementType().isF32()) << "a half is seen as a float";
  EXPECT_EQ((*seen)[4].doubles(), (std::vector<double>(4, 24)));
}

TEST_F(Measured, ProfilesSpanAllSamples) {
  Samples data = samples({1, -2, 3, -4, 5, -6, 7, -8});
  CompiledExecutor executor(data, scratch.str().str(), 1);
  MeasureOptions options;
  options.bins = 4;
  options.grids.method = GridMethod::MinMax;
  int64_t steps = 0;
  options.progress = [&](int64_t done, int64_t total) {
    EXPECT_EQ(done, ++steps);
    EXPECT_EQ(total, 6);
  };
  Profile profile;
  ASSERT_EQ(llvm::toString(measure(executor, function(), options, profile)), "");
  EXPECT_EQ(steps, 6);
  EXPECT_EQ(profile.samples, 2);
  ASSERT_EQ(profile.tensors.size(), 1u) << "what the product reads";
  EXPECT_EQ(profile.tensors["positive"].max, 14);
  EXPECT_EQ(profile.tensors["positive"].histogram, (std::vector<int64_t>{5, 1, 1, 1}));
  ASSERT_EQ(profile.rows.size(), 1u);
  EXPECT_EQ(profile.rows["positive by 1"].mean, (std::vector<float>{6, 0, 10, 0}));
  EXPECT_EQ(profile.rows["positive by 1"].width, 4);
}

TEST_F(Measured, OverflowIsNamed) {
  Samples data = samples({1, 2, 3, 4, 5, 3e38f, 7, 8});
  CompiledExecutor executor(data, scratch.str().str(), 1);
  Profile profile;
  EXPECT_EQ(llvm::toString(measure(executor, function(), {}, profile)), "'positive' is NaN or infinite on sample 1");
}

TEST_F(Measured, ChannelsOfWhatCanBeScaled) {
  module = parseSourceString<ModuleOp>(R"(
    func.func @main(%x: tensor<1x4xf32> {nn.name = "x"}) -> tensor<1x4xf32> {
      %w = nn.constant dense<[[1.0, 0.0, 0.0, 0.0], [0.0, 2.0, 0.0, 0.0], [0.0, 0.0, 3.0, 0.0], [0.0, 0.0, 0.0, 4.0]]> : tensor<4x4xf32>
      %0 = nn.matmul %x, %w : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32> loc("first"("MatMul"))
      %1 = nn.unary relu %0 : (tensor<1x4xf32>) -> tensor<1x4xf32> loc("positive"("Relu"))
      %2 = nn.matmul %1, %w : (tensor<1x4xf32>, tensor<4x4xf32>) -> tensor<1x4xf32> loc("second"("MatMul"))
      return %2 : tensor<1x4xf32>
    })",
                                       &context);
  Samples data = samples({1, -2, 3, -4, 5, -6, 7, -8});
  CompiledExecutor executor(data, scratch.str().str(), 1);
  Profile profile;
  ASSERT_EQ(llvm::toString(measureChannels(executor, function(), {}, profile)), "");
  ASSERT_EQ(profile.channels.size(), 1u);
  EXPECT_EQ(profile.channels["positive"].low, (std::vector<float>{0, 0, 0, 0}));
  EXPECT_EQ(profile.channels["positive"].high, (std::vector<float>{5, 0, 21, 0}));
  // Elements of the channels 0 to 3 count by the squared weights 1, 4, 9 and 16, 64 on average.
  MeasureOptions options;
  options.bins = 3;
  ASSERT_EQ(llvm::toString(measure(executor, function(), options, profile)), "");
  EXPECT_EQ(profile.tensors["positive"].histogram, (std::vector<int64_t>{2 * (9 + 34 + 137), 77, 77}));
  EXPECT_EQ(profile.channels["positive"].meanSquare, (std::vector<float>{13, 0, 261, 0}));
}

TEST_F(Measured, SamplesMustBeFinite) {
  EXPECT_FALSE(bool(samples({1, 2, 3, 4, 5, 6, 7, 8}).checkFinite()));
  EXPECT_EQ(llvm::toString(samples({1, 2, 3, 4, 5, NAN, 7, 8}).checkFinite()),
            "array 'x' holds NaN or infinity in sample 1");
}

} // namespace fettle::test
