//===- GoldenVectors.cpp - a sample and its answer, for checking on device ===//

#include "codegen/artifact/GoldenVectors.h"
#include "codegen/artifact/Npy.h"
#include "codegen/artifact/TensorType.h"

namespace fettle::codegen {

std::vector<Manifest::Tensor> describeTensors(llvm::ArrayRef<ModelTensor> tensors) {
  std::vector<Manifest::Tensor> result;
  for (const ModelTensor &tensor : tensors)
    result.push_back({tensor.name, findAbiType(tensor.type.getElementType())->name.str(), tensor.type.getShape().vec(),
                      tensorBytes(tensor)});
  return result;
}

/// Writes tensors as WHERE_I.npy and lists them in `paths` and `files`.
static llvm::Error writeTensors(OutputFolder &folder, llvm::StringRef where, llvm::ArrayRef<HostTensor> tensors,
                                std::vector<std::string> &paths, std::vector<Manifest::File> &files) {
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    llvm::Expected<std::string> npy = toNpy(tensor);
    if (!npy)
      return npy.takeError();
    paths.push_back((where + "_" + llvm::Twine(index) + ".npy").str());
    if (llvm::Error error = folder.write(paths.back(), *npy))
      return error;
    llvm::Expected<Manifest::File> file = folder.describe(paths.back());
    if (!file)
      return file.takeError();
    files.push_back(std::move(*file));
  }
  return llvm::Error::success();
}

llvm::Error checkGoldenVectors(llvm::ArrayRef<GoldenSample> golden, const Manifest &manifest) {
  auto fits = [](const auto &pair) {
    const auto &[sample, specialization] = pair;
    return sample.inputs.size() == specialization.inputs.size() &&
           (sample.outputs.empty() || sample.outputs.size() == specialization.outputs.size());
  };
  if (golden.empty() || (golden.size() == manifest.specializations.size() &&
                         llvm::all_of(llvm::zip_equal(golden, manifest.specializations), fits)))
    return llvm::Error::success();
  return llvm::createStringError("golden vectors are for another number of specializations, inputs or outputs");
}

llvm::Error writeGoldenVectors(OutputFolder &folder, llvm::ArrayRef<GoldenSample> golden, Manifest &manifest) {
  for (auto [index, sample] : llvm::enumerate(golden)) {
    std::string where = index == 0 ? "golden" : "golden/" + std::to_string(index);
    if (llvm::Error error = folder.makeFolder(where))
      return error;
    Manifest::Specialization &specialization = manifest.specializations[index];
    auto write = [&](const char *role, llvm::ArrayRef<HostTensor> tensors, std::vector<std::string> &paths) {
      return writeTensors(folder, where + role, tensors, paths, manifest.files);
    };
    if (llvm::Error error = write("/input", sample.inputs, specialization.goldenInputs))
      return error;
    if (llvm::Error error = write("/output", sample.outputs, specialization.goldenOutputs))
      return error;
  }
  return llvm::Error::success();
}

} // namespace fettle::codegen
