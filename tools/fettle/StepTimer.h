//===- StepTimer.h - how long each step of an artifact takes ---------------===//
#ifndef FETTLE_TOOLS_STEPTIMER_H
#define FETTLE_TOOLS_STEPTIMER_H

#include "codegen/artifact/Loader.h"
#include "tools/fettle/Environment.h"

namespace fettle::cli {

/// Input and output memory of a call, made once.
struct CallBuffers {
  std::vector<HostTensor> inputs, outputs;
  std::vector<const void *> inputPointers;
  std::vector<void *> outputPointers;

  CallBuffers(std::vector<HostTensor> tensors, llvm::ArrayRef<mlir::RankedTensorType> outputTypes);
};

/// The fastest time of each step of a specialization, in seconds: calls are repeated for `seconds`, at least one is made.
llvm::Expected<std::vector<double>> timeSteps(Environment &environment, codegen::LoadedModel &model, CallBuffers &sample,
                                              size_t specialization, double seconds);

} // namespace fettle::cli

#endif
