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
  manifest.inputs = {{"x", "f32", {1, 3}, 12}};
  manifest.outputs = {{"y", "i64", {}, 8}};
  manifest.steps = {{"Add_0+Relu_0", "map", "kernel_0", 2, 3, 24}};
  manifest.numKernels = 1;
  manifest.arenaBytes = 64;
  manifest.files = {{"r_sum.so", 5, "00"}};
  manifest.goldenInputs = {"golden/input_0.npy"};
  manifest.modelHash = "ab";
  manifest.details = llvm::json::Object{{"bindings", llvm::json::Object{{"N", 1}}}};
  return manifest;
}

TEST(Manifest, ReadsWhatItWrites) {
  std::string text = makeManifest().print();
  llvm::Expected<Manifest> read = Manifest::parse(text);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->steps[0].name, "Add_0+Relu_0");
  EXPECT_EQ(read->outputs[0].shape, std::vector<int64_t>());
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

TEST(Manifest, EveryTruncationIsDiagnosed) {
  std::string text = makeManifest().print();
  for (size_t length = 0; length + 2 < text.size(); ++length) {
    llvm::Expected<Manifest> read = Manifest::parse(llvm::StringRef(text).take_front(length));
    EXPECT_FALSE(bool(read)) << length;
    if (!read)
      llvm::consumeError(read.takeError());
  }
}

} // namespace
} // namespace fettle::codegen
