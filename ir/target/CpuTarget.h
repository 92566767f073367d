//===- CpuTarget.h - facts of a CPU target --------------------------------===//
#ifndef FETTLE_IR_TARGET_CPUTARGET_H
#define FETTLE_IR_TARGET_CPUTARGET_H

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"
#include <string>

namespace fettle {

/// What code generation asks of a CPU. Passes ask facts, never names.
struct CpuTarget {
  std::string name;     ///< as given: "cpu:x86-64-v4", "cpu:native", "cpu:aarch64+dotprod"
  std::string triple;   ///< "x86_64-unknown-linux-gnu" or "aarch64-unknown-linux-gnu"
  std::string cpu;      ///< LLVM CPU name: "x86-64-v4", the host's for native, "generic"
  std::string features; ///< LLVM feature string
  int vectorBytes = 16; ///< widest vector register used: 64, 32 or 16
  int vectorRegisters = 16;
  bool hasFma = false;
  bool hasF16Conversion = false; ///< f16 <-> f32 in hardware (F16C, AArch64)
  bool hasVnni = false;          ///< vpdpbusd
  bool hasDotProduct = false;    ///< AArch64 sdot/udot
  bool hasI8mm = false;
  bool hasBf16DotProduct = false; ///< vdpbf16ps, AArch64 bfdot; and f32 -> bf16 in hardware
};

/// Parses "cpu:native|x86-64-v2|x86-64-v3[+vnni]|x86-64-v4[+vnni][+bf16]|aarch64[+dotprod][+i8mm][+bf16]"; extensions in any
/// order.
/// The error lists the targets there are, nearest spelling first.
llvm::Expected<CpuTarget> parseCpuTarget(llvm::StringRef name);

} // namespace fettle

#endif
