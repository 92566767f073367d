//===- LayerFacts.cpp - what becomes of each layer -------------------------===//

#include "passes/quantize/LayerFacts.h"
#include "passes/quantize/ActivationGrids.h"

using namespace mlir;

namespace fettle {

llvm::Expected<std::vector<LayerFacts>> describeLayers(func::FuncOp function, const Profile &profile,
                                                       const GridOptions &options, ArrayRef<std::string> floatLayers) {
  QuantizationPlan plan(function);
  ValueNames names(function);
  auto grids = chooseGrids(plan, names, profile, options);
  if (!grids)
    return grids.takeError();
  std::vector<LayerFacts> layers;
  for (Operation *op : plan.contractions()) {
    std::string name = names.nameOf(op->getResult(0)).str();
    bool integers = !llvm::is_contained(floatLayers, name);
    layers.push_back({name, cast<nn::NnOpInterface>(op).getMacs(), integers, grids->lookup(op->getOperand(0))});
  }
  return layers;
}

} // namespace fettle
