//===- ValueNames.cpp - names of tensors that last -------------------------===//

#include "ir/profile/ValueNames.h"
#include "ir/nn/Nn.h"
#include "ir/support/Origin.h"

using namespace mlir;

namespace fettle {

ValueNames::ValueNames(func::FuncOp function) {
  for (BlockArgument argument : function.getArguments()) {
    auto name = function.getArgAttrOfType<StringAttr>(argument.getArgNumber(), "nn.name");
    add(name ? name.str() : "input" + std::to_string(argument.getArgNumber()), argument);
  }
  for (Operation &op : function.getOps()) {
    if (isa<nn::ConstantOp, nn::QuantizeOp, nn::DequantizeOp>(op))
      continue;
    std::string node = formatOrigins(op.getLoc());
    if (node.empty())
      node = op.getName().stripDialect().str();
    for (OpResult result : op.getResults())
      add(op.getNumResults() == 1 ? node : node + ":" + std::to_string(result.getResultNumber()), result);
  }
}

void ValueNames::add(std::string name, Value value) {
  auto [entry, isNew] = values.try_emplace(name, value);
  unsigned &count = counts.try_emplace(name, 1).first->second;
  while (!isNew)
    std::tie(entry, isNew) = values.try_emplace(name + "~" + std::to_string(++count), value);
  names[value] = entry->first();
}

StringRef ValueNames::nameOf(Value value) const { return names.lookup(value); }

} // namespace fettle
