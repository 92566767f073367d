//===- Link.cpp - objects to a shared library, in this process ------------===//

#include "codegen/artifact/Link.h"
#include "lld/Common/Driver.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ObjCopy/ConfigManager.h"
#include "llvm/ObjCopy/ObjCopy.h"
#include "llvm/Object/Binary.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/raw_ostream.h"
#include <mutex>

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

static std::vector<std::string> commonArguments(const LinkJob &job) {
  // One thread: the work is small, and a thread pool would outlive the link. No mapped output: a full disk would end
  // the process by a signal, where a write returns an error.
  std::vector<std::string> arguments = {"--threads=1", "--build-id=none", "--no-mmap-output-file", "-o", job.output};
  arguments.insert(arguments.end(), job.objects.begin(), job.objects.end());
  return arguments;
}

llvm::Error linkShared(const LinkJob &job, llvm::StringRef soname) {
  std::string script = job.output + ".version";
  std::error_code error;
  {
    llvm::raw_fd_ostream stream(script, error);
    if (error)
      return llvm::createFileError(script, error);
    stream << "{ global: " << job.exported << "; local: *; };\n";
  }
  std::vector<std::string> arguments = commonArguments(job);
  for (std::string argument :
       {std::string("-shared"), std::string("--no-undefined"), std::string("--gc-sections"), std::string("-O1"),
        std::string("--strip-all"), std::string("--hash-style=gnu"), std::string("-soname"), soname.str(),
        std::string("-z"), std::string("noexecstack"), std::string("-z"), std::string("now"), "--version-script=" + script})
    arguments.push_back(argument);
  llvm::Error result = runLinker(arguments);
  llvm::sys::fs::remove(script);
  return result;
}

/// lld -r keeps hidden symbols global; a user's program that has a `memcpy` or
/// another artifact's `kernel_0` must not meet ours, so they are made local here.
static llvm::Error localizeSymbols(llvm::StringRef path, llvm::StringRef exported) {
  llvm::Expected<llvm::object::OwningBinary<llvm::object::Binary>> binary = llvm::object::createBinary(path);
  if (!binary)
    return binary.takeError();
  llvm::objcopy::ConfigManager config;
  config.Common.InputFilename = config.Common.OutputFilename = path;
  config.Common.StripUnneeded = true;
  config.Common.StripDebug = true;
  if (llvm::Error error = config.Common.SymbolsToKeepGlobal.addMatcher(llvm::objcopy::NameOrPattern::create(
          exported, llvm::objcopy::MatchStyle::Literal, [](llvm::Error error) { return error; })))
    return error;
  llvm::SmallVector<char, 0> bytes;
  llvm::raw_svector_ostream stream(bytes);
  if (llvm::Error error = llvm::objcopy::executeObjcopyOnBinary(config, *binary->getBinary(), stream))
    return error;
  std::error_code error;
  llvm::raw_fd_ostream file(path, error);
  if (error)
    return llvm::createFileError(path, error);
  file << stream.str();
  file.close();
  if (file.has_error()) {
    error = file.error();
    file.clear_error();
    return llvm::createFileError(path, error);
  }
  return llvm::Error::success();
}

llvm::Error linkRelocatable(const LinkJob &job) {
  std::vector<std::string> arguments = commonArguments(job);
  arguments.push_back("-r");
  if (llvm::Error error = runLinker(arguments))
    return error;
  return localizeSymbols(job.output, job.exported);
}

} // namespace fettle::codegen
