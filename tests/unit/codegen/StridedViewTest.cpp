//===- StridedViewTest.cpp - views through movement ops -------------------===//

#include "codegen/common/StridedView.h"
#include "codegen/common/FusedExpression.h"
#include "ir/nn/Nn.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/Parser/Parser.h"
#include "gtest/gtest.h"
#include <random>

using namespace mlir;
using namespace fettle::codegen;
using Ints = llvm::SmallVector<int64_t>;

/// Addresses of all elements, row-major.
static std::vector<int64_t> addresses(const StridedView &view) {
  std::vector<int64_t> all{view.offset};
  for (auto [extent, stride] : llvm::zip(view.shape, view.strides)) {
    std::vector<int64_t> next;
    for (int64_t base : all)
      for (int64_t i = 0; i < extent; ++i)
        next.push_back(base + i * stride);
    all = std::move(next);
  }
  return all;
}

TEST(StridedView, ContiguousStrides) {
  StridedView view = StridedView::contiguous({2, 3, 4});
  EXPECT_EQ(view.strides, (Ints{12, 4, 1}));
  EXPECT_TRUE(view.isContiguous());
  EXPECT_FALSE(view.transposed({0, 2, 1}).isContiguous());
}

TEST(StridedView, ReshapeSplitsAndMerges) {
  StridedView view = StridedView::contiguous({2, 6, 4});
  EXPECT_EQ(view.reshaped({2, 3, 2, 4})->strides, (Ints{24, 8, 4, 1}));
  EXPECT_EQ(view.reshaped({12, 4})->strides, (Ints{4, 1}));
  EXPECT_EQ(view.reshaped({4, 1, 3, 4})->strides, (Ints{12, 0, 4, 1}));
  EXPECT_EQ(view.transposed({0, 2, 1}).reshaped({2, 2, 2, 6})->strides, (Ints{24, 2, 1, 4}));
  EXPECT_FALSE(view.transposed({0, 2, 1}).reshaped({2, 24}));
  EXPECT_TRUE(view.transposed({0, 2, 1}).reshaped({2, 4, 1, 6}));
  EXPECT_EQ(StridedView::contiguous({1, 1}).reshaped({})->rank(), 0);
  EXPECT_TRUE(StridedView::contiguous({0, 3}).reshaped({3, 0, 5}));
}

TEST(StridedView, SliceAndBroadcast) {
  StridedView view = StridedView::contiguous({4, 6}).sliced({3, 1}, {2, 3}, {-2, 2});
  EXPECT_EQ(addresses(view), (std::vector<int64_t>{19, 21, 23, 7, 9, 11}));
  EXPECT_EQ(StridedView::contiguous({3, 1}).broadcastTo({2, 3, 4}).strides, (Ints{0, 1, 0}));
}

// Where a reshape of a random view succeeds, the addresses in row-major order stay the same.
TEST(StridedView, RandomReshapesKeepOrder) {
  std::mt19937 random(7);
  const Ints shapes[] = {{2, 3, 4}, {4, 6}, {24}, {6, 4}, {2, 2, 6}, {3, 8}, {1, 24, 1}, {2, 3, 2, 2}};
  int views = 0;
  for (int round = 0; round < 400; ++round) {
    StridedView view = StridedView::contiguous(shapes[random() % 8]);
    for (int step = 0; step < 3; ++step) {
      Ints perm;
      for (int64_t i = 0; i < view.rank(); ++i)
        perm.push_back(i);
      std::shuffle(perm.begin(), perm.end(), random);
      if (random() % 3 == 0)
        view = view.transposed(perm);
      std::optional<StridedView> next = view.reshaped(shapes[random() % 8]);
      if (!next)
        continue;
      ++views;
      ASSERT_EQ(addresses(*next), addresses(view));
      view = *next;
    }
  }
  EXPECT_GT(views, 300);
}

namespace {
struct ParsedFunction {
  explicit ParsedFunction(StringRef text) {
    context.loadDialect<fettle::nn::NnDialect, func::FuncDialect>();
    module = parseSourceString<ModuleOp>(text, &context);
  }
  func::FuncOp function() { return *module->getOps<func::FuncOp>().begin(); }
  Value result(unsigned i) { return function().getBody().front().getTerminator()->getOperand(i); }
  MLIRContext context;
  OwningOpRef<ModuleOp> module;
};
} // namespace

TEST(StridedView, PackedProjectionResolvesToKeys) {
  ParsedFunction parsed(R"(func.func @f(%p: tensor<2x5x96xf32>) -> tensor<2x4x5x8xf32> {
    %0 = nn.reshape %p : (tensor<2x5x96xf32>) -> tensor<2x5x3x4x8xf32>
    %1 = nn.transpose %0 {perm = array<i64: 2, 0, 3, 1, 4>} : (tensor<2x5x3x4x8xf32>) -> tensor<3x2x4x5x8xf32>
    %2 = nn.slice %1 {starts = array<i64: 1, 0, 0, 0, 0>, sizes = array<i64: 1, 2, 4, 5, 8>, steps = array<i64: 1, 1, 1, 1, 1>} : (tensor<3x2x4x5x8xf32>) -> tensor<1x2x4x5x8xf32>
    %3 = nn.reshape %2 : (tensor<1x2x4x5x8xf32>) -> tensor<2x4x5x8xf32>
    return %3 : tensor<2x4x5x8xf32>
  })");
  ASSERT_TRUE(parsed.module);
  ResolvedView resolved = resolveView(parsed.result(0));
  EXPECT_EQ(resolved.base, Value(parsed.function().getArgument(0)));
  EXPECT_EQ(resolved.view.offset, 32);
  EXPECT_EQ(resolved.view.strides, (Ints{480, 8, 96, 1}));
}

TEST(StridedView, MergingHeadsResolvesBackwards) {
  ParsedFunction parsed(R"(func.func @f(%o: tensor<2x4x5x8xf32>) -> tensor<2x5x32xf32> {
    %0 = nn.transpose %o {perm = array<i64: 0, 2, 1, 3>} : (tensor<2x4x5x8xf32>) -> tensor<2x5x4x8xf32>
    %1 = nn.reshape %0 : (tensor<2x5x4x8xf32>) -> tensor<2x5x32xf32>
    return %1 : tensor<2x5x32xf32>
  })");
  ASSERT_TRUE(parsed.module);
  std::optional<StridedView> view = resolveResultView(parsed.function().getArgument(0), parsed.result(0));
  ASSERT_TRUE(view);
  EXPECT_EQ(view->strides, (Ints{160, 8, 32, 1}));
  // Forward there is no view of the merged heads: the transpose's result is the base.
  EXPECT_NE(resolveView(parsed.result(0)).base, Value(parsed.function().getArgument(0)));
}

TEST(FusedExpression, LeavesFollowTheRootBackwards) {
  ParsedFunction parsed(R"(func.func @f(%x: tensor<2x3x4xf32>, %bias: tensor<12xf32>) -> tensor<2x12xf32> {
    %0 = nn.softmax %x {axis = 2 : i64} : (tensor<2x3x4xf32>) -> tensor<2x3x4xf32>
    %1 = nn.transpose %0 {perm = array<i64: 0, 2, 1>} : (tensor<2x3x4xf32>) -> tensor<2x4x3xf32>
    %2 = nn.reshape %1 : (tensor<2x4x3xf32>) -> tensor<2x12xf32>
    %3 = nn.binary add %2, %bias : (tensor<2x12xf32>, tensor<12xf32>) -> tensor<2x12xf32>
    return %3 : tensor<2x12xf32>
  })");
  ASSERT_TRUE(parsed.module);
  Operation *root = &parsed.function().getBody().front().front();
  FailureOr<FusedExpression> expression = FusedExpression::getAtRoot(parsed.result(0), root->getResult(0));
  ASSERT_TRUE(succeeded(expression));
  EXPECT_EQ(expression->result().strides, (Ints{12, 1, 3}));
  ASSERT_EQ(expression->views().size(), 2u);
  EXPECT_EQ(expression->views()[1]->strides, (Ints{0, 1, 3}));
  EXPECT_TRUE(expression->readsRoot());
}
