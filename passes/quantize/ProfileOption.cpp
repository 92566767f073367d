//===- ProfileOption.cpp - a profile as a pass option ----------------------===//

#include "passes/quantize/ProfileOption.h"
#include "mlir/IR/Diagnostics.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;

namespace fettle {

LogicalResult loadProfile(MLIRContext *context, StringRef path, std::shared_ptr<const Profile> &owner,
                          const Profile *&profile) {
  auto buffer = llvm::MemoryBuffer::getFile(path);
  auto parsed = buffer ? Profile::fromJson((*buffer)->getBuffer())
                       : llvm::Expected<Profile>(llvm::createStringError(buffer.getError().message()));
  if (!parsed)
    return emitError(UnknownLoc::get(context)) << "profile '" << path << "' " << llvm::toString(parsed.takeError());
  owner = std::make_shared<const Profile>(std::move(*parsed));
  profile = owner.get();
  return success();
}

} // namespace fettle
