//===- MovementTest.cpp - values of ops that move data --------------------===//

#include "tests/unit/nn/OneOp.h"
#include <gtest/gtest.h>

using namespace fettle::test;

static const std::string matrix = "dense<[[1, 2, 3], [4, 5, 6]]> : tensor<2x3xi16>";

TEST(MovementReference, TransposeSliceTile) {
  EXPECT_EQ(
      OneOp("nn.transpose %0 {perm = array<i64: 1, 0>} : (tensor<2x3xi16>) -> tensor<3x2xi16>", {matrix}).values(),
      Values({1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(OneOp("nn.slice %0 {starts = array<i64: 1, 2>, sizes = array<i64: 2, 2>, steps = array<i64: -1, -2>} : "
                  "(tensor<2x3xi16>) -> tensor<2x2xi16>",
                  {matrix})
                .values(),
            Values({6, 4, 3, 1}));
  EXPECT_EQ(OneOp("nn.tile %0 {repeats = array<i64: 1, 2>} : (tensor<2x3xi16>) -> tensor<2x6xi16>", {matrix}).values(),
            Values({1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}));
  EXPECT_EQ(OneOp("nn.broadcast %0 : (tensor<2x1xi16>) -> tensor<2x2x2xi16>", {"dense<[[7], [8]]> : tensor<2x1xi16>"})
                .values(),
            Values({7, 7, 8, 8, 7, 7, 8, 8}));
  EXPECT_EQ(OneOp("nn.concat %0, %0 {axis = 1 : i64} : (tensor<2x3xi16>, tensor<2x3xi16>) -> tensor<2x6xi16>", {matrix})
                .values(),
            Values({1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6}));
}

static Values pad(const std::string &mode, int low, int high) {
  std::string type = "tensor<" + std::to_string(3 + low + high) + "xi16>";
  return OneOp("nn.pad " + mode + " %0 {low = array<i64: " + std::to_string(low) +
                   ">, high = array<i64: " + std::to_string(high) + ">} : (tensor<3xi16>) -> " + type,
               {"dense<[1, 2, 3]> : tensor<3xi16>"})
      .values();
}

TEST(MovementReference, Pad) {
  EXPECT_EQ(pad("constant", 1, 2), Values({0, 1, 2, 3, 0, 0}));
  EXPECT_EQ(pad("edge", 2, 1), Values({1, 1, 1, 2, 3, 3}));
  EXPECT_EQ(pad("reflect", 2, 2), Values({3, 2, 1, 2, 3, 2, 1}));
  EXPECT_EQ(pad("wrap", 4, 1), Values({3, 1, 2, 3, 1, 2, 3, 1}));
  OneOp valued("nn.pad constant %0, %1 {low = array<i64: 1>, high = array<i64: 0>} : (tensor<1xf16>, tensor<f16>) -> "
               "tensor<2xf16>",
               {"dense<2.0> : tensor<1xf16>", "dense<-1.5> : tensor<f16>"});
  EXPECT_EQ(valued.values(), Values({-1.5, 2}));
}

TEST(IndexingReference, GatherCountsFromTheEndAndClamps) {
  EXPECT_EQ(OneOp("nn.gather %0, %1 {axis = 1 : i64} : (tensor<2x3xi16>, tensor<3xi32>) -> tensor<2x3xi16>",
                  {matrix, "dense<[-1, 9, -9]> : tensor<3xi32>"})
                .values(),
            Values({3, 3, 1, 6, 6, 4}));
  EXPECT_EQ(OneOp("nn.gather_elements %0, %1 {axis = 0 : i64} : (tensor<2x3xi16>, tensor<1x3xi64>) -> tensor<1x3xi16>",
                  {matrix, "dense<[[1, 0, -1]]> : tensor<1x3xi64>"})
                .values(),
            Values({4, 2, 6}));
}

TEST(IndexingReference, GatherNdWithBatches) {
  EXPECT_EQ(OneOp("nn.gather_nd %0, %1 : (tensor<2x3xi16>, tensor<2x2xi64>) -> tensor<2xi16>",
                  {matrix, "dense<[[1, 0], [0, 2]]> : tensor<2x2xi64>"})
                .values(),
            Values({4, 3}));
  EXPECT_EQ(OneOp("nn.gather_nd %0, %1 {batch_dims = 1 : i64} : (tensor<2x3xi16>, tensor<2x1xi64>) -> tensor<2xi16>",
                  {matrix, "dense<[[2], [0]]> : tensor<2x1xi64>"})
                .values(),
            Values({3, 4}));
}

static Values scatter(const std::string &kind) {
  return OneOp("nn.scatter_elements " + kind +
                   " %0, %1, %2 {axis = 0 : i64} : (tensor<3xf32>, tensor<3xi64>, "
                   "tensor<3xf32>) -> tensor<3xf32>",
               {"dense<[1.0, 2.0, 3.0]> : tensor<3xf32>", "dense<[0, 0, -1]> : tensor<3xi64>",
                "dense<[5.0, 4.0, -2.0]> : tensor<3xf32>"})
      .values();
}

TEST(IndexingReference, ScatterOfEachKind) {
  EXPECT_EQ(scatter("replace"), Values({4, 2, -2}));
  EXPECT_EQ(scatter("accumulate"), Values({10, 2, 1}));
  EXPECT_EQ(scatter("multiply"), Values({20, 2, -6}));
  EXPECT_EQ(scatter("minimum"), Values({1, 2, -2}));
  EXPECT_EQ(scatter("maximum"), Values({5, 2, 3}));
}

TEST(IndexingReference, ScatterNdReplacesSlices) {
  EXPECT_EQ(
      OneOp("nn.scatter_nd replace %0, %1, %2 : (tensor<2x3xi16>, tensor<1x1xi64>, tensor<1x3xi16>) -> tensor<2x3xi16>",
            {matrix, "dense<1> : tensor<1x1xi64>", "dense<[[7, 8, 9]]> : tensor<1x3xi16>"})
          .values(),
      Values({1, 2, 3, 7, 8, 9}));
}

TEST(IndexingReference, ReverseSequence) {
  EXPECT_EQ(
      OneOp("nn.reverse_sequence %0, %1 {batch_axis = 0 : i64, time_axis = 1 : i64} : (tensor<2x3xi16>, tensor<2xi64>) "
            "-> tensor<2x3xi16>",
            {matrix, "dense<[2, 9]> : tensor<2xi64>"})
          .values(),
      Values({2, 1, 3, 6, 5, 4}));
}

static Values resize(const std::string &kind, const std::string &coordinates, const std::string &scale, int64_t extent,
                     const std::string &more = "", const std::string &roi = "") {
  return OneOp("nn.resize " + kind + " %0 {scales = array<f64: " + scale + ">, roi = array<f64" + roi +
                   ">, coordinates = #nn<coordinate_kind " + coordinates +
                   ">, rounding = #nn<round_kind round_prefer_floor>" + more + "} : (tensor<4xf64>) -> tensor<" +
                   std::to_string(extent) + "xf64>",
               {"dense<[1.0, 2.0, 3.0, 4.0]> : tensor<4xf64>"})
      .values();
}

TEST(ResizeReference, Nearest) {
  EXPECT_EQ(resize("nearest", "asymmetric", "2.0", 8), Values({1, 1, 2, 2, 3, 3, 4, 4}));
  EXPECT_EQ(resize("nearest", "half_pixel", "0.5", 2), Values({1, 3}));
}

TEST(ResizeReference, LinearRepeatsTheBorder) {
  expectNear(resize("linear", "half_pixel", "2.0", 8), {1, 1.25, 1.75, 2.25, 2.75, 3.25, 3.75, 4});
  expectNear(resize("linear", "align_corners", "1.75", 7), {1, 1.5, 2, 2.5, 3, 3.5, 4});
}

TEST(ResizeReference, AntialiasAverages) {
  expectNear(resize("linear", "half_pixel", "0.5", 2, ", antialias"), {1.625, 3.375}, 1e-9);
}

TEST(ResizeReference, CubicReproducesPoints) {
  expectNear(resize("cubic", "align_corners", "1.75", 7), {1, 1.40625, 2, 2.5, 3, 3.59375, 4});
}

TEST(ResizeReference, CropOutsideExtrapolates) {
  expectNear(resize("linear", "tf_crop_and_resize", "1.0", 4, ", extrapolation = 9.0", ": 0.0, 2.0"), {1, 3, 9, 9});
}

TEST(BoxesReference, NonMaxSuppression) {
  OneOp nms("nn.non_max_suppression %0, %1 {max_per_class = 2 : i64, iou_threshold = 0.5, score_threshold = 0.1} : "
            "(tensor<1x4x4xf32>, tensor<1x1x4xf32>) -> tensor<3x3xi64>",
            {"dense<[[[0.0, 0.0, 1.0, 1.0], [0.0, 0.1, 1.0, 1.1], [5.0, 5.0, 4.0, 4.0], [8.0, 8.0, 9.0, 9.0]]]> : "
             "tensor<1x4x4xf32>",
             "dense<[[[0.9, 0.8, 0.95, 0.1]]]> : tensor<1x1x4xf32>"});
  EXPECT_EQ(nms.values(), Values({0, 0, 2, 0, 0, 0, -1, -1, -1}));
}
