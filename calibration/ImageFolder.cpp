//===- ImageFolder.cpp - a folder of images as samples -------------------===//

#include "calibration/ImageFolder.h"
#include "calibration/FolderListing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace fettle::calibration {

static std::vector<std::string> imagesAmong(std::vector<std::string> files) {
  llvm::erase_if(files, [](StringRef file) {
    StringRef extension = llvm::sys::path::extension(file);
    return !extension.equals_insensitive(".jpg") && !extension.equals_insensitive(".jpeg") && !extension.equals_insensitive(".png");
  });
  return files;
}

llvm::Expected<ImageFolder> ImageFolder::list(StringRef path) {
  auto top = listFolder(path);
  if (!top)
    return top.takeError();
  ImageFolder result;
  result.paths = imagesAmong(std::move(top->files));
  bool isNumbered = llvm::all_of(top->folders, [](StringRef folder) {
    int64_t number;
    return llvm::to_integer(llvm::sys::path::filename(folder), number, 10) && number >= 0;
  });
  for (auto [index, folder] : llvm::enumerate(top->folders)) {
    auto inside = listFolder(folder);
    if (!inside)
      return inside.takeError();
    std::vector<std::string> images = imagesAmong(std::move(inside->files));
    if (!images.empty() && !result.paths.empty() && result.labels.empty())
      return llvm::createStringError(path + ": holds images, and folders of images; one folder for each class holds all of them");
    int64_t label = index;
    if (isNumbered)
      llvm::to_integer(llvm::sys::path::filename(folder), label, 10);
    result.labels.insert(result.labels.end(), images.size(), label);
    llvm::append_range(result.paths, images);
  }
  return result;
}

llvm::Expected<std::vector<NamedTensor>> ImageFolder::read(const InputSpec &spec, const ImageInput &input) const {
  SampleBytes store;
  for (const std::string &path : paths) {
    auto image = readImage(path);
    if (!image)
      return image.takeError();
    auto bytes = input.prepare(*image);
    if (!bytes)
      return llvm::createStringError(path + ": " + llvm::toString(bytes.takeError()));
    if (llvm::Error error = store.append(*bytes))
      return std::move(error);
  }
  auto stored = store.finish();
  if (!stored)
    return stored.takeError();
  SmallVector<int64_t> shape(spec.type.getShape());
  shape.front() = paths.size();
  auto type = RankedTensorType::get(shape, spec.type.getElementType());
  std::vector<NamedTensor> arrays{{spec.name, HostTensor(type, stored->bytes, stored->owner), stored->spool}};
  if (!labels.empty()) {
    HostTensor tensor(RankedTensorType::get({int64_t(labels.size())}, IntegerType::get(type.getContext(), 64)));
    for (auto [i, label] : llvm::enumerate(labels))
      tensor.setInteger(i, label);
    arrays.push_back({"labels", std::move(tensor)});
  }
  return arrays;
}

} // namespace fettle::calibration
