//===- BindingChoices.cpp - bindings, some with several values ------------===//

#include "tools/fettle/BindingChoices.h"
#include "llvm/ADT/STLExtras.h"

namespace fettle::cli {

size_t BindingChoices::numCombinations() const {
  size_t count = 1;
  auto multiply = [&](const auto &map) {
    for (const auto &[name, values] : map)
      count = std::min(count * std::min(values.size(), mostCombinations + 1), mostCombinations + 1);
  };
  multiply(dims);
  multiply(shapes);
  return count;
}

std::vector<Bindings> BindingChoices::combinations() const {
  std::vector<Bindings> list(1);
  list.front().constants = constants;
  list.front().constantTexts = constantTexts;
  auto spread = [&](const auto &map, auto member) {
    for (const auto &[name, values] : map) {
      std::vector<Bindings> longer;
      for (const Bindings &bindings : list)
        for (const auto &value : values) {
          longer.push_back(bindings);
          (longer.back().*member)[name] = value;
        }
      list = std::move(longer);
    }
  };
  spread(dims, &Bindings::dims);
  spread(shapes, &Bindings::shapes);
  return list;
}

void BindingChoices::narrow(const Bindings &combination) {
  for (const auto &entry : combination.dims)
    dims[entry.first().str()] = {entry.second};
  for (const auto &entry : combination.shapes)
    shapes[entry.first().str()] = {entry.second};
}

bool isAmong(const Bindings &combination, const BindingChoices &choices) {
  auto check = [](const auto &bound, const auto &allowed) {
    return llvm::all_of(bound, [&](const auto &entry) {
      auto values = allowed.find(entry.first().str());
      return values == allowed.end() || llvm::is_contained(values->second, entry.second);
    });
  };
  return check(combination.dims, choices.dims) && check(combination.shapes, choices.shapes);
}

std::string formatExtents(llvm::ArrayRef<int64_t> shape) {
  std::string text;
  for (int64_t extent : shape)
    text += (text.empty() ? "" : "x") + std::to_string(extent);
  return text;
}

std::string describeBindings(const Bindings &bindings) {
  std::map<std::string, std::string> dims, shapes;
  for (const auto &entry : bindings.dims)
    dims[entry.first().str()] = std::to_string(entry.second);
  for (const auto &entry : bindings.shapes)
    shapes[entry.first().str()] = formatExtents(entry.second);
  std::string text;
  for (const auto *map : {&dims, &shapes})
    for (const auto &[name, value] : *map)
      text += (text.empty() ? "" : ", ") + name + "=" + value;
  return text;
}

} // namespace fettle::cli
