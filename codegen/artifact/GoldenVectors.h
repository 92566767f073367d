//===- GoldenVectors.h - a sample and its answer, for checking on device --===//
#ifndef FETTLE_CODEGEN_ARTIFACT_GOLDENVECTORS_H
#define FETTLE_CODEGEN_ARTIFACT_GOLDENVECTORS_H

#include "codegen/artifact/CompiledModel.h"
#include "codegen/artifact/OutputFolder.h"

namespace fettle::codegen {

/// Inputs or outputs as the manifest describes them.
std::vector<Manifest::Tensor> describeTensors(llvm::ArrayRef<ModelTensor> tensors);

/// Inputs of one call and their answers, in model order.
struct GoldenSample {
  std::vector<HostTensor> inputs, outputs;
};

/// Checks that there is a sample for each specialization of `manifest`, or none, with as many tensors; outputs may be
/// left out.
llvm::Error checkGoldenVectors(llvm::ArrayRef<GoldenSample> golden, const Manifest &manifest);

/// Writes golden/{input,output}_I.npy, golden/S/... of specialization S after the first, and lists them in `manifest`.
llvm::Error writeGoldenVectors(OutputFolder &folder, llvm::ArrayRef<GoldenSample> golden, Manifest &manifest);

} // namespace fettle::codegen

#endif
