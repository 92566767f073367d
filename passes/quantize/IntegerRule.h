//===- IntegerRule.h - how a sum becomes 8 bits again ---------------------===//
#ifndef FETTLE_PASSES_QUANTIZE_INTEGERRULE_H
#define FETTLE_PASSES_QUANTIZE_INTEGERRULE_H

namespace fettle {

enum class IntegerRule {
  IeeeF32, ///< IEEE single precision operations in a fixed order: CPUs, GPUs, ONNX
  Tosa     ///< an integer multiplier and a shift: NPUs, and their twins on a CPU
};

} // namespace fettle

#endif
