//===- HalfTest.cpp - conversions the runtime brings for old CPUs ---------===//

#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/Loader.h"
#include "tests/unit/codegen/artifact/TinyModel.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <random>

#if defined(__x86_64__)

namespace fettle::codegen {
namespace {

constexpr int64_t count = 65536;

// x86-64-v2 has none of these conversions: LLVM calls the runtime's (half.c).
const char *conversions = R"(
define void @kernel_0(ptr %arguments, i64 %begin, i64 %end) {
  %halves = load ptr, ptr %arguments
  %floatsSlot = getelementptr ptr, ptr %arguments, i64 1
  %floats = load ptr, ptr %floatsSlot
  %widenedSlot = getelementptr ptr, ptr %arguments, i64 2
  %widened = load ptr, ptr %widenedSlot
  %narrowedSlot = getelementptr ptr, ptr %arguments, i64 3
  %narrowed = load ptr, ptr %narrowedSlot
  %brainSlot = getelementptr ptr, ptr %arguments, i64 4
  %brain = load ptr, ptr %brainSlot
  %fromDoubleSlot = getelementptr ptr, ptr %arguments, i64 5
  %fromDouble = load ptr, ptr %fromDoubleSlot
  br label %loop
loop:
  %i = phi i64 [ 0, %0 ], [ %next, %loop ]
  %halfAddress = getelementptr half, ptr %halves, i64 %i
  %half = load half, ptr %halfAddress
  %floatAddress = getelementptr float, ptr %floats, i64 %i
  %float = load float, ptr %floatAddress
  %wide = fpext half %half to float
  %widenedAddress = getelementptr float, ptr %widened, i64 %i
  store float %wide, ptr %widenedAddress
  %narrow = fptrunc float %float to half
  %narrowedAddress = getelementptr half, ptr %narrowed, i64 %i
  store half %narrow, ptr %narrowedAddress
  %b = fptrunc float %float to bfloat
  %brainAddress = getelementptr bfloat, ptr %brain, i64 %i
  store bfloat %b, ptr %brainAddress
  %double = fpext float %float to double
  %scaled = fmul double %double, 1.0000000001
  %d = fptrunc double %scaled to half
  %fromDoubleAddress = getelementptr half, ptr %fromDouble, i64 %i
  store half %d, ptr %fromDoubleAddress
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, 65536
  br i1 %more, label %loop, label %done
done:
  ret void
})";

uint16_t rounded(llvm::APFloat value, const llvm::fltSemantics &semantics) {
  bool inexact;
  value.convert(semantics, llvm::APFloat::rmNearestTiesToEven, &inexact);
  return value.bitcastToAPInt().getZExtValue();
}

TEST(HalfConversions, EqualLlvmsSoftFloat) {
  mlir::MLIRContext context;
  auto f16 = mlir::RankedTensorType::get({count}, mlir::Float16Type::get(&context));
  auto bf16 = mlir::RankedTensorType::get({count}, mlir::BFloat16Type::get(&context));
  auto f32 = mlir::RankedTensorType::get({count}, mlir::Float32Type::get(&context));
  CompiledModel model;
  model.target = llvm::cantFail(parseCpuTarget("cpu:x86-64-v2"));
  model.first().inputs = {{"halves", f16}, {"floats", f32}};
  model.first().outputs = {{"widened", f32}, {"narrowed", f16}, {"brain", bf16}, {"from_double", f16}};
  model.kernels = {{"kernel_0", "cast"}};
  model.objects = {compileText(conversions, model.target)};
  using Space = BufferReference;
  model.first().steps = {{"Cast", 0, 1,
                  {{Space::Input, 0, 0}, {Space::Input, 1, 0}, {Space::Output, 0, 0}, {Space::Output, 1, 0},
                   {Space::Output, 2, 0}, {Space::Output, 3, 0}}}};
  ScratchFolder scratch;
  ArtifactOptions options;
  options.name = "casts";
  ASSERT_EQ(messageOf(writeArtifact(scratch / "out", model, options)), "");
  auto loaded = llvm::cantFail(LoadedModel::open(scratch / "out"));

  std::vector<uint16_t> halves(count), narrowed(count), brain(count), fromDouble(count);
  std::vector<float> floats(count), widened(count);
  std::mt19937 random(1);
  for (int64_t i = 0; i < count; ++i) {
    halves[i] = i;
    // Every half exactly, its neighbours and the ties between halves, and any bits at all.
    float value = llvm::APFloat(llvm::APFloat::IEEEhalf(), llvm::APInt(16, random() & 0xffff)).convertToFloat();
    uint32_t bits;
    std::memcpy(&bits, &value, 4);
    const uint32_t variants[] = {bits, bits + 1, bits - 1, bits | 0x1000, (bits | 0x1000) + 1, uint32_t(random())};
    bits = variants[i % 6];
    std::memcpy(&floats[i], &bits, 4);
  }
  ASSERT_EQ(messageOf(loaded->run({halves.data(), floats.data()},
                                  {widened.data(), narrowed.data(), brain.data(), fromDouble.data()})),
            "");
  for (int64_t i = 0; i < count; ++i) {
    llvm::APFloat half(llvm::APFloat::IEEEhalf(), llvm::APInt(16, halves[i]));
    if (half.isNaN())
      EXPECT_TRUE(std::isnan(widened[i])) << i;
    else
      EXPECT_EQ(widened[i], half.convertToFloat()) << i;
    if (std::isnan(floats[i])) {
      EXPECT_EQ(narrowed[i] & 0x7e00, 0x7e00) << i;
      EXPECT_EQ(brain[i] & 0x7fc0, 0x7fc0) << i;
      continue;
    }
    EXPECT_EQ(narrowed[i], rounded(llvm::APFloat(floats[i]), llvm::APFloat::IEEEhalf())) << floats[i];
    EXPECT_EQ(brain[i], rounded(llvm::APFloat(floats[i]), llvm::APFloat::BFloat())) << floats[i];
    EXPECT_EQ(fromDouble[i], rounded(llvm::APFloat(double(floats[i]) * 1.0000000001), llvm::APFloat::IEEEhalf()))
        << floats[i];
  }
}

} // namespace
} // namespace fettle::codegen

#endif
