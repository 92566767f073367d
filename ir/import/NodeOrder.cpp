//===- NodeOrder.cpp - an order in which nodes can be imported ------------===//
//
// ONNX asks for topologically sorted nodes, but not all writers obey. Kahn's
// algorithm with the smallest ready index first leaves a sorted list as it is
// and sorts any other: nodes [b reads a, a] come out as [a, b]. What is never
// ready lies on a cycle or behind one; walking back from such a node along
// edges to other such nodes must meet a node twice, and that is the cycle.
// Cost: O(E log V).
//
//===----------------------------------------------------------------------===//

#include "ir/import/NodeOrder.h"
#include "llvm/ADT/StringMap.h"
#include <algorithm>
#include <functional>
#include <queue>

namespace fettle {

/// Calls `visit` with every name that a node reads, in its subgraphs too.
static void forEachUse(const onnx::Node &node, llvm::function_ref<void(const std::string &)> visit) {
  for (const std::string &name : node.inputs)
    if (!name.empty())
      visit(name);
  for (const onnx::Attribute &attribute : node.attributes) {
    if (!attribute.g)
      continue;
    for (const onnx::Node &inner : attribute.g->nodes)
      forEachUse(inner, visit);
    for (const onnx::ValueInfo &output : attribute.g->outputs)
      visit(output.name);
  }
}

NodeOrder orderNodes(llvm::ArrayRef<onnx::Node> nodes) {
  llvm::StringMap<size_t> producer;
  for (size_t i = 0; i < nodes.size(); ++i)
    for (const std::string &name : nodes[i].outputs)
      if (!name.empty())
        producer.try_emplace(name, i);

  std::vector<std::vector<size_t>> before(nodes.size()), after(nodes.size());
  for (size_t i = 0; i < nodes.size(); ++i) {
    forEachUse(nodes[i], [&](const std::string &name) {
      if (auto found = producer.find(name); found != producer.end())
        before[i].push_back(found->second);
    });
    std::sort(before[i].begin(), before[i].end());
    before[i].erase(std::unique(before[i].begin(), before[i].end()), before[i].end());
    for (size_t j : before[i])
      after[j].push_back(i);
  }

  NodeOrder result;
  std::vector<size_t> missing(nodes.size());
  std::priority_queue<size_t, std::vector<size_t>, std::greater<size_t>> ready;
  for (size_t i = 0; i < nodes.size(); ++i)
    if ((missing[i] = before[i].size()) == 0)
      ready.push(i);
  while (!ready.empty()) {
    size_t i = ready.top();
    ready.pop();
    result.order.push_back(i);
    for (size_t j : after[i])
      if (--missing[j] == 0)
        ready.push(j);
  }
  for (size_t i = 0; i < nodes.size(); ++i)
    if (missing[i] > 0)
      result.stuck.push_back(i);
  if (result.stuck.empty())
    return result;

  std::vector<size_t> path;
  std::vector<bool> seen(nodes.size());
  size_t at = result.stuck.front();
  while (!seen[at]) {
    seen[at] = true;
    path.push_back(at);
    at = *std::find_if(before[at].begin(), before[at].end(), [&](size_t j) { return missing[j] > 0; });
  }
  result.cycle.assign(std::find(path.begin(), path.end(), at), path.end());
  std::reverse(result.cycle.begin(), result.cycle.end());
  return result;
}

} // namespace fettle
