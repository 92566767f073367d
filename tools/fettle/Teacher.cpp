//===- Teacher.cpp - the float model that students are measured against ----===//

#include "tools/fettle/Teacher.h"

namespace fettle::cli {

/// Memory must not grow with the number of samples.
static constexpr size_t mostBytes = 64 << 20;

llvm::Expected<HostTensor> Teacher::answer(const calibration::Samples &samples, int64_t i) {
  if (auto known = kept.find(i); known != kept.end())
    return known->second;
  auto outputs = loaded->run(samples.sample(i), &context);
  if (!outputs)
    return outputs.takeError();
  HostTensor &first = outputs->front();
  if (keptBytes + first.bytes().size() <= mostBytes) {
    keptBytes += first.bytes().size();
    kept.emplace(i, first);
  }
  return std::move(first);
}

} // namespace fettle::cli
