//===- GoldenVectors.h - a sample and its answer, for checking on device --===//
#ifndef FETTLE_CODEGEN_ARTIFACT_GOLDENVECTORS_H
#define FETTLE_CODEGEN_ARTIFACT_GOLDENVECTORS_H

#include "codegen/artifact/CompiledModel.h"
#include "codegen/artifact/OutputFolder.h"

namespace fettle::codegen {

/// Inputs or outputs as the manifest describes them.
std::vector<Manifest::Tensor> describeTensors(llvm::ArrayRef<ModelTensor> tensors);

/// Writes golden/{input,output}_I.npy and lists them in `manifest`; nothing if there are none.
llvm::Error writeGoldenVectors(OutputFolder &folder, llvm::ArrayRef<HostTensor> inputs,
                               llvm::ArrayRef<HostTensor> outputs, Manifest &manifest);

} // namespace fettle::codegen

#endif
