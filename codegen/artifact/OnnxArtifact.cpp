//===- OnnxArtifact.cpp - an ONNX model becomes a folder ------------------===//

#include "codegen/artifact/OnnxArtifact.h"
#include "codegen/artifact/GoldenVectors.h"
#include "codegen/artifact/ModelHeader.h"
#include "llvm/Support/FileSystem.h"

namespace fettle::codegen {

std::string onnxFile(const Manifest &manifest) { return manifest.identifier + ".onnx"; }

llvm::Error writeOnnxArtifact(llvm::StringRef directory, const OnnxArtifact &artifact, const ArtifactOptions &options) {
  llvm::Expected<OutputFolder> folder = OutputFolder::create(directory);
  if (!folder)
    return folder.takeError();
  Manifest manifest;
  manifest.name = options.name;
  manifest.identifier = modelIdentifier(options.name);
  manifest.version = options.version;
  manifest.targetName = artifact.target.name;
  manifest.opset = artifact.target.opset;
  manifest.first().inputs = describeTensors(artifact.inputs);
  manifest.first().outputs = describeTensors(artifact.outputs);
  manifest.first().steps = artifact.steps;
  manifest.weightsBytes = artifact.weightsBytes;
  manifest.modelHash = options.modelHash;
  manifest.recipeHash = options.recipeHash;
  manifest.dataHash = options.dataHash;
  manifest.details = options.details;

  std::string file = onnxFile(manifest);
  if (llvm::Error error = onnx::writeModel(*artifact.model, folder->path(file)))
    return error;
  for (const std::string &name : {file, file + ".data"}) {
    if (!llvm::sys::fs::exists(folder->path(name)))
      continue; // the weights are in the model
    llvm::Expected<Manifest::File> described = folder->describe(name);
    if (!described)
      return described.takeError();
    manifest.files.push_back(std::move(*described));
  }
  if (llvm::Error error = writeGoldenVectors(*folder, options.golden, manifest))
    return error;
  llvm::sort(manifest.files, [](const Manifest::File &a, const Manifest::File &b) { return a.path < b.path; });
  if (llvm::Error error = folder->write("manifest.json", manifest.print()))
    return error;
  for (const auto &[name, text] : options.reports)
    if (llvm::Error error = folder->write(name, text))
      return error;
  return folder->commit();
}

} // namespace fettle::codegen
