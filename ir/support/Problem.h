//===- Problem.h - what keeps a model from being compiled -----------------===//
#ifndef FETTLE_IR_SUPPORT_PROBLEM_H
#define FETTLE_IR_SUPPORT_PROBLEM_H

#include <cstdint>
#include <string>

namespace fettle {

/// One thing that keeps a model from being compiled.
struct Problem {
  std::string node, op; ///< empty for problems of the whole model
  int64_t opset = 0;
  std::string reason; ///< the fact
  std::string remedy; ///< what to type or do
};

} // namespace fettle

#endif
