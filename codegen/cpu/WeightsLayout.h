//===- WeightsLayout.h - the weights file while it is laid out ------------===//
#ifndef FETTLE_CODEGEN_CPU_WEIGHTSLAYOUT_H
#define FETTLE_CODEGEN_CPU_WEIGHTSLAYOUT_H

#include "codegen/artifact/CompiledModel.h"
#include "codegen/common/Kernel.h"
#include "codegen/cpu/EqualConstants.h"
#include <map>

namespace fettle::codegen {

/// Gives constants their place in the weights file, in the order in which they come. Equal ones in one packing are
/// stored once.
class WeightsLayout {
public:
  WeightsLayout(CompiledModel &model, EqualConstants &equals) : model(model), equals(equals) {}

  /// Offset of `value`; `packing` null: as it is.
  int64_t place(mlir::ElementsAttr value, const OperandPacking *packing);

private:
  CompiledModel &model;
  EqualConstants &equals;
  std::map<std::pair<const void *, std::string>, int64_t> offsets; ///< by attribute and layout
};

} // namespace fettle::codegen

#endif
