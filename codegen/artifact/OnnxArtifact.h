//===- OnnxArtifact.h - an ONNX model becomes a folder --------------------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_ONNXARTIFACT_H
#define FETTLE_CODEGEN_ARTIFACT_ONNXARTIFACT_H

#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/Manifest.h"
#include "ir/onnx/Model.h"
#include "ir/target/OnnxTarget.h"

namespace fettle::codegen {

struct OnnxArtifact {
  std::shared_ptr<const onnx::Model> model;
  std::vector<ModelTensor> inputs, outputs;
  std::vector<Manifest::Step> steps; ///< the nodes: name, operator as kind, multiply-adds
  int64_t weightsBytes = 0;
  OnnxTarget target;
};

/// Writes the folder `directory`: manifest.json, IDENTIFIER.onnx (with IDENTIFIER.onnx.data beside it if the weights
/// are large), golden/{input,output}_I.npy. It appears at once when it is whole, and replaces an older artifact;
/// anything else that stands there is left alone and an error. Golden outputs are those of `options`: nothing is run
/// here.
llvm::Error writeOnnxArtifact(llvm::StringRef directory, const OnnxArtifact &artifact, const ArtifactOptions &options);

/// The model in such a folder.
std::string onnxFile(const Manifest &manifest);

} // namespace fettle::codegen

#endif
