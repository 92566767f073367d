//===- StepTimer.cpp - how long each step of an artifact takes -------------===//

#include "tools/fettle/StepTimer.h"

namespace fettle::cli {

CallBuffers::CallBuffers(std::vector<HostTensor> tensors, llvm::ArrayRef<mlir::RankedTensorType> outputTypes)
    : inputs(std::move(tensors)) {
  for (const HostTensor &tensor : inputs)
    inputPointers.push_back(tensor.bytes().data());
  for (mlir::RankedTensorType type : outputTypes) {
    outputs.emplace_back(type);
    outputPointers.push_back(outputs.back().mutableBytes().data());
  }
}

llvm::Expected<std::vector<double>> timeSteps(Environment &environment, codegen::LoadedModel &model, CallBuffers &sample,
                                              size_t specialization, double seconds) {
  std::vector<double> fastest(model.manifest().specializations[specialization].steps.size(), 1e30);
  double end = environment.clockSeconds() + seconds;
  do {
    double last = environment.clockSeconds();
    auto afterStep = [&](int32_t step) {
      double now = environment.clockSeconds();
      fastest[step] = std::min(fastest[step], now - last);
      last = environment.clockSeconds();
    };
    if (llvm::Error error = model.runSteps(sample.inputPointers, sample.outputPointers, afterStep, specialization))
      return std::move(error);
  } while (environment.clockSeconds() < end);
  return fastest;
}

} // namespace fettle::cli
