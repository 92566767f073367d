//===- Artifact.cpp - a compiled model becomes a folder -------------------===//

#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/GoldenVectors.h"
#include "codegen/artifact/HostSupport.h"
#include "codegen/artifact/Link.h"
#include "codegen/artifact/Manifest.h"
#include "codegen/artifact/ModelHeader.h"
#include "codegen/artifact/ModelObject.h"
#include "codegen/artifact/OutputFolder.h"
#include "codegen/artifact/TensorType.h"

namespace fettle::codegen {

extern const unsigned char abi_header[]; // made by cmake/Embed.cmake
extern const unsigned long abi_header_size;

static llvm::Expected<Manifest> describeModel(const CompiledModel &model, const ArtifactOptions &options) {
  Manifest manifest;
  manifest.name = options.name;
  manifest.identifier = modelIdentifier(options.name);
  manifest.version = options.version;
  manifest.targetName = model.target.name;
  manifest.triple = model.target.triple;
  manifest.cpu = model.target.cpu;
  manifest.features = model.target.features;
  manifest.vectorBytes = model.target.vectorBytes;
  llvm::Expected<std::vector<std::string>> required = requiredFeatures(model.target);
  if (!required)
    return required.takeError();
  manifest.requiredFeatures = std::move(*required);
  manifest.specializations.clear();
  for (const Specialization &specialization : model.specializations) {
    Manifest::Specialization &described = manifest.specializations.emplace_back();
    described.inputs = describeTensors(specialization.inputs);
    described.outputs = describeTensors(specialization.outputs);
    for (const Step &step : specialization.steps) {
      const CompiledKernel &kernel = model.kernels[step.kernel];
      described.steps.push_back({step.name, kernel.kind, kernel.symbol, step.tiles, step.macs, step.bytes, kernel.multiplies});
    }
  }
  manifest.numKernels = model.kernels.size();
  manifest.arenaBytes = artifactArenaBytes(model);
  manifest.weightsBytes = model.weightsBytes;
  manifest.modelHash = options.modelHash;
  manifest.recipeHash = options.recipeHash;
  manifest.dataHash = options.dataHash;
  manifest.details = options.details;
  return manifest;
}

/// IDENTIFIER.so and IDENTIFIER.o.
static llvm::Error writeCode(OutputFolder &folder, const CompiledModel &model, const std::string &identifier) {
  llvm::Expected<std::vector<std::string>> objects = emitModelObjects(model, identifier);
  if (!objects)
    return objects.takeError();
  if (llvm::Error error = folder.makeFolder("objects"))
    return error;
  LinkJob job;
  job.exported = identifier + "_model";
  auto add = [&](llvm::StringRef object) {
    std::string name = "objects/" + std::to_string(job.objects.size()) + ".o";
    job.objects.push_back(folder.path(name));
    return folder.write(name, object);
  };
  for (const std::string &object : *objects)
    if (llvm::Error error = add(object))
      return error;
  for (const std::string &object : model.objects)
    if (llvm::Error error = add(object))
      return error;
  llvm::Expected<std::string> library = linkShared(job, identifier + ".so", folder.path("objects/exported"));
  if (!library)
    return library.takeError();
  llvm::Expected<std::string> object = linkRelocatable(job);
  if (!object)
    return object.takeError();
  folder.remove("objects"); // before more is written: the disk may be nearly full
  if (llvm::Error error = folder.write(identifier + ".so", *library))
    return error;
  return folder.write(identifier + ".o", *object);
}

/// Writes the segments in order; memory holds one at a time.
static llvm::Expected<Manifest::File> writeWeights(OutputFolder &folder, const CompiledModel &model,
                                                   const std::string &name) {
  llvm::Expected<HashedFile> file = HashedFile::create(folder.path(name));
  if (!file)
    return file.takeError();
  for (const WeightSegment &segment : model.weights) {
    if (segment.offset < file->size() || segment.offset + segment.bytes > model.weightsBytes)
      return llvm::createStringError("weight segments overlap, or leave the weights");
    if (llvm::Error error = file->appendZeros(segment.offset - file->size()))
      return error;
    std::vector<char> bytes = segment.make();
    if (int64_t(bytes.size()) != segment.bytes)
      return llvm::createStringError("a weight segment has " + llvm::Twine(bytes.size()) + " bytes, not the " +
                                     llvm::Twine(segment.bytes) + " that were planned");
    if (llvm::Error error = file->append(bytes))
      return error;
  }
  if (llvm::Error error = file->appendZeros(model.weightsBytes - file->size()))
    return error;
  llvm::Expected<std::string> hash = file->finish();
  if (!hash)
    return hash.takeError();
  return Manifest::File{name, model.weightsBytes, std::move(*hash)};
}

llvm::Error writeArtifact(llvm::StringRef directory, const CompiledModel &model, const ArtifactOptions &options) {
  if (llvm::Error error = checkTensors(model))
    return error;
  if (llvm::Error error = checkSpecializations(model))
    return error;
  llvm::Expected<Manifest> manifest = describeModel(model, options);
  if (!manifest)
    return manifest.takeError();
  if (llvm::Error error = checkGoldenVectors(options.golden, *manifest))
    return error;
  llvm::Expected<OutputFolder> folder = OutputFolder::create(directory);
  if (!folder)
    return folder.takeError();
  const std::string &identifier = manifest->identifier;

  if (llvm::Error error = writeCode(*folder, model, identifier))
    return error;
  llvm::Expected<Manifest::File> weights = writeWeights(*folder, model, identifier + ".weights");
  if (!weights)
    return weights.takeError();
  manifest->files.push_back(std::move(*weights));
  if (llvm::Error error = folder->write(identifier + ".h", modelHeader(model, identifier)))
    return error;
  if (llvm::Error error = folder->write(
          "fettle_abi.h", llvm::StringRef(reinterpret_cast<const char *>(abi_header), abi_header_size)))
    return error;
  auto list = [&](llvm::ArrayRef<std::string> names) -> llvm::Error {
    for (const std::string &name : names) {
      llvm::Expected<Manifest::File> file = folder->describe(name);
      if (!file)
        return file.takeError();
      manifest->files.push_back(std::move(*file));
    }
    return llvm::Error::success();
  };
  if (llvm::Error error = list({identifier + ".so", identifier + ".o", identifier + ".h", "fettle_abi.h"}))
    return error;

  std::vector<GoldenSample> golden = options.golden;
  if (!golden.empty() && options.answerGolden) {
    if (llvm::Error error = folder->write("manifest.json", manifest->print()))
      return error;
    if (llvm::Error error = options.answerGolden(folder->path(""), golden))
      return error;
  }
  if (llvm::Error error = writeGoldenVectors(*folder, golden, *manifest))
    return error;
  llvm::sort(manifest->files, [](const Manifest::File &a, const Manifest::File &b) { return a.path < b.path; });
  if (llvm::Error error = folder->write("manifest.json", manifest->print()))
    return error;
  for (const auto &[name, text] : options.reports)
    if (llvm::Error error = folder->write(name, text))
      return error;
  return folder->commit();
}

} // namespace fettle::codegen
