//===- BindingChoices.h - bindings, some with several values --------------===//
#ifndef FETTLE_TOOLS_BINDINGCHOICES_H
#define FETTLE_TOOLS_BINDINGCHOICES_H

#include "ir/import/Import.h"
#include <map>

namespace fettle::cli {

/// --dim batch=1,4 --dim seq=32,128: what gets several values makes specializations, one for each combination.
struct BindingChoices {
  std::map<std::string, std::vector<int64_t>> dims;                ///< at least one value each, none twice
  std::map<std::string, std::vector<std::vector<int64_t>>> shapes; ///< likewise
  llvm::StringMap<HostTensor> constants;
  llvm::StringMap<std::string> constantTexts;

  /// More would be a slip of the finger: each is compiled on its own.
  static constexpr size_t mostCombinations = 64;
  /// Saturates beyond mostCombinations.
  size_t numCombinations() const;
  /// By name, dims before shapes, the last one varying fastest; a single one where nothing has several values.
  std::vector<Bindings> combinations() const;
  /// Leaves only the values of one combination.
  void narrow(const Bindings &combination);
};

/// Whether every dim and shape of `combination` is among the values that `choices` gives it.
bool isAmong(const Bindings &combination, const BindingChoices &choices);

/// "batch=1, seq=32, x=1x3", for messages; constants are left out.
std::string describeBindings(const Bindings &bindings);
/// "1x3x224".
std::string formatExtents(llvm::ArrayRef<int64_t> shape);

} // namespace fettle::cli

#endif
