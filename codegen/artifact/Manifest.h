//===- Manifest.h - manifest.json, written and read -----------------------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_MANIFEST_H
#define FETTLE_CODEGEN_ARTIFACT_MANIFEST_H

#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <string>
#include <vector>

namespace fettle::codegen {

/// What manifest.json says: enough to load, check and describe an artifact.
/// `report.*` is not listed: it holds timings and is outside the checksums.
struct Manifest {
  static constexpr int64_t formatVersion = 1;

  struct Tensor {
    std::string name;
    std::string dtype; ///< "f32", as in TensorType.cpp
    std::vector<int64_t> shape;
    int64_t bytes = 0;
  };
  struct Step {
    std::string name; ///< its ONNX nodes
    std::string kind; ///< root op of the kernel
    std::string kernel;
    int64_t tiles = 0, macs = 0, bytes = 0;
    std::string multiplies = ""; ///< CompiledKernel::multiplies
  };
  /// The model for one choice of input shapes; all have the same inputs and outputs but for their shapes.
  struct Specialization {
    std::vector<Tensor> inputs, outputs;
    std::vector<Step> steps;
    std::vector<std::string> goldenInputs, goldenOutputs; ///< files; empty where there are none

    int64_t macs() const;
    /// "x 1x32, mask 1x32".
    std::string inputShapes() const;
  };
  struct File {
    std::string path; ///< relative to the folder
    int64_t bytes = 0;
    std::string sha256;
  };

  std::string name;       ///< as the user gave it
  std::string identifier; ///< of symbols and files
  std::string version;    ///< the model's semantic version
  std::string targetName;
  int64_t opset = 0; ///< of the ONNX model that the folder holds; 0: it holds code, of which the next fields tell
  std::string triple, cpu, features;
  std::vector<std::string> requiredFeatures; ///< of the CPU, checked before a run
  int64_t vectorBytes = 0;
  std::vector<Specialization> specializations = std::vector<Specialization>(1); ///< never empty
  int64_t numKernels = 0;
  int64_t arenaBytes = 0, weightsBytes = 0;
  std::vector<File> files; ///< by path
  std::string modelHash, recipeHash, dataHash; ///< SHA-256; empty where there is none
  llvm::json::Object details; ///< further top-level entries, by the tools

  Specialization &first() { return specializations.front(); }
  const Specialization &first() const { return specializations.front(); }
  /// What tells a specialization from the others: the shapes of those inputs that have several; of a lone one, of all.
  std::string shapesOf(size_t specialization) const;
  /// That of all, for messages: "x 1x32; x 1x128".
  std::string listShapes() const;
  /// Text of the file; a pure function of the fields.
  std::string print() const;
  /// Errors name the field that is missing or wrong.
  static llvm::Expected<Manifest> parse(llvm::StringRef text);
  /// Reads DIRECTORY/manifest.json. Errors: no such file, not an artifact's.
  static llvm::Expected<Manifest> read(llvm::StringRef directory);
};

} // namespace fettle::codegen

#endif
