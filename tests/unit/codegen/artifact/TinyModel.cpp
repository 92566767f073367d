//===- TinyModel.cpp - a compiled model made by hand ----------------------===//

#include "tests/unit/codegen/artifact/TinyModel.h"
#include "codegen/common/ObjectEmitter.h"
#include "llvm/AsmParser/Parser.h"
#include "llvm/IR/LLVMContext.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/SourceMgr.h"
#include <cstring>
#include <gtest/gtest.h>

namespace fettle::codegen {

// Arguments: left, right, result. A tile is 64 elements.
static const char *kernelText = R"(
define void @kernel_0(ptr %arguments, i64 %begin, i64 %end) {
  %left = load ptr, ptr %arguments
  %rightSlot = getelementptr ptr, ptr %arguments, i64 1
  %right = load ptr, ptr %rightSlot
  %resultSlot = getelementptr ptr, ptr %arguments, i64 2
  %result = load ptr, ptr %resultSlot
  %first = shl i64 %begin, 6
  %last = shl i64 %end, 6
  br label %loop
loop:
  %i = phi i64 [ %first, %0 ], [ %next, %loop ]
  %leftElement = getelementptr float, ptr %left, i64 %i
  %l = load float, ptr %leftElement, align 4
  %rightElement = getelementptr float, ptr %right, i64 %i
  %r = load float, ptr %rightElement, align 4
  %product = fmul float %l, %r
  %resultElement = getelementptr float, ptr %result, i64 %i
  store float %product, ptr %resultElement, align 4
  %next = add i64 %i, 1
  %more = icmp ult i64 %next, %last
  br i1 %more, label %loop, label %done
done:
  ret void
})";

std::string compileText(const char *text, const CpuTarget &target) {
  llvm::LLVMContext context;
  llvm::SMDiagnostic diagnostic;
  std::unique_ptr<llvm::Module> module = llvm::parseAssemblyString(text, diagnostic, context);
  EXPECT_TRUE(module) << diagnostic.getMessage().str();
  return llvm::cantFail(emitObject(*module, target));
}

Specialization makeTinySpecialization(mlir::MLIRContext &context, int64_t rows) {
  Specialization tiny;
  auto type = mlir::RankedTensorType::get({rows, tinyElements / 2}, mlir::Float32Type::get(&context));
  tiny.inputs = {{"x", type}};
  tiny.outputs = {{"y:0", type}};
  using Space = BufferReference;
  int64_t elements = type.getNumElements(), tiles = elements / 64;
  int64_t bytes = 3 * elements * sizeof(float), nanoseconds = 1 << 20; // enough to be shared among threads
  tiny.steps = {
      {"Mul_0", 0, tiles, {{Space::Input, 0, 0}, {Space::Weights, 0, 64}, {Space::Arena, 0, 128}}, elements, bytes, nanoseconds},
      {"Mul_1", 0, tiles, {{Space::Arena, 0, 128}, {Space::Weights, 0, 64}, {Space::Output, 0, 0}}, elements, bytes, nanoseconds}};
  tiny.arenaBytes = 128 + elements * sizeof(float);
  return tiny;
}

CompiledModel makeTinyModel(mlir::MLIRContext &context, llvm::StringRef targetName) {
  CompiledModel model;
  model.target = llvm::cantFail(parseCpuTarget(targetName));
  model.kernels = {{"kernel_0", "map"}};
  model.objects = {compileText(kernelText, model.target)};
  model.specializations = {makeTinySpecialization(context, 2)};
  int64_t bytes = tinyElements * sizeof(float);
  model.weights = {{64, bytes, [] {
                      std::vector<char> data(tinyElements * sizeof(float));
                      for (int64_t i = 0; i < tinyElements; ++i) {
                        float weight = tinyWeight(i);
                        std::memcpy(data.data() + i * sizeof(float), &weight, sizeof(float));
                      }
                      return data;
                    }}};
  model.weightsBytes = 64 + bytes + 64;
  return model;
}

ScratchFolder::ScratchFolder() {
  EXPECT_FALSE(llvm::sys::fs::createUniqueDirectory("fettle-test", path));
}

ScratchFolder::~ScratchFolder() { llvm::sys::fs::remove_directories(path); }

std::string readFile(llvm::StringRef path) {
  auto buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false);
  EXPECT_TRUE(bool(buffer)) << path.str();
  return buffer ? (*buffer)->getBuffer().str() : "";
}

void writeFile(llvm::StringRef path, llvm::StringRef content) {
  std::error_code error;
  llvm::raw_fd_ostream stream(path, error);
  EXPECT_FALSE(error) << path.str();
  stream << content;
}

std::string messageOf(llvm::Error error) { return error ? llvm::toString(std::move(error)) : ""; }

} // namespace fettle::codegen
