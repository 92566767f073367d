//===- ActivationGrids.cpp - the grid of each planned value ----------------===//

#include "passes/quantize/ActivationGrids.h"

using namespace mlir;

namespace fettle {

llvm::Expected<llvm::DenseMap<Value, Grid>> chooseGrids(const QuantizationPlan &plan, const ValueNames &names,
                                                        const Profile &profile, const GridOptions &options) {
  llvm::DenseMap<Value, Grid> grids;
  for (Value value : plan.values()) {
    if (grids.contains(value))
      continue;
    const TensorStatistics *widest = nullptr;
    SmallVector<Value> members = plan.sharing(value);
    for (Value member : members) {
      auto measured = profile.tensors.find(names.nameOf(member).str());
      if (measured == profile.tensors.end())
        return llvm::createStringError(names.nameOf(member));
      const TensorStatistics &statistics = measured->second;
      if (!widest || statistics.max - statistics.min > widest->max - widest->min)
        widest = &statistics;
    }
    Grid grid = chooseGrid(*widest, options);
    for (Value member : members)
      grids[member] = grid;
  }
  return grids;
}

std::string rowsKey(Value input, const ContractionRows &rows, const ValueNames &names) {
  return (names.nameOf(input) + " by " + rows.describe()).str();
}

} // namespace fettle
