//===- HostSupport.cpp - what an artifact asks of the machine it runs on --===//

#include "codegen/artifact/HostSupport.h"
#include "codegen/common/ObjectEmitter.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/MC/MCSubtargetInfo.h"
#include "llvm/Target/TargetMachine.h"
#include "llvm/TargetParser/Host.h"
#include "llvm/TargetParser/Triple.h"

namespace fettle::codegen {

// LLVM's feature lists mix extensions with tuning ("fast-gather"); these are the extensions that may show up in
// generated code and that llvm::sys::getHostCPUFeatures reports.
static constexpr llvm::StringLiteral x86Extensions[] = {
    "aes",        "amx-bf16",       "amx-int8", "amx-tile",  "avx",        "avx2",       "avx512bf16", "avx512bitalg",
    "avx512bw",   "avx512cd",       "avx512dq", "avx512f",   "avx512fp16", "avx512ifma", "avx512vbmi", "avx512vbmi2",
    "avx512vl",   "avx512vnni",     "avx512vpopcntdq",       "avxifma",    "avxneconvert", "avxvnni",  "avxvnniint8",
    "bmi",        "bmi2",           "cx16",     "f16c",      "fma",        "fma4",       "gfni",       "lzcnt",
    "movbe",      "pclmul",         "popcnt",   "sha",       "sse3",       "sse4.1",     "sse4.2",     "ssse3",
    "vaes",       "vpclmulqdq",     "xop"};
static constexpr llvm::StringLiteral aarch64Extensions[] = {"bf16", "crc",    "dotprod", "fp-armv8", "fullfp16", "i8mm",
                                                            "lse",  "neon",   "rcpc",    "rdm",      "sve",      "sve2"};

static llvm::ArrayRef<llvm::StringLiteral> knownExtensions(const llvm::Triple &triple) {
  if (triple.isAArch64())
    return aarch64Extensions;
  return x86Extensions;
}

llvm::Expected<std::vector<std::string>> requiredFeatures(const CpuTarget &target) {
  llvm::Expected<std::unique_ptr<llvm::TargetMachine>> machine = createTargetMachine(target, 0);
  if (!machine)
    return machine.takeError();
  std::vector<std::string> required;
  for (llvm::StringRef extension : knownExtensions(llvm::Triple(target.triple)))
    if ((*machine)->getMCSubtargetInfo()->checkFeatures(("+" + extension).str()))
      required.push_back(extension.str());
  return required;
}

llvm::Error checkHost(llvm::StringRef triple, llvm::ArrayRef<std::string> features) {
  llvm::Triple wanted(triple), host(llvm::sys::getProcessTriple());
  if (wanted.getArch() != host.getArch())
    return llvm::createStringError("the artifact is for " + wanted.getArchName() + ", and this machine is " +
                                   host.getArchName() +
                                   ": run it there, or under qemu-user with the C runner, and check it by its golden "
                                   "vectors");
  if (!wanted.isOSLinux() || !host.isOSLinux())
    return llvm::createStringError("the artifact is for " + triple + ", and this machine is " + host.str());
  llvm::StringMap<bool> present = llvm::sys::getHostCPUFeatures();
  std::string missing;
  for (const std::string &feature : features) {
    // Baseline of every AArch64 Linux machine, under names that /proc/cpuinfo does not have.
    if (wanted.isAArch64() && (feature == "fp-armv8" || feature == "neon"))
      continue;
    if (!present.lookup(feature))
      missing += (missing.empty() ? "" : ", ") + feature;
  }
  if (missing.empty())
    return llvm::Error::success();
  return llvm::createStringError("this machine's CPU lacks what the artifact was compiled for: " + missing +
                                 "; compile for 'cpu:native' or a lower level");
}

} // namespace fettle::codegen
