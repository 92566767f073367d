//===- ImageFolder.cpp - a folder of images as samples -------------------===//

#include "calibration/ImageFolder.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace fettle::calibration {

namespace {
/// What a folder holds, as paths in the order of their names.
struct Listing {
  std::vector<std::string> images, folders;
};
} // namespace

static llvm::Expected<Listing> listFolder(StringRef path) {
  Listing listing;
  std::error_code error;
  for (llvm::sys::fs::directory_iterator entry(path, error), end; entry != end && !error; entry.increment(error)) {
    StringRef name = llvm::sys::path::filename(entry->path()), extension = llvm::sys::path::extension(name);
    if (name.starts_with("."))
      continue;
    llvm::sys::fs::file_status status;
    if (std::error_code problem = llvm::sys::fs::status(entry->path(), status))
      return llvm::createStringError(entry->path() + ": " + problem.message());
    if (llvm::sys::fs::is_directory(status))
      listing.folders.push_back(entry->path());
    else if (llvm::sys::fs::is_regular_file(status) &&
             (extension.equals_insensitive(".jpg") || extension.equals_insensitive(".jpeg") || extension.equals_insensitive(".png")))
      listing.images.push_back(entry->path());
  }
  if (error)
    return llvm::createStringError(path + ": " + error.message());
  llvm::sort(listing.images);
  llvm::sort(listing.folders);
  return listing;
}

llvm::Expected<ImageFolder> ImageFolder::list(StringRef path) {
  auto top = listFolder(path);
  if (!top)
    return top.takeError();
  ImageFolder result;
  result.paths = std::move(top->images);
  bool isNumbered = llvm::all_of(top->folders, [](StringRef folder) {
    int64_t number;
    return llvm::to_integer(llvm::sys::path::filename(folder), number, 10) && number >= 0;
  });
  for (auto [index, folder] : llvm::enumerate(top->folders)) {
    auto images = listFolder(folder);
    if (!images)
      return images.takeError();
    if (!images->images.empty() && !result.paths.empty() && result.labels.empty())
      return llvm::createStringError(path + ": holds images, and folders of images; one folder for each class holds all of them");
    int64_t label = index;
    if (isNumbered)
      llvm::to_integer(llvm::sys::path::filename(folder), label, 10);
    result.labels.insert(result.labels.end(), images->images.size(), label);
    llvm::append_range(result.paths, images->images);
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
