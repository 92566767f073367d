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

static llvm::Error writeTensors(OutputFolder &folder, llvm::StringRef role, llvm::ArrayRef<HostTensor> tensors,
                                std::vector<std::string> &paths, std::vector<Manifest::File> &files) {
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    llvm::Expected<std::string> npy = toNpy(tensor);
    if (!npy)
      return npy.takeError();
    paths.push_back(("golden/" + role + "_" + llvm::Twine(index) + ".npy").str());
    if (llvm::Error error = folder.write(paths.back(), *npy))
      return error;
    llvm::Expected<Manifest::File> file = folder.describe(paths.back());
    if (!file)
      return file.takeError();
    files.push_back(std::move(*file));
  }
  return llvm::Error::success();
}

llvm::Error writeGoldenVectors(OutputFolder &folder, llvm::ArrayRef<HostTensor> inputs,
                               llvm::ArrayRef<HostTensor> outputs, Manifest &manifest) {
  if (inputs.empty() && outputs.empty())
    return llvm::Error::success();
  if (llvm::Error error = folder.makeFolder("golden"))
    return error;
  if (llvm::Error error = writeTensors(folder, "input", inputs, manifest.goldenInputs, manifest.files))
    return error;
  return writeTensors(folder, "output", outputs, manifest.goldenOutputs, manifest.files);
}

} // namespace fettle::codegen
