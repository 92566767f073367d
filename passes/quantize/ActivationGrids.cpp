//===- ActivationGrids.cpp - the grid of each planned value ----------------===//

#include "passes/quantize/ActivationGrids.h"
#include "passes/quantize/OddDenominators.h"
#include "passes/quantize/RoundedSum.h"

using namespace mlir;

namespace fettle {

using Grids = llvm::DenseMap<Value, Grid>;

/// `grid` of `value` with a step a little longer, where that makes the factor leave no ties with which other bytes come in.
/// The numbers at the ends move outwards.
static bool avoidTies(Value value, const QuantizationPlan &plan, const Grids &grids, Grid &grid) {
  auto sum = RoundedSum::of(
      value, [&](OpOperand &use) { return grids.contains(use.get()) && plan.readsIntegers(use); },
      [&](Operation *op) { return llvm::is_contained(plan.contractions(), op); });
  if (!sum || sum->bytes.empty())
    return false;
  double step = grids.lookup(sum->bytes.front()).scale;
  std::optional<Fraction> ratio = oddFractionBelow(step / grid.scale);
  if (!ratio)
    return false;
  grid.scale = static_cast<float>(step / ratio->value());
  return true;
}

llvm::Expected<llvm::DenseMap<Value, Grid>> chooseGrids(const QuantizationPlan &plan, const ValueNames &names,
                                                        const Profile &profile, const GridOptions &options) {
  Grids grids;
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
    // One relation can be had for each group of values.
    for (Value member : members)
      if (avoidTies(member, plan, grids, grid))
        break;
    for (Value member : members)
      grids[member] = grid;
  }
  return grids;
}

std::string rowsKey(Value input, const ContractionRows &rows, const ValueNames &names) {
  return (names.nameOf(input) + " by " + rows.describe()).str();
}

} // namespace fettle
