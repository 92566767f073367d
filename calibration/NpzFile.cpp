//===- NpzFile.cpp - named arrays in a zip file ---------------------------===//

#include "calibration/NpzFile.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include <zip.h>

using namespace mlir;

namespace fettle::calibration {

/// A claimed size is believed no further than this beyond what the file holds.
static constexpr size_t trustedExcess = 16 << 20;
/// Read at a time where the size is not believed; then as much as is there already.
static constexpr size_t firstRead = 64 << 10;

static llvm::Error fileProblem(StringRef path, const llvm::Twine &what) {
  return llvm::createStringError(path + ": " + what);
}

/// Opens for reading only what is a regular file: libzip takes a folder for an empty archive.
static llvm::Expected<zip_t *> openForReading(StringRef path) {
  llvm::sys::fs::file_status status;
  if (std::error_code error = llvm::sys::fs::status(path, status))
    return fileProblem(path, error.message());
  if (!llvm::sys::fs::is_regular_file(status))
    return fileProblem(path, "not a file");
  int code = 0;
  if (zip_t *archive = zip_open(path.str().c_str(), ZIP_RDONLY, &code))
    return archive;
  zip_error_t error;
  zip_error_init_with_code(&error, code);
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return fileProblem(path, "not a readable .npz file: " + text);
}

static llvm::Expected<std::shared_ptr<std::vector<char>>> readEntry(zip_t *archive, zip_uint64_t index) {
  zip_file_t *file = zip_fopen_index(archive, index, 0);
  if (!file)
    return llvm::createStringError(zip_strerror(archive));
  auto close = llvm::scope_exit([&] { zip_fclose(file); });
  auto bytes = std::make_shared<std::vector<char>>();
  zip_stat_t stat;
  if (zip_stat_index(archive, index, 0, &stat) == 0 && (stat.valid & ZIP_STAT_SIZE) &&
      (stat.valid & ZIP_STAT_COMP_SIZE) && stat.size <= stat.comp_size + trustedExcess)
    bytes->reserve(stat.size); // as much as lies in the file
  while (true) {
    size_t have = bytes->size();
    size_t want = std::max(firstRead, have);
    if (bytes->capacity() > have)
      want = std::min(want, bytes->capacity() - have);
    bytes->resize(have + want);
    zip_int64_t got = zip_fread(file, bytes->data() + have, want);
    if (got < 0)
      return llvm::createStringError(zip_file_strerror(file));
    bytes->resize(have + got);
    if (got == 0)
      return bytes;
  }
}

llvm::Expected<std::vector<NamedTensor>> readNpz(MLIRContext &context, StringRef path) {
  auto archive = openForReading(path);
  if (!archive)
    return archive.takeError();
  auto discard = llvm::scope_exit([&] { zip_discard(*archive); });
  std::vector<NamedTensor> arrays;
  zip_int64_t count = zip_get_num_entries(*archive, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char *entryName = zip_get_name(*archive, i, ZIP_FL_ENC_RAW);
    StringRef name = entryName ? entryName : "";
    if (!name.consume_back(".npy"))
      return fileProblem(path, "entry '" + name + "' is not a numpy array");
    if (llvm::any_of(arrays, [&](const NamedTensor &array) { return array.name == name; }))
      return fileProblem(path, "two arrays are named '" + name + "'");
    auto bytes = readEntry(*archive, i);
    if (!bytes)
      return fileProblem(path, "array '" + name + "': " + llvm::toString(bytes.takeError()));
    auto tensor = parseNpy(context, *bytes);
    if (!tensor)
      return fileProblem(path, "array '" + name + "': " + llvm::toString(tensor.takeError()));
    arrays.push_back({name.str(), std::move(*tensor)});
  }
  return arrays;
}

llvm::Error writeNpz(StringRef path, ArrayRef<NpzArray> arrays) {
  int code = 0;
  zip_t *archive = zip_open(path.str().c_str(), ZIP_CREATE | ZIP_TRUNCATE, &code);
  if (!archive) {
    zip_error_t error;
    zip_error_init_with_code(&error, code);
    std::string text = zip_error_strerror(&error);
    zip_error_fini(&error);
    return fileProblem(path, text);
  }
  auto fail = [&](const char *text) {
    llvm::Error error = fileProblem(path, text);
    zip_discard(archive);
    return error;
  };
  std::vector<std::vector<char>> contents; // libzip reads them when it closes
  contents.reserve(arrays.size());
  for (const NpzArray &array : arrays) {
    assert(!array.samples.empty() && (array.stacked || array.samples.size() == 1));
    SmallVector<int64_t, 1> leading;
    if (array.stacked)
      leading.push_back(array.samples.size());
    contents.push_back(npyHeader(array.samples.front().type(), leading));
    for (const HostTensor &sample : array.samples)
      appendNpyElements(sample, contents.back());
    zip_source_t *source = zip_source_buffer(archive, contents.back().data(), contents.back().size(), /*freep=*/0);
    if (!source)
      return fail(zip_strerror(archive));
    zip_int64_t index = zip_file_add(archive, (array.name + ".npy").c_str(), source, ZIP_FL_ENC_UTF_8);
    if (index < 0) {
      zip_source_free(source);
      return fail(zip_strerror(archive));
    }
    // No time of day in the file; 1980 is where zip's calendar begins.
    if (zip_set_file_compression(archive, index, ZIP_CM_STORE, 0) < 0 ||
        zip_file_set_dostime(archive, index, 0, (1 << 5) | 1, 0) < 0)
      return fail(zip_strerror(archive));
  }
  if (zip_close(archive) < 0)
    return fail(zip_strerror(archive));
  return llvm::Error::success();
}

} // namespace fettle::calibration
