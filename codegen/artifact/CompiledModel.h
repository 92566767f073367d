//===- CompiledModel.h - code generation's result, before it is a folder --===//
#ifndef FETTLE_CODEGEN_ARTIFACT_COMPILEDMODEL_H
#define FETTLE_CODEGEN_ARTIFACT_COMPILEDMODEL_H

#include "ir/support/HostTensor.h"
#include "ir/target/CpuTarget.h"
#include "llvm/ADT/SmallVector.h"
#include <functional>
#include <string>
#include <vector>

namespace fettle::codegen {

struct ModelTensor {
  std::string name;
  mlir::RankedTensorType type; ///< nn type; i1 is one byte
};

/// Where an argument of a step lies.
struct BufferReference {
  enum Space : uint32_t { Input, Output, Arena, Weights };
  Space space;
  uint32_t index = 0; ///< which input or output
  int64_t offset = 0; ///< bytes into arena or weights, 64-byte aligned
};

/// One call of a kernel.
struct Step {
  std::string name; ///< its ONNX nodes: "Conv_12+Relu_13"
  uint32_t kernel;  ///< into CompiledModel::kernels
  int64_t tiles;
  llvm::SmallVector<BufferReference, 4> arguments; ///< inputs, then outputs
  int64_t macs = 0, bytes = 0;                     ///< bytes: operands read, as they are packed, plus results written
  int64_t nanoseconds = 0;                         ///< estimate for one core
};

/// One compiled function `void symbol(void *const *arguments, int64_t begin, int64_t end)`.
struct CompiledKernel {
  std::string symbol; ///< local to the artifact: "kernel_7"
  std::string kind;   ///< root op, for reports: "conv", "matmul", "map"
  std::string multiplies = ""; ///< what it multiplies: "f32", "bf16", "int8"; empty: nothing
};

/// A stretch of the weights file.
struct WeightSegment {
  int64_t offset, bytes;
  std::function<std::vector<char>()> make; ///< called once, when the file is written
};

/// The model for one choice of input shapes.
struct Specialization {
  std::vector<ModelTensor> inputs, outputs;
  std::vector<Step> steps;
  int64_t arenaBytes = 0;
  int64_t largestLiveBytes = 0; ///< what values that live at once take at least
};

/// Specializations share weights, kernels and one arena; they are alike but for shapes (checkSpecializations).
struct CompiledModel {
  std::vector<Specialization> specializations = std::vector<Specialization>(1); ///< never empty
  std::vector<CompiledKernel> kernels;
  std::vector<std::string> objects;   ///< relocatable ELF files that define the kernels' symbols
  std::vector<WeightSegment> weights; ///< ascending, gaps are zero
  int64_t weightsBytes = 0;
  CpuTarget target;

  Specialization &first() { return specializations.front(); }
  const Specialization &first() const { return specializations.front(); }
};

} // namespace fettle::codegen

#endif
