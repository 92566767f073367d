//===- CpuTarget.cpp - facts of a CPU target ------------------------------===//

#include "ir/target/CpuTarget.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/TargetParser/Host.h"

namespace fettle {

static constexpr llvm::StringLiteral knownTargets[] = {
    "cpu:native",  "cpu:x86-64-v2",       "cpu:x86-64-v3",    "cpu:x86-64-v3+vnni", "cpu:x86-64-v4", "cpu:x86-64-v4+vnni",
    "cpu:aarch64", "cpu:aarch64+dotprod", "cpu:aarch64+i8mm", "cpu:aarch64+dotprod+i8mm",
    "onnx",        "onnx:opset=21"};

static llvm::Error unknownTarget(llvm::StringRef name) {
  llvm::StringRef nearest = knownTargets[0];
  for (llvm::StringRef known : knownTargets)
    if (name.edit_distance(known) < name.edit_distance(nearest))
      nearest = known;
  std::string message = "unknown target '" + name.str() + "': did you mean '" + nearest.str() + "'? targets:";
  for (llvm::StringRef known : knownTargets)
    message += " " + known.str();
  return llvm::createStringError(message);
}

static void setX86(CpuTarget &target, bool avx2, bool avx512) {
  target.triple = "x86_64-unknown-linux-gnu";
  target.vectorBytes = avx512 ? 64 : avx2 ? 32 : 16;
  target.vectorRegisters = avx512 ? 32 : 16;
  target.hasFma = target.hasF16Conversion = avx2;
  // LLVM prefers 256-bit vectors on some cores; our tiles are made for the full width.
  if (avx512)
    target.features = "-prefer-256-bit";
}

static void setAArch64(CpuTarget &target) {
  target.triple = "aarch64-unknown-linux-gnu";
  target.cpu = "generic";
  target.vectorBytes = 16;
  target.vectorRegisters = 32;
  target.hasFma = target.hasF16Conversion = true;
}

llvm::Expected<CpuTarget> parseCpuTarget(llvm::StringRef name) {
  CpuTarget target;
  target.name = name.str();
  llvm::StringRef rest = name;
  if (!rest.consume_front("cpu:"))
    return unknownTarget(name);
  if (rest == "native") {
    target.cpu = llvm::sys::getHostCPUName().str();
    llvm::StringMap<bool> host = llvm::sys::getHostCPUFeatures();
#if defined(__aarch64__)
    setAArch64(target);
    target.cpu = llvm::sys::getHostCPUName().str();
    target.hasDotProduct = host.lookup("dotprod");
    target.hasI8mm = host.lookup("i8mm");
#else
    setX86(target, host.lookup("avx2") && host.lookup("fma"), host.lookup("avx512f") && host.lookup("avx512vl"));
    target.hasVnni = host.lookup(target.vectorBytes == 64 ? "avx512vnni" : "avxvnni");
#endif
    // The host's exact features: a virtual machine may hide some of its CPU's.
    llvm::SmallVector<std::string> features;
    for (const auto &feature : host)
      features.push_back((feature.second ? "+" : "-") + feature.first().str());
    llvm::sort(features);
    for (const std::string &feature : features)
      target.features += (target.features.empty() ? "" : ",") + feature;
    return target;
  }
  auto [level, extension] = rest.split('+');
  if (level == "x86-64-v2" || level == "x86-64-v3" || level == "x86-64-v4") {
    bool isWide = level == "x86-64-v4";
    target.cpu = level.str();
    setX86(target, level != "x86-64-v2", isWide);
    if (level == rest)
      return target;
    if (extension != "vnni" || level == "x86-64-v2")
      return unknownTarget(name);
    target.hasVnni = true;
    target.features += isWide ? ",+avx512vnni" : "+avxvnni";
    return target;
  }
  if (rest.consume_front("aarch64")) {
    setAArch64(target);
    llvm::SmallVector<llvm::StringRef> extensions;
    rest.split(extensions, '+', -1, /*KeepEmpty=*/false);
    if (!rest.empty() && rest[0] != '+')
      return unknownTarget(name);
    for (llvm::StringRef extension : extensions) {
      if (extension != "dotprod" && extension != "i8mm")
        return unknownTarget(name);
      target.features += (target.features.empty() ? "+" : ",+") + extension.str();
      target.hasDotProduct |= extension == "dotprod";
      target.hasI8mm |= extension == "i8mm";
    }
    return target;
  }
  return unknownTarget(name);
}

} // namespace fettle
