//===- Link.cpp - objects to a shared library, in this process ------------===//

#include "codegen/artifact/Link.h"
#include "codegen/artifact/OutputFolder.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/Binary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/raw_ostream.h"
#include <cerrno>
#include <fcntl.h>
#include <mutex>
#include <thread>
#include <unistd.h>

LLD_HAS_DRIVER(elf)

namespace fettle::codegen {

/// lld keeps its state in globals: one link at a time.
static llvm::Error runLinker(llvm::ArrayRef<std::string> arguments) {
  static std::mutex linker;
  static bool usable = true;
  std::lock_guard<std::mutex> lock(linker);
  if (!usable)
    return llvm::createStringError("the linker crashed before in this process and cannot run again");
  llvm::SmallVector<const char *> pointers{"ld.lld"};
  for (const std::string &argument : arguments)
    pointers.push_back(argument.c_str());
  std::string messages;
  llvm::raw_string_ostream stream(messages);
  lld::Result result = lld::lldMain(pointers, stream, stream, {{lld::Gnu, &lld::elf::link}});
  usable = result.canRunAgain;
  if (result.retCode == 0)
    return llvm::Error::success();
  return llvm::createStringError("linking failed: " + llvm::StringRef(messages).rtrim().str());
}

namespace {
/// Where lld writes to: a pipe, emptied into memory meanwhile. Of the two ways in which it writes a file neither survives a
/// full disk: mapped, it ends by a signal, written, in a fatal error. To a pipe it writes, and that cannot fail.
class OutputPipe {
public:
  static llvm::Expected<std::unique_ptr<OutputPipe>> create() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0)
      return llvm::createStringError(std::error_code(errno, std::generic_category()), "no pipe for the linker's output");
    return std::unique_ptr<OutputPipe>(new OutputPipe(ends[0], ends[1]));
  }
  ~OutputPipe() {
    if (reader.joinable())
      take();
    ::close(readEnd);
  }

  std::string path() const { return "/proc/self/fd/" + std::to_string(writeEnd); }
  /// All that was written; once.
  std::string take() {
    ::close(writeEnd);
    reader.join();
    return std::move(content);
  }

private:
  OutputPipe(int readEnd, int writeEnd) : readEnd(readEnd), writeEnd(writeEnd), reader([this] { read(); }) {}
  void read() {
    char block[1 << 16];
    while (true) {
      ssize_t count = ::read(this->readEnd, block, sizeof block);
      if (count > 0)
        content.append(block, count);
      else if (count == 0 || errno != EINTR)
        return;
    }
  }

  int readEnd, writeEnd;
  std::string content;
  std::thread reader; // last: it uses the others
};
} // namespace

/// Links; `options` come before the objects.
static llvm::Expected<std::string> link(const LinkJob &job, llvm::ArrayRef<std::string> options) {
  llvm::Expected<std::unique_ptr<OutputPipe>> output = OutputPipe::create();
  if (!output)
    return output.takeError();
  // One thread: the work is small, and a thread pool would outlive the link.
  std::vector<std::string> arguments = {"--threads=1", "--build-id=none", "-o", (*output)->path()};
  arguments.insert(arguments.end(), options.begin(), options.end());
  arguments.insert(arguments.end(), job.objects.begin(), job.objects.end());
  if (llvm::Error error = runLinker(arguments))
    return std::move(error);
  return (*output)->take();
}

llvm::Expected<std::string> linkShared(const LinkJob &job, llvm::StringRef soname, llvm::StringRef scratch) {
  if (llvm::Error error = writeFileContent(scratch, "{ global: " + job.exported + "; local: *; };\n"))
    return std::move(error);
  llvm::Expected<std::string> result =
      link(job, {"-shared", "--no-undefined", "--gc-sections", "-O1", "--strip-all", "--hash-style=gnu", "-soname",
                 soname.str(), "-z", "noexecstack", "-z", "now", ("--version-script=" + scratch).str()});
  llvm::sys::fs::remove(scratch);
  return result;
}

/// lld -r keeps hidden symbols global; a user's program that has a `memcpy` or
/// another artifact's `kernel_0` must not meet ours, so they are made local here.
static llvm::Expected<std::string> localizeSymbols(llvm::StringRef object, llvm::StringRef exported) {
  llvm::Expected<std::unique_ptr<llvm::object::Binary>> binary =
      llvm::object::createBinary(llvm::MemoryBufferRef(object, "object"));
  if (!binary)
    return binary.takeError();
  llvm::objcopy::ConfigManager config;
  config.Common.StripUnneeded = true;
  config.Common.StripDebug = true;
  if (llvm::Error error = config.Common.SymbolsToKeepGlobal.addMatcher(llvm::objcopy::NameOrPattern::create(
          exported, llvm::objcopy::MatchStyle::Literal, [](llvm::Error error) { return error; })))
    return std::move(error);
  llvm::SmallString<0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (llvm::Error error = llvm::objcopy::executeObjcopyOnBinary(config, **binary, stream))
    return std::move(error);
  return bytes.str().str();
}

llvm::Expected<std::string> linkRelocatable(const LinkJob &job) {
  llvm::Expected<std::string> object = link(job, {"-r"});
  return object ? localizeSymbols(*object, job.exported) : std::move(object);
}

} // namespace fettle::codegen
