//===- SpecializationsTest.cpp - one artifact for several shapes ----------===//

#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/Loader.h"
#include "tests/unit/codegen/artifact/TinyModel.h"
#include "llvm/Support/FileSystem.h"
#include <cstdlib>
#include <gtest/gtest.h>

#if defined(__x86_64__)

namespace fettle::codegen {
namespace {

class SpecializationsTest : public ::testing::Test {
protected:
  SpecializationsTest() {
    model.specializations.push_back(makeTinySpecialization(context, 1));
    options.name = "tiny";
    for (const Specialization &specialization : model.specializations)
      options.golden.push_back({{ramp(specialization.inputs[0].type.getShape()[0])}, {}});
    options.answerGolden = [&](llvm::StringRef where, llvm::MutableArrayRef<GoldenSample> golden) -> llvm::Error {
      auto loaded = llvm::cantFail(LoadedModel::open(where));
      for (GoldenSample &sample : golden)
        sample.outputs = llvm::cantFail(loaded->run(sample.inputs, &context));
      return llvm::Error::success();
    };
    EXPECT_EQ(messageOf(writeArtifact(folder, model, options)), "");
  }
  HostTensor ramp(int64_t rows) {
    HostTensor tensor(mlir::RankedTensorType::get({rows, tinyElements / 2}, mlir::Float32Type::get(&context)));
    for (int64_t i = 0; i < tensor.numElements(); ++i)
      tensor.setDouble(i, i);
    return tensor;
  }
  /// What is wrong with writing `changed`.
  std::string refusal(const CompiledModel &changed) {
    ArtifactOptions plain;
    plain.name = "tiny";
    return messageOf(writeArtifact(scratch / "refused", changed, plain));
  }

  mlir::MLIRContext context;
  ScratchFolder scratch;
  std::string folder = scratch / "out";
  CompiledModel model = makeTinyModel(context);
  ArtifactOptions options;
};

TEST_F(SpecializationsTest, LoaderPicksByShape) {
  auto loaded = llvm::cantFail(LoadedModel::open(folder));
  ASSERT_EQ(loaded->manifest().specializations.size(), 2u);
  EXPECT_EQ(loaded->manifest().weightsBytes, model.weightsBytes);
  for (int64_t rows : {1, 2}) {
    HostTensor input = ramp(rows);
    EXPECT_EQ(llvm::cantFail(loaded->select({input})), rows == 2 ? 0u : 1u);
    std::vector<HostTensor> outputs = llvm::cantFail(loaded->run({input}, &context));
    ASSERT_EQ(outputs[0].type(), input.type());
    for (int64_t i = 0; i < input.numElements(); ++i)
      ASSERT_EQ(outputs[0].doubleAt(i), i * tinyWeight(i) * tinyWeight(i));
  }
  EXPECT_EQ(messageOf(loaded->run({ramp(3)}, &context).takeError()),
            "the model is not compiled for the shapes x 3x128; there are: x 2x128; x 1x128");
}

TEST_F(SpecializationsTest, RunsStepByStep) {
  auto loaded = llvm::cantFail(LoadedModel::open(folder));
  HostTensor input = ramp(1), output(input.type());
  int32_t steps = 0;
  ASSERT_EQ(messageOf(loaded->runSteps({input.bytes().data()}, {output.mutableBytes().data()}, [&](int32_t) { ++steps; }, 1)), "");
  EXPECT_EQ(steps, 2);
  EXPECT_EQ(output.doubleAt(7), 7 * tinyWeight(7) * tinyWeight(7));
}

TEST_F(SpecializationsTest, DescriptorsShareWeightsAndArena) {
  auto loaded = llvm::cantFail(LoadedModel::open(folder));
  const fettle_model &first = loaded->descriptor();
  ASSERT_EQ(first.num_specializations, 2);
  EXPECT_EQ(first.specializations[0], &first);
  const fettle_model &second = *first.specializations[1];
  EXPECT_EQ(&second, &loaded->descriptor(1));
  EXPECT_EQ(second.specializations, first.specializations);
  EXPECT_EQ(second.arena_bytes, first.arena_bytes);
  EXPECT_GE(first.arena_bytes, model.first().arenaBytes);
  EXPECT_EQ(second.weights_bytes, first.weights_bytes);
  EXPECT_EQ(second.inputs[0].dims[0], 1);
  EXPECT_EQ(second.inputs[0].bytes, tinyElements / 2 * 4);
}

TEST_F(SpecializationsTest, SelectHasAStatus) {
  auto loaded = llvm::cantFail(LoadedModel::open(folder));
  const fettle_model &model = loaded->descriptor(), *chosen = nullptr;
  int64_t extents[] = {1, tinyElements / 2};
  const int64_t *dims[] = {extents};
  EXPECT_EQ(model.select(dims, &chosen), FETTLE_OK);
  EXPECT_EQ(chosen, model.specializations[1]);
  EXPECT_EQ(chosen->select(dims, &chosen), FETTLE_OK);
  extents[0] = 2;
  EXPECT_EQ(model.select(dims, &chosen), FETTLE_OK);
  EXPECT_EQ(chosen, &model);
  extents[0] = 3;
  EXPECT_EQ(model.select(dims, &chosen), FETTLE_NO_SUCH_SHAPE);
  EXPECT_EQ(chosen, nullptr);
  EXPECT_EQ(model.select(nullptr, &chosen), FETTLE_NULL_POINTER);
  EXPECT_EQ(model.select(dims, nullptr), FETTLE_NULL_POINTER);
  dims[0] = nullptr;
  EXPECT_EQ(model.select(dims, &chosen), FETTLE_NULL_POINTER);
}

TEST_F(SpecializationsTest, EachHasGoldenVectors) {
  llvm::Expected<Manifest> manifest = Manifest::read(folder);
  ASSERT_TRUE(bool(manifest));
  EXPECT_EQ(manifest->first().goldenOutputs, std::vector<std::string>{"golden/output_0.npy"});
  EXPECT_EQ(manifest->specializations[1].goldenInputs, std::vector<std::string>{"golden/1/input_0.npy"});
  EXPECT_EQ(readFile(folder + "/golden/1/output_0.npy").size(), 128 + tinyElements / 2 * 4u);
}

TEST_F(SpecializationsTest, HeaderNumbersWhatDependsOnTheShape) {
  writeFile(folder + "/use.c", R"(#include "tiny.h"
#include <assert.h>
int first[] = TINY_INPUT_X_DIMS_0, second[] = TINY_INPUT_X_DIMS_1;
static_assert(TINY_NUM_SPECIALIZATIONS == 2, "");
static_assert(TINY_INPUT_X_RANK == 2, "");
static_assert(TINY_INPUT_X_BYTES_0 == 1024 && TINY_INPUT_X_BYTES_1 == 512 && TINY_INPUT_X_BYTES == 1024, "");
static_assert(TINY_OUTPUT_Y_0_ELEMENTS_1 == 128 && TINY_OUTPUT_Y_0_ELEMENTS == 256, "");
#ifdef TINY_INPUT_X_DIMS
#error "the shape is not one"
#endif
)");
  EXPECT_EQ(std::system(("cd '" + folder + "' && cc -std=c11 -Wall -Wextra -Werror -pedantic -c use.c").c_str()), 0);
}

TEST_F(SpecializationsTest, RefusesWhatACallCannotTellApart) {
  CompiledModel changed = model;
  changed.specializations.push_back(changed.first());
  EXPECT_EQ(refusal(changed), "two specializations have the same input shapes");
  changed = model;
  changed.specializations[1].inputs[0].name = "z";
  EXPECT_EQ(refusal(changed), "the inputs of two specializations differ in more than their extents");
  changed = model;
  changed.specializations[1].inputs[0].type = mlir::RankedTensorType::get({128}, mlir::Float32Type::get(&context));
  EXPECT_EQ(refusal(changed), "the inputs of two specializations differ in more than their extents");
  changed = model;
  changed.specializations[1].outputs.clear();
  EXPECT_EQ(refusal(changed), "the outputs of two specializations differ in more than their shapes");
  changed = model;
  changed.specializations[1].steps[0].arguments[0].index = 1;
  EXPECT_EQ(refusal(changed), "step 'Mul_0' refers to an input outside the model");
}

TEST_F(SpecializationsTest, AManifestOfAnotherArtifactIsFound) {
  std::string text = readFile(folder + "/manifest.json");
  size_t position = text.rfind("\"specializations\"");
  size_t shape = text.find("1,", position);
  ASSERT_NE(shape, std::string::npos);
  writeFile(folder + "/manifest.json", text.replace(shape, 2, "4,"));
  EXPECT_NE(messageOf(LoadedModel::open(folder).takeError()).find("contradicts the manifest"), std::string::npos);
}

} // namespace
} // namespace fettle::codegen

#endif
