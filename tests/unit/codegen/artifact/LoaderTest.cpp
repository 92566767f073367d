//===- LoaderTest.cpp - artifacts opened and run --------------------------===//

#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/HostSupport.h"
#include "codegen/artifact/Loader.h"
#include "tests/unit/codegen/artifact/TinyModel.h"
#include "llvm/Support/FileSystem.h"
#include <gtest/gtest.h>
#include <malloc.h>
#include <thread>

#if defined(__x86_64__)

namespace fettle::codegen {
namespace {

class LoaderTest : public ::testing::Test {
protected:
  LoaderTest() {
    ArtifactOptions options;
    options.name = "tiny";
    EXPECT_EQ(messageOf(writeArtifact(folder, makeTinyModel(context), options)), "");
  }
  std::unique_ptr<LoadedModel> open(const LoadOptions &options = {}) {
    llvm::Expected<std::unique_ptr<LoadedModel>> loaded = LoadedModel::open(folder, options);
    EXPECT_TRUE(bool(loaded)) << llvm::toString(loaded.takeError());
    return loaded ? std::move(*loaded) : nullptr;
  }
  std::string openError(const LoadOptions &options = {}) {
    return messageOf(LoadedModel::open(folder, options).takeError());
  }
  HostTensor sample(float scale) {
    HostTensor tensor(mlir::RankedTensorType::get({2, tinyElements / 2}, mlir::Float32Type::get(&context)));
    for (int64_t i = 0; i < tinyElements; ++i)
      tensor.setDouble(i, scale * i);
    return tensor;
  }
  static bool isRight(const HostTensor &output, float scale) {
    for (int64_t i = 0; i < tinyElements; ++i)
      if (output.doubleAt(i) != scale * i * tinyWeight(i) * tinyWeight(i))
        return false;
    return true;
  }

  mlir::MLIRContext context;
  ScratchFolder scratch;
  std::string folder = scratch / "out";
};

TEST_F(LoaderTest, RunsOnAnyNumberOfThreads) {
  for (unsigned threads : {1u, 2u, 3u, 8u}) {
    LoadOptions options;
    options.threads = threads;
    options.verifyChecksums = true;
    std::unique_ptr<LoadedModel> model = open(options);
    ASSERT_TRUE(model);
    for (float scale : {1.0f, 2.0f}) {
      llvm::Expected<std::vector<HostTensor>> outputs = model->run({sample(scale)}, &context);
      ASSERT_TRUE(bool(outputs));
      EXPECT_TRUE(isRight((*outputs)[0], scale));
    }
  }
}

static size_t threadsOfThisProcess() {
  std::error_code error;
  size_t count = 0;
  for (llvm::sys::fs::directory_iterator task("/proc/self/task", error), end; task != end && !error; task.increment(error))
    ++count;
  return count;
}

TEST_F(LoaderTest, StartsThreadsOnlyForStepsThatAreShared) {
  LoadOptions options;
  options.threads = 3;
  size_t before = threadsOfThisProcess();
  {
    std::unique_ptr<LoadedModel> model = open(options);
    EXPECT_EQ(threadsOfThisProcess(), before + 2);
  }
  CompiledModel quick = makeTinyModel(context);
  for (Step &step : quick.first().steps)
    step.nanoseconds = FETTLE_NANOSECONDS_WORTH_SHARING - 1;
  ArtifactOptions named;
  named.name = "tiny";
  ASSERT_EQ(messageOf(writeArtifact(folder, quick, named)), "");
  std::unique_ptr<LoadedModel> model = open(options);
  ASSERT_TRUE(model);
  EXPECT_EQ(threadsOfThisProcess(), before);
  llvm::Expected<std::vector<HostTensor>> outputs = model->run({sample(2)}, &context);
  ASSERT_TRUE(bool(outputs));
  EXPECT_TRUE(isRight((*outputs)[0], 2));
}

TEST_F(LoaderTest, TwoInstancesRunAtOnce) {
  std::vector<std::thread> workers;
  std::atomic<int> wrong{0};
  for (float scale : {1.0f, 3.0f})
    workers.emplace_back([&, scale] {
      mlir::MLIRContext own(mlir::MLIRContext::Threading::DISABLED);
      std::unique_ptr<LoadedModel> model = open();
      std::vector<float> input(tinyElements), output(tinyElements);
      for (int64_t i = 0; i < tinyElements; ++i)
        input[i] = scale * i;
      for (int call = 0; call < 1000; ++call) {
        std::fill(output.begin(), output.end(), -1);
        if (model->run({input.data()}, {output.data()}))
          ++wrong;
        for (int64_t i = 0; i < tinyElements; ++i)
          wrong += output[i] != scale * i * tinyWeight(i) * tinyWeight(i);
      }
    });
  for (std::thread &worker : workers)
    worker.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(LoaderTest, HonoursTheCallersArenaAndParallelFor) {
  std::unique_ptr<LoadedModel> loaded = open();
  const fettle_model &model = loaded->descriptor();
  std::string weights = readFile(folder + "/tiny.weights");
  std::vector<char> memory(weights.size() + model.arena_bytes + 256, 0x55);
  char *aligned = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64);
  int64_t weightsSpan = llvm::alignTo(weights.size(), 64);
  std::copy(weights.begin(), weights.end(), aligned);
  struct Record {
    int calls = 0;
    int64_t tiles = 0;
  } record;
  fettle_context call{};
  call.weights = aligned;
  call.arena = aligned + weightsSpan;
  call.parallel_context = &record;
  call.parallel_for = [](void *context, fettle_task task, void *taskContext, int64_t count) {
    auto *record = static_cast<Record *>(context);
    ++record->calls;
    record->tiles += count;
    for (int64_t i = count; i > 0; --i)
      task(taskContext, i - 1, i);
  };
  std::vector<float> storage(tinyElements + 1), output(tinyElements + 1);
  // Inputs and outputs may lie anywhere.
  float *x = storage.data() + 1;
  for (int64_t i = 0; i < tinyElements; ++i)
    x[i] = i;
  const void *inputs[] = {x};
  void *outputs[] = {output.data() + 1};
  ASSERT_EQ(model.run(&call, inputs, outputs), FETTLE_OK);
  EXPECT_EQ(record.calls, 2);
  EXPECT_EQ(record.tiles, 8);
  for (int64_t i = 0; i < tinyElements; ++i)
    ASSERT_EQ(output[i + 1], i * tinyWeight(i) * tinyWeight(i));
  // Nothing beyond the arena is touched.
  EXPECT_EQ(aligned[weightsSpan + model.arena_bytes], 0x55);

  fettle_context bad = call;
  bad.arena = nullptr;
  EXPECT_EQ(model.run(&bad, inputs, outputs), FETTLE_NULL_POINTER);
  bad = call;
  bad.weights = static_cast<const char *>(call.weights) + 8;
  EXPECT_EQ(model.run(&bad, inputs, outputs), FETTLE_MISALIGNED);
  EXPECT_EQ(model.run(nullptr, inputs, outputs), FETTLE_NULL_POINTER);
  EXPECT_EQ(model.run(&call, nullptr, outputs), FETTLE_NULL_POINTER);
  EXPECT_EQ(model.run_steps(&call, inputs, outputs, 0, 3), FETTLE_OUT_OF_RANGE);
  EXPECT_STREQ(model.steps[0].name, "Mul_0");
  EXPECT_STREQ(model.steps[0].kind, "map");
}

TEST_F(LoaderTest, AllocatesNothingAfterTheFirstCall) {
  for (unsigned threads : {1u, 2u}) {
    LoadOptions options;
    options.threads = threads;
    std::unique_ptr<LoadedModel> model = open(options);
    HostTensor input = sample(1), output(input.type());
    const void *inputs[] = {input.bytes().data()};
    void *outputs[] = {output.mutableBytes().data()};
    ASSERT_EQ(messageOf(model->run(inputs, outputs)), "");
    size_t before = mallinfo2().uordblks;
    for (int call = 0; call < 20; ++call)
      ASSERT_FALSE(bool(model->run(inputs, outputs)));
    EXPECT_EQ(mallinfo2().uordblks, before) << threads << " threads";
  }
}

TEST_F(LoaderTest, RunsStepByStep) {
  std::unique_ptr<LoadedModel> model = open();
  HostTensor input = sample(1), output(input.type());
  std::vector<int32_t> seen;
  ASSERT_EQ(messageOf(model->runSteps({input.bytes().data()}, {output.mutableBytes().data()},
                                      [&](int32_t step) { seen.push_back(step); })),
            "");
  EXPECT_EQ(seen, (std::vector<int32_t>{0, 1}));
  EXPECT_TRUE(isRight(output, 1));
}

TEST_F(LoaderTest, SmallStepsAreNotShared) {
  CompiledModel small = makeTinyModel(context);
  small.first().steps[0].nanoseconds = 1000;
  ArtifactOptions options;
  options.name = "tiny";
  ASSERT_EQ(messageOf(writeArtifact(folder, small, options)), "");
  std::unique_ptr<LoadedModel> loaded = open();
  std::string weights = readFile(folder + "/tiny.weights");
  int calls = 0;
  llvm::OwningArrayRef<char> memory(loaded->descriptor().arena_bytes + weights.size() + 256);
  auto *arena = reinterpret_cast<char *>(llvm::alignAddr(memory.data(), llvm::Align(64)));
  char *aligned = arena + loaded->descriptor().arena_bytes;
  std::copy(weights.begin(), weights.end(), aligned);
  fettle_context call{aligned, arena, nullptr, &calls};
  call.parallel_for = [](void *context, fettle_task task, void *taskContext, int64_t count) {
    ++*static_cast<int *>(context);
    task(taskContext, 0, count);
  };
  HostTensor input = sample(1), output(input.type());
  const void *inputs[] = {input.bytes().data()};
  void *outputs[] = {output.mutableBytes().data()};
  ASSERT_EQ(loaded->descriptor().run(&call, inputs, outputs), FETTLE_OK);
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(isRight(output, 1));
}

TEST_F(LoaderTest, RefusesWrongCalls) {
  std::unique_ptr<LoadedModel> model = open();
  EXPECT_NE(messageOf(model->run({}, &context).takeError()).find("has 1 inputs"), std::string::npos);
  HostTensor flat = sample(1).reshaped({tinyElements});
  EXPECT_NE(messageOf(model->run({flat}, &context).takeError()).find("not compiled for the shapes x 256; there are: x 2x128"), std::string::npos);
}

TEST_F(LoaderTest, AReplacedArtifactIsLoadedAnew) {
  std::unique_ptr<LoadedModel> old = open();
  CompiledModel changed = makeTinyModel(context);
  changed.first().steps.pop_back();
  changed.first().steps[0].arguments[2] = {BufferReference::Output, 0, 0};
  ArtifactOptions options;
  options.name = "tiny";
  ASSERT_EQ(messageOf(writeArtifact(folder, changed, options)), "");
  std::unique_ptr<LoadedModel> renewed = open();
  EXPECT_EQ(old->descriptor().num_steps, 2);
  EXPECT_EQ(renewed->descriptor().num_steps, 1);
  EXPECT_TRUE(isRight(llvm::cantFail(old->run({sample(1)}, &context))[0], 1));
}

TEST_F(LoaderTest, DiagnosesDamage) {
  std::string manifest = readFile(folder + "/manifest.json");
  std::string weights = readFile(folder + "/tiny.weights"), code = readFile(folder + "/tiny.so");
  auto changed = [&](llvm::StringRef from, llvm::StringRef to) {
    std::string text = manifest;
    size_t position = text.find(from.str());
    EXPECT_NE(position, std::string::npos) << from.str();
    writeFile(folder + "/manifest.json", text.replace(position, from.size(), to.str()));
    std::string message = openError();
    writeFile(folder + "/manifest.json", manifest);
    return message;
  };
  EXPECT_NE(changed("\"format_version\": 1", "\"format_version\": 999").find("format version 999"), std::string::npos);
  EXPECT_NE(changed("fettle-artifact", "other").find("not the manifest"), std::string::npos);
  EXPECT_NE(changed("\"arena_bytes\": ", "\"arena_bytes\": 1").find("contradicts the manifest"), std::string::npos);
  EXPECT_NE(changed("\"shape\"", "\"form\"").find("shape"), std::string::npos);
  EXPECT_NE(changed("x86_64-", "aarch64-").find("is for aarch64"), std::string::npos);
  EXPECT_NE(changed("\"required_features\": [", "\"required_features\": [\"amx-fp8\", ").find("lacks"), std::string::npos);
  EXPECT_NE(changed("\"identifier\": \"tiny\"", "\"identifier\": \"../tiny\"").find("identifier"), std::string::npos);
  EXPECT_NE(changed("\"path\": \"tiny.o\"", "\"path\": \"../../dev/zero\"").find("outside the folder"), std::string::npos);
  writeFile(folder + "/manifest.json", std::string(100000, '['));
  EXPECT_NE(openError().find("nested too deeply"), std::string::npos);
  for (size_t length : {size_t(0), size_t(1), manifest.size() / 2}) {
    writeFile(folder + "/manifest.json", manifest.substr(0, length));
    EXPECT_NE(openError(), "");
  }
  writeFile(folder + "/manifest.json", manifest);

  writeFile(folder + "/tiny.weights", weights.substr(0, weights.size() - 1));
  EXPECT_NE(openError().find("damaged"), std::string::npos);
  weights[100] ^= 1;
  writeFile(folder + "/tiny.weights", weights);
  EXPECT_EQ(openError(), "");
  LoadOptions verify;
  verify.verifyChecksums = true;
  EXPECT_NE(openError(verify).find("checksum"), std::string::npos);
  code[code.size() / 2] ^= 1;
  writeFile(folder + "/tiny.so", code);
  EXPECT_NE(openError().find("checksum"), std::string::npos);
  ASSERT_FALSE(llvm::sys::fs::remove(folder + "/tiny.so"));
  EXPECT_NE(openError().find("tiny.so"), std::string::npos);
  EXPECT_NE(messageOf(LoadedModel::open(scratch / "nothing").takeError()).find("manifest.json"), std::string::npos);
}

TEST(HostSupport, StatesTheInstructionsOfATarget) {
  auto features = [](llvm::StringRef name) {
    return llvm::cantFail(requiredFeatures(llvm::cantFail(parseCpuTarget(name))));
  };
  EXPECT_EQ(llvm::count(features("cpu:x86-64-v2"), "avx2"), 0);
  EXPECT_EQ(llvm::count(features("cpu:x86-64-v3"), "avx2"), 1);
  EXPECT_EQ(llvm::count(features("cpu:x86-64-v3"), "avx512f"), 0);
  EXPECT_EQ(llvm::count(features("cpu:x86-64-v4"), "avx512f"), 1);
  EXPECT_EQ(llvm::count(features("cpu:x86-64-v4"), "avx512vnni"), 0);
  EXPECT_EQ(llvm::count(features("cpu:x86-64-v4+vnni"), "avx512vnni"), 1);
  EXPECT_EQ(llvm::count(features("cpu:x86-64-v3+vnni"), "avxvnni"), 1);
  EXPECT_EQ(llvm::count(features("cpu:x86-64-v4+vnni"), "avx512bf16"), 0);
  EXPECT_EQ(llvm::count(features("cpu:x86-64-v4+bf16+vnni"), "avx512bf16"), 1);
  EXPECT_EQ(llvm::count(features("cpu:x86-64-v4+bf16+vnni"), "avx512vnni"), 1);
  EXPECT_EQ(features("cpu:x86-64-v4+bf16+vnni"), features("cpu:x86-64-v4+vnni+bf16"));
  EXPECT_EQ(llvm::count(features("cpu:aarch64+bf16+dotprod"), "bf16"), 1);
  EXPECT_EQ(llvm::count(features("cpu:aarch64"), "dotprod"), 0);
  EXPECT_EQ(llvm::count(features("cpu:aarch64+dotprod"), "dotprod"), 1);
  for (const char *name : {"cpu:x86-64-v3+bf16", "cpu:x86-64-v2+vnni", "cpu:x86-64-v4+dotprod", "cpu:x86-64-v4+", "cpu:aarch64+vnni", "cpu:aarch64bf16"})
    EXPECT_NE(messageOf(parseCpuTarget(name).takeError()).find("unknown target"), std::string::npos) << name;
  CpuTarget native = llvm::cantFail(parseCpuTarget("cpu:native"));
  EXPECT_EQ(messageOf(checkHost(native.triple, llvm::cantFail(requiredFeatures(native)))), "");
}

} // namespace
} // namespace fettle::codegen

#endif
