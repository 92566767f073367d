//===- ArtifactTest.cpp - the folder that is written ----------------------===//

#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/Manifest.h"
#include "codegen/artifact/ModelHeader.h"
#include "tests/unit/codegen/artifact/TinyModel.h"
#include "llvm/Support/FileSystem.h"
#include <cstdlib>
#include <gtest/gtest.h>

namespace fettle::codegen {
namespace {

std::vector<std::string> listFiles(llvm::StringRef folder) {
  std::vector<std::string> files;
  std::error_code error;
  for (llvm::sys::fs::recursive_directory_iterator it(folder, error), end; it != end && !error; it.increment(error))
    files.push_back(llvm::StringRef(it->path()).drop_front(folder.size() + 1).str());
  llvm::sort(files);
  return files;
}

class ArtifactTest : public ::testing::Test {
protected:
  llvm::Error write(llvm::StringRef folder) { return writeArtifact(folder, makeTinyModel(context), options); }
  /// Runs a shell command in `folder`; returns its exit status.
  static int shell(llvm::StringRef folder, llvm::StringRef command) {
    return std::system(("cd '" + folder + "' && " + command).str().c_str());
  }

  mlir::MLIRContext context;
  ScratchFolder scratch;
  ArtifactOptions options = [] {
    ArtifactOptions options;
    options.name = "tiny model";
    options.modelHash = std::string(64, 'a');
    return options;
  }();
};

TEST_F(ArtifactTest, FolderHoldsWhatTheManifestLists) {
  HostTensor sample(makeTinyModel(context).first().inputs[0].type);
  options.golden = {{{sample}, {sample}}};
  options.reports = {{"report.json", "{}\n"}};
  ASSERT_EQ(messageOf(write(scratch / "out")), "");
  EXPECT_EQ(listFiles(scratch / "out"),
            (std::vector<std::string>{"fettle_abi.h", "golden", "golden/input_0.npy", "golden/output_0.npy",
                                      "manifest.json", "report.json", "tiny_model.h", "tiny_model.o", "tiny_model.so",
                                      "tiny_model.weights"}));
  llvm::Expected<Manifest> manifest = Manifest::read(scratch / "out");
  ASSERT_TRUE(bool(manifest)) << llvm::toString(manifest.takeError());
  EXPECT_EQ(manifest->name, "tiny model");
  EXPECT_EQ(manifest->files.size(), 7u);
  EXPECT_EQ(manifest->first().inputs[0].shape, (std::vector<int64_t>{2, 128}));
  EXPECT_EQ(manifest->first().macs(), 2 * tinyElements);
  EXPECT_EQ(manifest->modelHash, options.modelHash);
  EXPECT_EQ(readFile(scratch / "out/golden/input_0.npy").size(), 128 + tinyElements * 4u);
  EXPECT_EQ(shell(scratch / "out", "grep -q '\"sha256\": \"'$(sha256sum < tiny_model.weights | cut -c1-64) manifest.json"), 0);
}

TEST_F(ArtifactTest, EqualInputsGiveEqualBytes) {
  ASSERT_EQ(messageOf(write(scratch / "one")), "");
  ASSERT_EQ(messageOf(write(scratch / "a-longer-name-of-a-folder")), "");
  for (const std::string &file : listFiles(scratch / "one"))
    EXPECT_EQ(readFile(scratch / ("one/" + file)), readFile(scratch / ("a-longer-name-of-a-folder/" + file))) << file;
}

TEST_F(ArtifactTest, LibraryNeedsAndExportsNothingElse) {
  ASSERT_EQ(messageOf(write(scratch / "out")), "");
  EXPECT_EQ(shell(scratch / "out", "test -z \"$(nm -D --undefined-only tiny_model.so)\""), 0);
  EXPECT_EQ(shell(scratch / "out", "test \"$(nm -D --defined-only tiny_model.so | cut -d' ' -f3)\" = tiny_model_model"), 0);
  EXPECT_EQ(shell(scratch / "out", "test \"$(nm --extern-only tiny_model.o | cut -d' ' -f3)\" = tiny_model_model"), 0);
  EXPECT_EQ(shell(scratch / "out", "test -z \"$(readelf -dW tiny_model.so | grep -E 'NEEDED|TEXTREL|RPATH')\""), 0);
}

TEST_F(ArtifactTest, HeaderIsPlainC) {
  CompiledModel model = makeTinyModel(context);
  model.first().inputs[0].name = "bad */ name\n\"";
  model.first().inputs.push_back({"bad name", mlir::RankedTensorType::get({}, mlir::IntegerType::get(&context, 64))});
  ASSERT_EQ(messageOf(writeArtifact(scratch / "out", model, options)), "");
  writeFile(scratch / "out/use.c", R"(#include "tiny_model.h"
int dims[] = TINY_MODEL_INPUT_BAD_NAME_DIMS;
int64_t sizes[] = {TINY_MODEL_ARENA_BYTES, TINY_MODEL_WEIGHTS_BYTES, TINY_MODEL_INPUT_BAD_NAME_BYTES,
                   TINY_MODEL_INPUT_BAD_NAME_2_BYTES, TINY_MODEL_OUTPUT_Y_0_BYTES, TINY_MODEL_NUM_INPUTS};
const fettle_model *model = &tiny_model_model;
)");
  EXPECT_EQ(shell(scratch / "out", "cc -std=c99 -Wall -Wextra -Werror -pedantic -c use.c"), 0);
  EXPECT_EQ(shell(scratch / "out", "c++ -std=c++11 -Wall -Wextra -Werror -pedantic -x c++ -c use.c"), 0);
}

TEST_F(ArtifactTest, ReplacesArtifactsAndNothingElse) {
  ASSERT_EQ(messageOf(write(scratch / "out")), "");
  writeFile(scratch / "out/left-over", "");
  options.name = "other";
  EXPECT_EQ(messageOf(write(scratch / "out")), "");
  EXPECT_EQ(llvm::count(listFiles(scratch / "out"), "left-over"), 0);
  EXPECT_EQ(llvm::count(listFiles(scratch / "out"), "other.so"), 1);

  ASSERT_FALSE(llvm::sys::fs::create_directory(scratch / "empty"));
  EXPECT_EQ(messageOf(write(scratch / "empty/")), "");

  ASSERT_FALSE(llvm::sys::fs::create_directory(scratch / "mine"));
  writeFile(scratch / "mine/letter", "dear");
  EXPECT_NE(messageOf(write(scratch / "mine")).find("is not an artifact"), std::string::npos);
  writeFile(scratch / "mine/manifest.json", "{\"name\": \"a web application\"}");
  EXPECT_NE(messageOf(write(scratch / "mine")).find("is not an artifact"), std::string::npos);
  EXPECT_EQ(readFile(scratch / "mine/letter"), "dear");
  writeFile(scratch / "file", "");
  EXPECT_NE(messageOf(write(scratch / "file")).find("not a folder"), std::string::npos);
  EXPECT_NE(messageOf(write(scratch / "file/below/out")).find("ot a directory"), std::string::npos);
  // Nothing half-written stays behind.
  std::error_code error;
  for (llvm::sys::fs::directory_iterator it(scratch.path, error), end; it != end && !error; it.increment(error))
    EXPECT_FALSE(llvm::StringRef(it->path()).contains(".partial-")) << it->path();
}

TEST_F(ArtifactTest, MissingParentsAreMade) {
  EXPECT_EQ(messageOf(write(scratch / "new/er/out")), "");
  EXPECT_TRUE(llvm::sys::fs::exists(scratch / "new/er/out/manifest.json"));
  options.golden.resize(7); // more than the model has: fails before the folder is made
  EXPECT_NE(messageOf(write(scratch / "never/made/out")), "");
  EXPECT_FALSE(llvm::sys::fs::exists(scratch / "never"));
  // Fails after the folder is made: the parents that were made for it go too, others do not.
  options.golden = {{{HostTensor(makeTinyModel(context).first().inputs[0].type)}, {}}};
  options.answerGolden = [&](llvm::StringRef folder, llvm::MutableArrayRef<GoldenSample>) -> llvm::Error {
    EXPECT_TRUE(folder.contains("new/again/out"));
    return llvm::createStringError("no answer");
  };
  EXPECT_EQ(messageOf(write(scratch / "new/again/out")), "no answer");
  EXPECT_FALSE(llvm::sys::fs::exists(scratch / "new/again"));
  EXPECT_TRUE(llvm::sys::fs::exists(scratch / "new/er/out"));
}

/// The runner of tests/e2e/aarch64 and the programs of docs/c-api.md, with the golden vectors.
TEST_F(ArtifactTest, RunsInProgramsOfOthers) {
  HostTensor x(makeTinyModel(context).first().inputs[0].type), y(x.type());
  for (int64_t i = 0; i < tinyElements; ++i) {
    x.setDouble(i, i);
    y.setDouble(i, i * tinyWeight(i) * tinyWeight(i));
  }
  options.golden = {{{x}, {y}}};
  auto check = [&](llvm::StringRef target, llvm::StringRef compiler, llvm::StringRef emulator) {
    ASSERT_EQ(messageOf(writeArtifact(scratch / "out", makeTinyModel(context, target), options)), "");
    std::string runner = FETTLE_SOURCE_DIR "/tests/e2e/aarch64/runner.c";
    EXPECT_EQ(shell(scratch / "out", (compiler + " -static -Wall -Wextra -Werror -DMODEL=tiny_model_model -I. " + runner +
                                      " tiny_model.o -o runner -lm").str()), 0);
    EXPECT_EQ(shell(scratch / "out", (emulator + " ./runner tiny_model.weights golden").str()), 0);
  };
  check("cpu:x86-64-v2", "cc", "");
  EXPECT_EQ(shell(scratch / "out", "python3 -B " FETTLE_SOURCE_DIR "/tests/e2e/c-api/page.py ."), 0);
  if (shell(scratch.path.str(), "which aarch64-linux-gnu-gcc qemu-aarch64 > /dev/null") != 0)
    GTEST_SKIP() << "no aarch64-linux-gnu-gcc, or no qemu-aarch64";
  check("cpu:aarch64", "aarch64-linux-gnu-gcc", "qemu-aarch64");
  check("cpu:aarch64+dotprod+i8mm", "aarch64-linux-gnu-gcc", "qemu-aarch64");
}

TEST_F(ArtifactTest, RefusesWhatTheAbiCannotSay) {
  CompiledModel model = makeTinyModel(context);
  model.first().outputs[0].type = mlir::RankedTensorType::get({1, 1, 1, 1, 1, 1, 1, 1, 256}, mlir::Float32Type::get(&context));
  EXPECT_EQ(messageOf(writeArtifact(scratch / "out", model, options)),
            "output 'y:0' has rank 9; artifacts take tensors up to rank 8");
  model = makeTinyModel(context);
  model.objects.clear();
  std::string message = messageOf(writeArtifact(scratch / "out", model, options));
  EXPECT_NE(message.find("symbol: kernel_0"), std::string::npos) << message;
  model = makeTinyModel(context);
  model.first().steps[0].arguments[0].index = 1;
  EXPECT_EQ(messageOf(writeArtifact(scratch / "out", model, options)),
            "step 'Mul_0' refers to an input outside the model");
  EXPECT_FALSE(llvm::sys::fs::exists(scratch / "out"));
}

TEST(ModelIdentifier, IsAlwaysAnIdentifier) {
  EXPECT_EQ(modelIdentifier("resnet8"), "resnet8");
  EXPECT_EQ(modelIdentifier("vit-cifar10.v2"), "vit_cifar10_v2");
  EXPECT_EQ(modelIdentifier("3d net"), "model_3d_net");
  EXPECT_EQ(modelIdentifier("/../"), "model");
  EXPECT_EQ(modelIdentifier("fettle_abi"), "model_fettle_abi");
}

} // namespace
} // namespace fettle::codegen
