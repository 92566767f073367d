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

llvm::Error OutputFolder::check(llvm::StringRef directory) {
  if (llvm::Error error = checkReplaceable(directory))
    return error;
  // The nearest thing above that exists.
  llvm::SmallString<128> above(directory);
  if (std::error_code error = fs::make_absolute(above))
    return llvm::createFileError(directory, error);
  fs::file_status status;
  do
    llvm::sys::path::remove_filename(above);
  while (llvm::sys::path::has_relative_path(above) && fs::status(above, status) == std::errc::no_such_file_or_directory);
  if (std::error_code error = fs::status(above, status))
    return llvm::createFileError(above, error);
  if (status.type() != fs::file_type::directory_file)
    return llvm::createFileError(above, std::make_error_code(std::errc::not_a_directory));
  if (std::error_code error = fs::access(above, fs::AccessMode::Write))
    return llvm::createFileError(above, error);
  return llvm::Error::success();
}

/// Makes the missing folders above `path`, outermost first; those made are added to `made`, also where one fails.
static llvm::Error makeParents(llvm::StringRef path, std::vector<std::string> &made) {
  llvm::StringRef parent = llvm::sys::path::parent_path(path);
  if (parent.empty() || fs::exists(parent))
    return llvm::Error::success();
  if (llvm::Error error = makeParents(parent, made))
    return error;
  std::error_code error = fs::create_directory(parent, /*IgnoreExisting=*/false, fs::all_all);
  if (error == std::errc::file_exists) // another process was faster: it is not ours to remove
    return llvm::Error::success();
  if (error)
    return llvm::createFileError(parent, error);
  made.push_back(parent.str());
  return llvm::Error::success();
}

OutputFolder::OutputFolder(OutputFolder &&other) noexcept
    : destination(std::move(other.destination)), temporary(std::move(other.temporary)),
      madeParents(std::move(other.madeParents)) {
  other.temporary.clear();
  other.madeParents.clear();
}

OutputFolder::~OutputFolder() {
  if (!temporary.empty())
    fs::remove_directories(temporary);
  for (const std::string &parent : llvm::reverse(madeParents))
    fs::remove(parent); // refused where something lies in it by now
}

llvm::Expected<OutputFolder> OutputFolder::create(llvm::StringRef directory) {
  llvm::SmallString<128> destination(directory);
  while (destination.size() > 1 && destination.back() == '/')
    destination.pop_back();
  if (llvm::Error error = check(destination))
    return error;
  // What a link points to is replaced, not the link.
  llvm::SmallString<128> resolved;
  if (!fs::real_path(destination, resolved))
    destination = resolved;
  OutputFolder folder;
  folder.destination = destination.str().str();
  if (llvm::Error error = makeParents(destination, folder.madeParents))
    return error;
  for (unsigned attempt = 0;; ++attempt) {
    std::string temporary = folder.destination + ".partial-" + std::to_string(getpid()) + "-" + std::to_string(attempt);
    std::error_code error = fs::create_directory(temporary, /*IgnoreExisting=*/false, fs::all_all);
    if (!error) {
      folder.temporary = std::move(temporary);
      return folder;
    }
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
  return writeFileContent(path(relative), content);
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
    madeParents.clear();
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

llvm::Error writeFileContent(llvm::StringRef path, llvm::StringRef content) {
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (error)
    return llvm::createFileError(path, error);
  file << content;
  file.close();
  if (!file.has_error())
    return llvm::Error::success();
  error = file.error();
  file.clear_error();
  return llvm::createFileError(path, error);
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
