//===- TensorFolder.cpp - folders of serialized tensors as samples --------===//

#include "calibration/TensorFolder.h"
#include "calibration/FolderListing.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Path.h"

using namespace mlir;

namespace fettle::calibration {

/// Those of `paths` whose names are `prefix`, a number and `suffix`, by that number.
static llvm::Expected<std::vector<std::pair<int64_t, std::string>>> findNumbered(ArrayRef<std::string> paths, StringRef prefix,
                                                                                 StringRef suffix) {
  std::vector<std::pair<int64_t, std::string>> found;
  for (StringRef path : paths) {
    StringRef name = llvm::sys::path::filename(path);
    int64_t number;
    if (name.consume_front(prefix) && name.consume_back(suffix) && llvm::all_of(name, llvm::isDigit) && llvm::to_integer(name, number, 10))
      found.push_back({number, path.str()});
  }
  llvm::sort(found);
  for (size_t i = 1; i < found.size(); ++i)
    if (found[i].first == found[i - 1].first)
      return llvm::createStringError(found[i].second + ": has the same number as " + llvm::sys::path::filename(found[i - 1].second));
  return found;
}

llvm::Expected<TensorFolder> TensorFolder::list(StringRef path) {
  auto top = listFolder(path);
  if (!top)
    return top.takeError();
  auto folders = findNumbered(top->folders, "test_data_set_", "");
  if (!folders)
    return folders.takeError();
  auto tensors = findNumbered(top->files, "input_", ".pb");
  if (!tensors)
    return tensors.takeError();
  if (!folders->empty() && !tensors->empty())
    return llvm::createStringError(path + ": holds tensors, and data sets; each data set has a folder, or there is one without");
  TensorFolder result;
  if (!tensors->empty())
    result.dataSets.push_back({path.str(), "", std::move(*tensors)});
  for (auto &[number, folder] : *folders) {
    auto inside = listFolder(folder);
    if (!inside)
      return inside.takeError();
    auto found = findNumbered(inside->files, "input_", ".pb");
    if (!found)
      return found.takeError();
    result.dataSets.push_back({folder, llvm::sys::path::filename(folder).str(), std::move(*found)});
  }
  return result;
}

/// For each of `inputs` the tensor of a data set that is for it, or null.
static llvm::Expected<std::vector<const NamedTensor *>> assign(const TensorFolder::DataSet &dataSet, ArrayRef<NamedTensor> tensors,
                                                               ArrayRef<std::string> inputs) {
  std::vector<const NamedTensor *> chosen(inputs.size());
  std::vector<bool> isNamed(tensors.size());
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    auto input = llvm::find(inputs, tensor.name);
    if (tensor.name.empty() || input == inputs.end())
      continue;
    isNamed[index] = true;
    if (std::exchange(chosen[input - inputs.begin()], &tensor))
      return llvm::createStringError(dataSet.path + ": two tensors are named '" + tensor.name + "'");
  }
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    int64_t number = dataSet.tensors[index].first;
    if (!isNamed[index] && number < int64_t(inputs.size()) && !chosen[number])
      chosen[number] = &tensor;
  }
  return chosen;
}

llvm::Expected<TensorSets> TensorFolder::read(MLIRContext &context, ArrayRef<std::string> inputs) const {
  TensorSets result;
  std::vector<SampleBytes> stores;
  for (size_t i = 0; i < inputs.size(); ++i)
    stores.emplace_back(largestInMemory / inputs.size());
  for (const DataSet &dataSet : dataSets) {
    std::vector<NamedTensor> tensors;
    for (const auto &[number, path] : dataSet.tensors) {
      auto tensor = readSerializedTensor(context, path);
      if (!tensor)
        return tensor.takeError();
      tensors.push_back(std::move(*tensor));
    }
    auto chosen = assign(dataSet, tensors, inputs);
    if (!chosen)
      return chosen.takeError();
    TensorSets::DataSet &kept = result.dataSets.emplace_back(TensorSets::DataSet{dataSet.name, {}});
    for (auto [tensor, store] : llvm::zip_equal(*chosen, stores)) {
      kept.types.push_back(tensor ? tensor->tensor.type() : nullptr);
      if (tensor)
        if (llvm::Error error = store.append(tensor->tensor.bytes()))
          return std::move(error);
    }
  }
  for (SampleBytes &store : stores)
    if (llvm::Error error = store.finish().moveInto(result.inputBytes.emplace_back()))
      return std::move(error);
  return result;
}

llvm::Expected<Samples> TensorSets::cut(ArrayRef<InputSpec> inputs) const {
  int64_t count = 0;
  for (const DataSet &dataSet : dataSets) {
    auto held = countSamples(inputs, dataSet.types);
    if (!held)
      return llvm::createStringError(dataSet.name + (dataSet.name.empty() ? "" : ": ") + llvm::toString(held.takeError()));
    count += *held;
  }
  std::vector<NamedTensor> arrays;
  for (auto [input, stored] : llvm::zip_equal(inputs, inputBytes)) {
    SmallVector<int64_t> shape{count};
    llvm::append_range(shape, input.type.getShape());
    auto type = RankedTensorType::get(shape, input.type.getElementType());
    arrays.push_back({input.name, HostTensor(type, stored.bytes, stored.owner), stored.spool});
  }
  return Samples::cut(inputs, std::move(arrays));
}

} // namespace fettle::calibration
