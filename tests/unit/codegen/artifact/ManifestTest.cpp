//===- ManifestTest.cpp - manifest.json, written and read -----------------===//

#include "codegen/artifact/Manifest.h"
#include <gtest/gtest.h>

namespace fettle::codegen {
namespace {

Manifest makeManifest() {
  Manifest manifest;
  manifest.name = "résumé \xff";
  manifest.identifier = "r_sum";
  manifest.version = "1.2.3";
  manifest.targetName = "cpu:x86-64-v3";
  manifest.triple = "x86_64-unknown-linux-gnu";
  manifest.cpu = "x86-64-v3";
  manifest.requiredFeatures = {"avx2", "fma"};
  manifest.vectorBytes = 32;
  manifest.first().inputs = {{"x", "f32", {1, 3}, 12}};
  manifest.first().outputs = {{"y", "i64", {}, 8}};
  manifest.first().steps = {{"Add_0+Relu_0", "map", "kernel_0", 2, 3, 24}};
  manifest.numKernels = 1;
  manifest.arenaBytes = 64;
  manifest.files = {{"r_sum.so", 5, "00"}};
  manifest.first().goldenInputs = {"golden/input_0.npy"};
  manifest.modelHash = "ab";
  manifest.details = llvm::json::Object{{"bindings", llvm::json::Object{{"N", 1}}}};
  return manifest;
}

TEST(Manifest, ReadsWhatItWrites) {
  std::string text = makeManifest().print();
  llvm::Expected<Manifest> read = Manifest::parse(text);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->first().steps[0].name, "Add_0+Relu_0");
  EXPECT_EQ(read->first().outputs[0].shape, std::vector<int64_t>());
  EXPECT_EQ(read->details.getObject("bindings")->getInteger("N"), 1);
  EXPECT_EQ(read->print(), text);
}

TEST(Manifest, DetailsDoNotHideItsOwnFields) {
  Manifest manifest = makeManifest();
  manifest.details["arena_bytes"] = "none";
  llvm::Expected<Manifest> read = Manifest::parse(manifest.print());
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->arenaBytes, 64);
}

Manifest makeManifestOfTwo() {
  Manifest manifest = makeManifest();
  manifest.specializations.push_back(manifest.first());
  Manifest::Specialization &second = manifest.specializations.back();
  second.inputs[0].shape = {4, 3};
  second.inputs[0].bytes = 48;
  second.outputs[0].shape = {4};
  second.outputs[0].bytes = 32;
  second.steps[0].macs = 12;
  second.goldenInputs = {"golden/1/input_0.npy"};
  return manifest;
}

TEST(Manifest, ReadsSpecializations) {
  std::string text = makeManifestOfTwo().print();
  llvm::Expected<Manifest> read = Manifest::parse(text);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  ASSERT_EQ(read->specializations.size(), 2u);
  EXPECT_EQ(read->first().macs(), 3);
  EXPECT_EQ(read->first().goldenInputs[0], "golden/input_0.npy");
  const Manifest::Specialization &second = read->specializations[1];
  EXPECT_EQ(second.inputs[0].name, read->first().inputs[0].name);
  EXPECT_EQ(second.inputs[0].shape, (std::vector<int64_t>{4, 3}));
  EXPECT_EQ(second.inputs[0].bytes, 48);
  EXPECT_EQ(second.outputs[0].bytes, 32);
  EXPECT_EQ(second.macs(), 12);
  EXPECT_EQ(second.goldenInputs[0], "golden/1/input_0.npy");
  EXPECT_EQ(read->listShapes(), "x 1x3; x 4x3");
  EXPECT_EQ(read->print(), text);
}

TEST(Manifest, DiagnosesDamagedSpecializations) {
  std::string text = makeManifestOfTwo().print();
  auto errorWith = [&](llvm::StringRef from, llvm::StringRef to) {
    std::string changed = text;
    size_t position = changed.rfind(from.str());
    EXPECT_NE(position, std::string::npos) << from.str();
    llvm::Expected<Manifest> read = Manifest::parse(changed.replace(position, from.size(), to.str()));
    return read ? std::string() : llvm::toString(read.takeError());
  };
  EXPECT_NE(errorWith("\"x\": [", "\"y\": [").find("shape of every input"), std::string::npos);
  EXPECT_NE(errorWith("\"x\": [", "\"x\": [9223372036854775807,").find("shape of every input"), std::string::npos);
  EXPECT_NE(errorWith("\"specializations\": [", "\"specializations\": [], \"more\": [").find("at least one"), std::string::npos);
  EXPECT_NE(errorWith("\"specializations\": [", "\"specializations\": 1, \"more\": [").find("at least one"), std::string::npos);
}

TEST(Manifest, RefusesNegativeExtents) {
  Manifest manifest = makeManifest();
  manifest.first().outputs[0].shape = {-1};
  EXPECT_EQ(llvm::toString(Manifest::parse(manifest.print()).takeError()), "manifest: 'y' has a negative extent");
}

TEST(Manifest, EveryTruncationIsDiagnosed) {
  std::string text = makeManifestOfTwo().print();
  for (size_t length = 0; length + 2 < text.size(); ++length) {
    llvm::Expected<Manifest> read = Manifest::parse(llvm::StringRef(text).take_front(length));
    EXPECT_FALSE(bool(read)) << length;
    if (!read)
      llvm::consumeError(read.takeError());
  }
}

} // namespace
} // namespace fettle::codegen
