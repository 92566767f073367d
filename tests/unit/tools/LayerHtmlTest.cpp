//===- LayerHtmlTest.cpp - quantized layers on report.html -----------------===//

#include "tools/fettle/LayerHtml.h"
#include "tools/fettle/HtmlReport.h"
#include <gtest/gtest.h>

namespace fettle::cli {

/// A layer in 8 bits, of which everything was measured.
static LayerReport measured(std::string name, double decibels, double sensitivity, double floatTime, double integerTime) {
  LayerReport layer;
  layer.name = std::move(name);
  layer.macs = 1000;
  layer.integers = true;
  layer.input = {0.5, 3};
  layer.sqnrDecibels = decibels;
  layer.sensitivity = sensitivity;
  layer.floatMicroseconds = floatTime;
  layer.integerMicroseconds = integerTime;
  return layer;
}

static CompileResult example() {
  CompileResult result;
  result.macs = 4000;
  result.layers = {measured("<script>alert(\"1\")</script>", 40, 0.1, 10, 4), measured("a&b", 35, -0.01, 5, 2), measured("conv", 20, 0.3, 3, 4)};
  result.layers[2].integers = false;
  result.layers[2].reason = "number 1 by <sensitivity>";
  return result;
}

static size_t count(llvm::StringRef text, llvm::StringRef what) { return text.count(what); }

static std::string section(const CompileResult &result, const Accuracy &accuracy = {}) {
  std::string text;
  llvm::raw_string_ostream os(text);
  writeLayerSection(os, result, accuracy);
  return text;
}

TEST(LayerHtml, ShowsWhatWasMeasured) {
  std::string text = section(example());
  EXPECT_NE(text.find("2 of 3 layers compute in 8 bits, 50.0 % of the multiply-adds"), std::string::npos) << text;
  EXPECT_EQ(count(text, "<svg"), 3u);
  EXPECT_EQ(count(text, "<circle"), 3u);
  EXPECT_EQ(count(text, "<rect"), 3u + 6u) << "a bar for each sensitivity, two for each pair of times";
  EXPECT_NE(text.find(">0</text>"), std::string::npos) << "where bars begin";
  EXPECT_EQ(text.find(">-0</text>"), std::string::npos);
  EXPECT_NE(text.find("conv: 20.0 dB, float"), std::string::npos);
  EXPECT_NE(text.find("conv: number 1 by"), std::string::npos);
  for (llvm::StringRef tag : {"svg", "table", "tr", "ul", "li", "h2", "h3", "rect", "circle", "title", "p"})
    EXPECT_EQ(count(text, "<" + tag.str() + " ") + count(text, "<" + tag.str() + ">"), count(text, "</" + tag.str() + ">")) << tag.str();
}

TEST(LayerHtml, NamesAreText) {
  std::string text = section(example());
  EXPECT_EQ(text.find("<script"), std::string::npos);
  EXPECT_EQ(text.find("<sensitivity>"), std::string::npos);
  EXPECT_NE(text.find("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;"), std::string::npos);
  EXPECT_NE(text.find("a&amp;b"), std::string::npos);
}

TEST(LayerHtml, WhatWasNotMeasuredIsNotDrawn) {
  CompileResult result = example();
  for (LayerReport &layer : result.layers)
    layer.sqnrDecibels = layer.sensitivity = layer.floatMicroseconds = layer.integerMicroseconds = std::nullopt;
  std::string text = section(result);
  EXPECT_EQ(count(text, "<svg"), 0u);
  EXPECT_NE(text.find("a&amp;b"), std::string::npos) << "the table is there";
  // One layer, and one that is exact.
  result.layers.resize(1);
  result.layers[0].sqnrDecibels = 300;
  EXPECT_EQ(count(section(result), "<circle"), 1u);
  EXPECT_EQ(section(result).find("nan"), std::string::npos);
}

TEST(LayerHtml, ExtremesLeaveTheOthersRoom) {
  CompileResult result = example();
  result.layers[0].sqnrDecibels = 300;
  result.layers[1].sqnrDecibels = -300;
  std::string text = section(result);
  EXPECT_NE(text.find(">40</text>"), std::string::npos) << "a tick between";
  EXPECT_EQ(text.find(">200</text>"), std::string::npos);
  EXPECT_EQ(text.find(">-200</text>"), std::string::npos);
}

TEST(LayerHtml, TellsBeforeAndAfter) {
  Accuracy accuracy;
  accuracy.evaluation.emplace();
  accuracy.evaluation->agreement = 99.5;
  accuracy.evaluation->sqnrDecibels = 31;
  EXPECT_EQ(section(example(), accuracy).find("taken back"), std::string::npos);
  accuracy.before.emplace();
  accuracy.before->agreement = 91.25;
  accuracy.before->losses = {1, 0, 0, 0};
  std::string text = section(example(), accuracy);
  for (llvm::StringRef wanted : {"float model", "before anything was taken back", "91.25", "this artifact", "99.50", "31.0"})
    EXPECT_NE(text.find(wanted.str()), std::string::npos) << wanted.str();
}

TEST(HtmlReport, LoadsNothing) {
  codegen::Manifest manifest;
  manifest.name = "<b>net</b>";
  std::string page = htmlReport(example(), manifest, {});
  for (llvm::StringRef what : {"<script", "http", "src=", "url(", "@import", "<link", "<b>net"})
    EXPECT_EQ(page.find(what.str()), std::string::npos) << what.str();
  EXPECT_EQ(count(page, "<html"), count(page, "</html>"));
}

} // namespace fettle::cli
