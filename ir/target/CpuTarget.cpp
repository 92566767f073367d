//===- CpuTarget.cpp - facts of a CPU target ------------------------------===//

#include "ir/target/CpuTarget.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/TargetParser/Host.h"

namespace fettle {

static constexpr llvm::StringLiteral knownTargets[] = {
    "cpu:native",         "cpu:x86-64-v2",           "cpu:x86-64-v3",           "cpu:x86-64-v3+vnni",
    "cpu:x86-64-v4",      "cpu:x86-64-v4+vnni",      "cpu:x86-64-v4+bf16",      "cpu:x86-64-v4+vnni+bf16",
    "cpu:aarch64",        "cpu:aarch64+dotprod",     "cpu:aarch64+i8mm",        "cpu:aarch64+dotprod+i8mm",
    "cpu:aarch64+bf16",   "cpu:aarch64+dotprod+i8mm+bf16",
    "onnx",               "onnx:opset=21"};

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

/// Notes an extension of a named x86 target; returns LLVM's name for it, empty where the level has none such.
static llvm::StringRef addX86(CpuTarget &target, llvm::StringRef extension) {
  bool isAvx512 = target.vectorBytes == 64;
  if (extension == "vnni" && target.vectorBytes >= 32) {
    target.hasVnni = true;
    return isAvx512 ? "avx512vnni" : "avxvnni";
  }
  if (extension == "bf16" && isAvx512) {
    target.hasBf16DotProduct = true;
    return "avx512bf16";
  }
  return {};
}

/// The same of AArch64, whose names are LLVM's.
static llvm::StringRef addAArch64(CpuTarget &target, llvm::StringRef extension) {
  bool *fact = llvm::StringSwitch<bool *>(extension)
                   .Case("dotprod", &target.hasDotProduct)
                   .Case("i8mm", &target.hasI8mm)
                   .Case("bf16", &target.hasBf16DotProduct)
                   .Default(nullptr);
  if (!fact)
    return {};
  *fact = true;
  return extension;
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
    target.hasBf16DotProduct = host.lookup("bf16");
#else
    setX86(target, host.lookup("avx2") && host.lookup("fma"), host.lookup("avx512f") && host.lookup("avx512vl"));
    target.hasVnni = host.lookup(target.vectorBytes == 64 ? "avx512vnni" : "avxvnni");
    target.hasBf16DotProduct = target.vectorBytes == 64 && host.lookup("avx512bf16");
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
  llvm::SmallVector<llvm::StringRef> extensions;
  rest.split(extensions, '+');
  llvm::StringRef level = extensions.front();
  bool isX86 = level == "x86-64-v2" || level == "x86-64-v3" || level == "x86-64-v4";
  if (isX86) {
    setX86(target, level != "x86-64-v2", level == "x86-64-v4");
    target.cpu = level.str();
  } else if (level == "aarch64") {
    setAArch64(target);
  } else {
    return unknownTarget(name);
  }
  for (llvm::StringRef extension : llvm::drop_begin(extensions)) {
    llvm::StringRef feature = isX86 ? addX86(target, extension) : addAArch64(target, extension);
    if (feature.empty())
      return unknownTarget(name);
    target.features += ((target.features.empty() ? "+" : ",+") + feature).str();
  }
  return target;
}

} // namespace fettle
