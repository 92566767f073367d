//===- ExpectedFailures.cpp - the written list of what does not pass ------===//
#include "tests/conformance/ExpectedFailures.h"
#include "llvm/Support/LineIterator.h"
#include "llvm/Support/MemoryBuffer.h"

namespace fettle::conformance {

llvm::Expected<llvm::StringMap<ExpectedFailure>> readExpectedFailures(llvm::StringRef path, llvm::StringRef engine) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return llvm::createStringError(buffer.getError(), path);
  llvm::StringMap<ExpectedFailure> failures;
  for (llvm::line_iterator line(**buffer, /*SkipBlanks=*/true, '#'); !line.is_at_end(); ++line) {
    auto [head, reason] = line->split(": ");
    if (reason.trim().empty())
      return llvm::createStringError("%s:%d: expected 'folder: reason'", path.str().c_str(), int(line.line_number()));
    auto [folder, listedEngine] = head.split(" (");
    if (!listedEngine.empty() && listedEngine != (engine + ")").str())
      continue;
    ExpectedFailure failure{reason.trim().str(), reason.starts_with("out of scope")};
    if (!failures.try_emplace(folder.trim(), failure).second)
      return llvm::createStringError("%s:%d: '%s' is listed twice", path.str().c_str(), int(line.line_number()),
                                     folder.str().c_str());
  }
  return failures;
}

} // namespace fettle::conformance
