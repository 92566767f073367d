//===- Origin.cpp - which ONNX node an op came from -----------------------===//

#include "ir/support/Origin.h"
#include "mlir/IR/BuiltinAttributes.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/JSON.h"

using namespace mlir;

namespace fettle {

Location makeOriginLocation(MLIRContext *context, const Origin &origin) {
  // Names go to JSON; a file's may be any bytes.
  auto text = [&](const std::string &name) {
    return StringAttr::get(context, llvm::json::isUTF8(name) ? name : llvm::json::fixUTF8(name));
  };
  return NameLoc::get(text(origin.node), NameLoc::get(text(origin.op)));
}

SmallVector<Origin> getOrigins(Location location) {
  if (auto fused = dyn_cast<FusedLoc>(location)) {
    SmallVector<Origin> origins;
    for (Location part : fused.getLocations())
      llvm::append_range(origins, getOrigins(part));
    return origins;
  }
  auto name = dyn_cast<NameLoc>(location);
  if (!name)
    return {};
  auto op = dyn_cast<NameLoc>(name.getChildLoc());
  return {Origin{name.getName().str(), op ? op.getName().str() : std::string()}};
}

std::string formatOrigins(Location location) {
  return llvm::join(llvm::map_range(getOrigins(location), [](const Origin &origin) { return origin.node; }), "+");
}

Location fuseLocations(MLIRContext *context, ArrayRef<Location> locations) {
  SmallVector<Location> distinct;
  for (Location location : locations) {
    auto fused = dyn_cast<FusedLoc>(location);
    for (Location part : fused ? fused.getLocations() : ArrayRef<Location>(location))
      if (!isa<UnknownLoc>(part) && !llvm::is_contained(distinct, part))
        distinct.push_back(part);
  }
  return FusedLoc::get(context, distinct);
}

} // namespace fettle
