//===- KernelKey.h - when two kernels are the same code -------------------===//
#ifndef FETTLE_CODEGEN_CPU_KERNELKEY_H
#define FETTLE_CODEGEN_CPU_KERNELKEY_H

#include "ir/nn/Nn.h"
#include <string>

namespace fettle::codegen {

/// A string that is equal for kernels that compile to the same code: ops,
/// attributes, types and wiring of the body, and which operands are constants
/// (their bytes may be packed, so they are code's business; their values are not).
/// Locations and outer names do not count.
std::string kernelKey(nn::KernelOp kernel);

} // namespace fettle::codegen

#endif
