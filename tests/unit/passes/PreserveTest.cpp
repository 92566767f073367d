//===- PreserveTest.cpp - phases keep what a network computes -------------===//

#include "ir/import/Import.h"
#include "ir/nn/Nn.h"
#include "passes/quantize/Passes.h"
#include "tests/unit/passes/Preserve.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <gtest/gtest.h>

using namespace mlir;

namespace fettle::test {

/// The .mlir files below a folder of the source tree, sorted.
static std::vector<std::string> filesBelow(StringRef folder, StringRef suffix) {
  std::vector<std::string> files;
  std::error_code error;
  for (llvm::sys::fs::recursive_directory_iterator entry(folder, error), end; entry != end && !error; entry.increment(error))
    if (StringRef(entry->path()).ends_with(suffix))
      files.push_back(entry->path());
  llvm::sort(files);
  return files;
}

/// The functions of the IR tests go through all phases: they hold what the patterns look for.
TEST(Preserve, IrTests) {
  for (StringRef folder : {"/tests/lit/passes/normalize", "/tests/lit/passes/fuse"}) {
    for (const std::string &file : filesBelow((FETTLE_SOURCE_DIR + folder).str(), ".mlir")) {
      if (StringRef(file).ends_with("-errors.mlir"))
        continue;
      SCOPED_TRACE(file);
      auto buffer = llvm::MemoryBuffer::getFile(file);
      ASSERT_TRUE(bool(buffer));
      SmallVector<StringRef> parts;
      (*buffer)->getBuffer().split(parts, "// -----");
      for (StringRef part : parts) {
        MLIRContext context;
        loadDialects(context);
        OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>(part, &context);
        ASSERT_TRUE(module);
        expectPhasesPreserve(*module, 1e-4);
      }
    }
  }
}

/// Integers of the rule tosa, too, which are compared exactly.
TEST(Preserve, FixedPointRequantization) {
  auto buffer = llvm::MemoryBuffer::getFile(FETTLE_SOURCE_DIR "/tests/lit/passes/quantize/form-integer-islands-tosa.mlir");
  ASSERT_TRUE(bool(buffer));
  MLIRContext context;
  loadDialects(context);
  OwningOpRef<ModuleOp> module = parseSourceString<ModuleOp>((*buffer)->getBuffer(), &context);
  ASSERT_TRUE(module);
  PassManager passes(&context);
  FormIntegerIslandsPassOptions tosa;
  tosa.rule = IntegerRule::Tosa;
  passes.nest<func::FuncOp>().addPass(createFormIntegerIslandsPass(tosa));
  ASSERT_TRUE(succeeded(passes.run(*module)));
  expectPhasesPreserve(*module, 1e-6);
}

/// The multiply-accumulates of all ops: what the interpreter takes its time for.
static int64_t macsOf(ModuleOp module) {
  int64_t macs = 0;
  module.walk([&](nn::NnOpInterface op) { macs += op.getMacs(); });
  return macs;
}

/// The symbolic dims of those networks, bound small. An unknown name would be a problem of the model, so each is bound
/// only where the importer asks for it.
static ImportResult importSmall(MLIRContext &context, const std::string &file) {
  static const std::pair<const char *, int64_t> dims[] = {{"N", 1},        {"batch", 1},  {"batch_size", 1}, {"unk__214", 1},
                                                          {"length", 24},  {"seq", 6},    {"past", 3},       {"past_seq", 3},
                                                          {"sequence", 512}, {"total", 9}};
  Bindings bindings;
  ImportResult result = importModel(context, file, bindings);
  for (auto [name, extent] : dims)
    for (const Problem &problem : result.problems)
      if (StringRef(problem.remedy).contains((Twine("--dim ") + name + "=").str()))
        bindings.dims[name] = extent;
  return bindings.dims.empty() ? std::move(result) : importModel(context, file, bindings);
}

/// Whole networks, where they are at hand: those that the interpreter runs within seconds.
TEST(Preserve, Models) {
  std::vector<std::string> files = filesBelow(FETTLE_SOURCE_DIR "/test_models", ".onnx");
  for (std::string &file : filesBelow(FETTLE_SHARED "/models", ".onnx"))
    files.push_back(std::move(file));
  for (const std::string &file : files) {
    SCOPED_TRACE(file);
    MLIRContext context;
    loadDialects(context);
    ImportResult imported = importSmall(context, file);
    constexpr int64_t maxMacs = 40'000'000;
    if (!imported.module || macsOf(*imported.module) > maxMacs)
      continue;
    // Where values are rounded to 8 bits, a last bit before may be a step behind.
    bool isQuantized = StringRef(file).contains("int8");
    expectPhasesPreserve(*imported.module, isQuantized ? 2e-2 : 1e-3);
  }
}

} // namespace fettle::test
