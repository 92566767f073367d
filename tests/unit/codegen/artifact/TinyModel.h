//===- TinyModel.h - a compiled model made by hand ------------------------===//
#ifndef FETTLE_TESTS_UNIT_CODEGEN_ARTIFACT_TINYMODEL_H
#define FETTLE_TESTS_UNIT_CODEGEN_ARTIFACT_TINYMODEL_H

#include "codegen/artifact/CompiledModel.h"
#include "llvm/ADT/SmallString.h"
#include "mlir/IR/MLIRContext.h"

namespace fettle::codegen {

constexpr int64_t tinyElements = 256;

/// y = (x * w) * w on f32[256], w[i] = i / 4: one kernel, called twice over four
/// tiles each, the product in the arena.
CompiledModel makeTinyModel(mlir::MLIRContext &context, llvm::StringRef target = "cpu:x86-64-v2");
/// The same for f32[rows, 128], up to two rows.
Specialization makeTinySpecialization(mlir::MLIRContext &context, int64_t rows);
inline float tinyWeight(int64_t i) { return float(i) / 4; }

/// Compiles a module of LLVM assembly to an object.
std::string compileText(const char *text, const CpuTarget &target);

/// A folder that is removed at the end of a test.
struct ScratchFolder {
  ScratchFolder();
  ~ScratchFolder();
  std::string operator/(llvm::StringRef name) const { return (path + "/" + name).str(); }
  llvm::SmallString<128> path;
};

std::string readFile(llvm::StringRef path);
void writeFile(llvm::StringRef path, llvm::StringRef content);
/// The message, or "" for success.
std::string messageOf(llvm::Error error);

} // namespace fettle::codegen

#endif
