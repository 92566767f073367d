//===- Loader.h - runs an artifact in this process ------------------------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_LOADER_H
#define FETTLE_CODEGEN_ARTIFACT_LOADER_H

#include "codegen/artifact/Manifest.h"
#include "codegen/artifact/fettle_abi.h"
#include "ir/support/HostTensor.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

struct pthreadpool;

namespace fettle::codegen {

struct LoadOptions {
  unsigned threads = 1;         ///< 1, or no step long enough to share: everything in the calling thread, no pool
  bool verifyChecksums = false; ///< of all files; that of the code is always verified before it is loaded
};

/// An artifact with weights mapped and an arena of its own. One call at a time;
/// for concurrent calls open it more than once (the pages of code and weights are shared).
class LoadedModel {
public:
  /// Errors: no artifact there; files missing, truncated or changed; compiled for
  /// another architecture or for instructions that this CPU lacks.
  static llvm::Expected<std::unique_ptr<LoadedModel>> open(llvm::StringRef directory, const LoadOptions &options = {});
  LoadedModel(const LoadedModel &) = delete;
  LoadedModel &operator=(const LoadedModel &) = delete;
  ~LoadedModel();

  const Manifest &manifest() const { return description; }
  const fettle_model &descriptor(size_t specialization = 0) const;
  /// nn types of the inputs and outputs.
  std::vector<mlir::RankedTensorType> inputTypes(mlir::MLIRContext *context, size_t specialization = 0) const;
  std::vector<mlir::RankedTensorType> outputTypes(mlir::MLIRContext *context, size_t specialization = 0) const;

  /// The specialization for the shapes of `inputs`. Errors: another number of inputs, other types, shapes that the
  /// model is not compiled for.
  llvm::Expected<size_t> select(llvm::ArrayRef<HostTensor> inputs) const;
  /// Picks the specialization and allocates the outputs; their types live in `typeContext`.
  llvm::Expected<std::vector<HostTensor>> run(llvm::ArrayRef<HostTensor> inputs, mlir::MLIRContext *typeContext);
  /// Buffers in descriptor order, contiguous, of the descriptor's sizes.
  llvm::Error run(llvm::ArrayRef<const void *> inputs, llvm::ArrayRef<void *> outputs, size_t specialization = 0);
  /// As run, calling `afterStep(i)` after each step: for profilers, which bring the clock.
  llvm::Error runSteps(llvm::ArrayRef<const void *> inputs, llvm::ArrayRef<void *> outputs,
                       llvm::function_ref<void(int32_t step)> afterStep, size_t specialization = 0);

private:
  LoadedModel() = default;
  llvm::Error loadCode(llvm::StringRef path);
  llvm::Error mapWeights(llvm::StringRef path);
  llvm::Error allocateArena();
  bool sharesSteps() const;
  llvm::Error check(int32_t status, size_t numInputs, size_t numOutputs) const;

  Manifest description;
  void *library = nullptr;
  const fettle_model *model = nullptr;
  void *weights = nullptr, *arena = nullptr; ///< mappings
  ::pthreadpool *pool = nullptr;
  fettle_context context{};
};

} // namespace fettle::codegen

#endif
