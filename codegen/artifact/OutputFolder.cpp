//===- OutputFolder.cpp - a folder that appears when it is whole ----------===//

#include "codegen/artifact/OutputFolder.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

namespace fettle::codegen {

namespace fs = llvm::sys::fs;

static llvm::Error lastError(llvm::StringRef path) {
  return llvm::createFileError(path, std::error_code(errno, std::generic_category()));
}

/// Success where nothing is lost by putting an artifact there.
static llvm::Error checkReplaceable(llvm::StringRef directory) {
  fs::file_status status;
  if (std::error_code error = fs::status(directory, status)) {
    if (error == std::errc::no_such_file_or_directory)
      return llvm::Error::success();
    return llvm::createFileError(directory, error);
  }
  if (status.type() != fs::file_type::directory_file)
    return llvm::createStringError("'" + directory + "' exists and is not a folder; not replaced");
  std::error_code error;
  if (fs::directory_iterator(directory, error) == fs::directory_iterator())
    return error ? llvm::createFileError(directory, error) : llvm::Error::success();
  if (llvm::Expected<Manifest> manifest = Manifest::read(directory))
    return llvm::Error::success();
  else if (llvm::StringRef(llvm::toString(manifest.takeError())).contains("format version"))
    return llvm::Error::success(); // an artifact of another fettle
  return llvm::createStringError("'" + directory +
                                 "' exists and is not an artifact (no valid manifest.json); not replaced: remove it, or "
                                 "name another folder");
}

OutputFolder::OutputFolder(std::string destination, std::string temporary)
    : destination(std::move(destination)), temporary(std::move(temporary)) {}

OutputFolder::OutputFolder(OutputFolder &&other) noexcept
    : destination(std::move(other.destination)), temporary(std::move(other.temporary)) {
  other.temporary.clear();
}

OutputFolder::~OutputFolder() {
  if (!temporary.empty())
    fs::remove_directories(temporary);
}

llvm::Expected<OutputFolder> OutputFolder::create(llvm::StringRef directory) {
  llvm::SmallString<128> destination(directory);
  while (destination.size() > 1 && destination.back() == '/')
    destination.pop_back();
  if (llvm::Error error = checkReplaceable(destination))
    return error;
  // What a link points to is replaced, not the link.
  llvm::SmallString<128> resolved;
  if (!fs::real_path(destination, resolved))
    destination = resolved;
  llvm::SmallString<128> temporary;
  for (unsigned attempt = 0;; ++attempt) {
    temporary = destination;
    temporary += ".partial-" + std::to_string(getpid()) + "-" + std::to_string(attempt);
    std::error_code error = fs::create_directory(temporary, /*IgnoreExisting=*/false, fs::all_all);
    if (!error)
      return OutputFolder(destination.str().str(), temporary.str().str());
    if (error != std::errc::file_exists)
      return llvm::createFileError(temporary, error);
  }
}

std::string OutputFolder::path(llvm::StringRef relative) const {
  llvm::SmallString<128> result(temporary);
  llvm::sys::path::append(result, relative);
  return result.str().str();
}

llvm::Error OutputFolder::makeFolder(llvm::StringRef relative) {
  if (std::error_code error = fs::create_directory(path(relative), /*IgnoreExisting=*/false, fs::all_all))
    return llvm::createFileError(path(relative), error);
  return llvm::Error::success();
}

void OutputFolder::remove(llvm::StringRef relative) { fs::remove_directories(path(relative)); }

llvm::Error OutputFolder::write(llvm::StringRef relative, llvm::StringRef content) {
  std::string where = path(relative);
  std::error_code error;
  llvm::raw_fd_ostream stream(where, error);
  if (error)
    return llvm::createFileError(where, error);
  stream << content;
  stream.close();
  if (!stream.has_error())
    return llvm::Error::success();
  error = stream.error();
  stream.clear_error();
  return llvm::createFileError(where, error);
}

llvm::Expected<Manifest::File> OutputFolder::describe(llvm::StringRef relative) const {
  std::string where = path(relative);
  uint64_t bytes;
  if (std::error_code error = fs::file_size(where, bytes))
    return llvm::createFileError(where, error);
  llvm::Expected<std::string> hash = hashFile(where);
  if (!hash)
    return hash.takeError();
  return Manifest::File{relative.str(), int64_t(bytes), std::move(*hash)};
}

llvm::Error OutputFolder::commit() {
  // Again: the compile took a while.
  if (llvm::Error error = checkReplaceable(destination))
    return error;
  if (rename(temporary.c_str(), destination.c_str()) == 0) { // nothing there, or an empty folder
    temporary.clear();
    return llvm::Error::success();
  }
  if (errno != ENOTEMPTY && errno != EEXIST)
    return lastError(destination);
  if (renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, destination.c_str(), RENAME_EXCHANGE) == 0) {
    std::string old = std::move(temporary); // now holds the older artifact
    temporary.clear();
    fs::remove_directories(old);
    return llvm::Error::success();
  }
  // File systems without an exchange: a moment without any artifact, never with half of one.
  std::string old = temporary + ".old";
  if (rename(destination.c_str(), old.c_str()) != 0)
    return lastError(destination);
  if (rename(temporary.c_str(), destination.c_str()) != 0) {
    llvm::Error error = lastError(destination);
    rename(old.c_str(), destination.c_str());
    return error;
  }
  temporary.clear();
  fs::remove_directories(old);
  return llvm::Error::success();
}

llvm::Expected<HashedFile> HashedFile::create(llvm::StringRef path) {
  int descriptor = ::open(path.str().c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (descriptor < 0)
    return lastError(path);
  return HashedFile(path.str(), descriptor);
}

HashedFile::HashedFile(HashedFile &&other) noexcept
    : filePath(std::move(other.filePath)), descriptor(other.descriptor), written(other.written), hash(other.hash) {
  other.descriptor = -1;
}

HashedFile::~HashedFile() {
  if (descriptor >= 0)
    ::close(descriptor);
}

llvm::Error HashedFile::append(llvm::ArrayRef<char> bytes) {
  hash.update(bytes);
  written += bytes.size();
  while (!bytes.empty()) {
    ssize_t count = ::write(descriptor, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR)
      continue;
    if (count < 0)
      return lastError(filePath);
    bytes = bytes.drop_front(count);
  }
  return llvm::Error::success();
}

llvm::Error HashedFile::appendZeros(int64_t bytes) {
  static const char zeros[4096] = {};
  for (; bytes > 0; bytes -= sizeof(zeros))
    if (llvm::Error error = append(llvm::ArrayRef<char>(zeros, std::min<int64_t>(bytes, sizeof(zeros)))))
      return error;
  return llvm::Error::success();
}

llvm::Expected<std::string> HashedFile::finish() {
  int closing = std::exchange(descriptor, -1);
  if (::close(closing) != 0)
    return lastError(filePath);
  return hash.finish();
}

} // namespace fettle::codegen
