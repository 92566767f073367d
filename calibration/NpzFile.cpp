//===- NpzFile.cpp - named arrays in a zip file ---------------------------===//

#include "calibration/NpzFile.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include <zip.h>

using namespace mlir;

namespace fettle::calibration {

static constexpr size_t pieceBytes = 256 << 10;

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

/// Calls `take` with all bytes of an entry, in pieces.
static llvm::Error readPieces(zip_t *archive, zip_uint64_t index, llvm::function_ref<llvm::Error(ArrayRef<char>)> take) {
  zip_file_t *file = zip_fopen_index(archive, index, 0);
  if (!file)
    return llvm::createStringError(zip_strerror(archive));
  auto close = llvm::scope_exit([&] { zip_fclose(file); });
  std::vector<char> piece(pieceBytes);
  while (true) {
    zip_int64_t got = zip_fread(file, piece.data(), piece.size());
    if (got < 0)
      return llvm::createStringError(zip_file_strerror(file));
    if (got == 0)
      return llvm::Error::success();
    if (llvm::Error error = take({piece.data(), size_t(got)}))
      return error;
  }
}

/// Appends the unpacked bytes of an entry to `store`.
static llvm::Error unpackEntry(MLIRContext &context, zip_t *archive, zip_uint64_t index, SampleBytes &store) {
  std::vector<char> head;
  size_t size = 0;
  std::optional<NpyHeader> header;
  return readPieces(archive, index, [&](ArrayRef<char> piece) -> llvm::Error {
    // A thousand bytes may be packed into one: no more are unpacked than the array's own header asks for.
    if (!header && size >= mostNpyHeaderBytes)
      if (llvm::Error error = readNpyHeader(context, head).moveInto(header.emplace()))
        return error;
    if (!header)
      llvm::append_range(head, piece);
    size += piece.size();
    if (header && size > header->end)
      return llvm::createStringError("damaged numpy array: it goes on behind the " + llvm::Twine(header->end - header->begin) +
                                     " bytes that its shape needs");
    return store.append(piece);
  });
}

namespace {
/// An array of a .npz file, and where its .npy file lies among the bytes of all.
struct Entry {
  std::string name;
  size_t begin, size;
};
} // namespace

static llvm::Expected<std::vector<Entry>> unpackEntries(MLIRContext &context, zip_t *archive, StringRef path, SampleBytes &store) {
  std::vector<Entry> entries;
  llvm::StringSet<> names;
  zip_int64_t count = zip_get_num_entries(archive, 0);
  for (zip_int64_t i = 0; i < count; ++i) {
    const char *entryName = zip_get_name(archive, i, ZIP_FL_ENC_RAW);
    StringRef name = entryName ? entryName : "";
    if (!name.consume_back(".npy"))
      return fileProblem(path, "entry '" + name + "' is not a numpy array");
    if (!names.insert(name).second)
      return fileProblem(path, "two arrays are named '" + name + "'");
    if (llvm::Error error = store.align())
      return std::move(error);
    size_t begin = store.size();
    if (llvm::Error error = unpackEntry(context, archive, i, store))
      return fileProblem(path, "array '" + name + "': " + llvm::toString(std::move(error)));
    entries.push_back({name.str(), begin, store.size() - begin});
  }
  return entries;
}

llvm::Expected<std::vector<NamedTensor>> readNpz(MLIRContext &context, StringRef path) {
  auto archive = openForReading(path);
  if (!archive)
    return archive.takeError();
  auto discard = llvm::scope_exit([&] { zip_discard(*archive); });
  // One store for all: a file of a million arrays takes no more memory, and no more spool files, than one of one.
  SampleBytes store;
  auto entries = unpackEntries(context, *archive, path, store);
  if (!entries)
    return entries.takeError();
  auto stored = store.finish();
  if (!stored)
    return stored.takeError();
  std::vector<NamedTensor> arrays;
  for (Entry &entry : *entries) {
    auto tensor = parseNpy(context, stored->bytes.slice(entry.begin, entry.size), stored->owner);
    if (!tensor)
      return fileProblem(path, "array '" + entry.name + "': " + llvm::toString(tensor.takeError()));
    bool isMapped = stored->spool && tensor->bytes().data() >= stored->bytes.begin() && tensor->bytes().data() < stored->bytes.end();
    arrays.push_back({std::move(entry.name), std::move(*tensor), isMapped ? stored->spool : nullptr});
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
