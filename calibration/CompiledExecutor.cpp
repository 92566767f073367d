//===- CompiledExecutor.cpp - functions run as compiled code ---------------===//
//
// The module is cloned, its results are replaced by the taps, and what follows
// quantization is done to it: layout, kernels, machine code, artifact, loader.
// What is observed is thus what will be deployed, up to what taps keep apart
// that would else be one kernel.
//
//===----------------------------------------------------------------------===//

#include "calibration/CompiledExecutor.h"
#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/Loader.h"
#include "ir/nn/Nn.h"
#include "passes/Pipelines.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"

using namespace mlir;

namespace fettle::calibration {

namespace {
/// A tap that is an argument is handed out as it is; the others are results.
class CompiledProgram : public TappedProgram {
public:
  CompiledProgram(const Samples &samples, std::unique_ptr<codegen::LoadedModel> loaded, std::vector<HostTensor> buffers,
                  std::vector<int> sources)
      : samples(samples), loaded(std::move(loaded)), buffers(std::move(buffers)), sources(std::move(sources)) {}

  llvm::Expected<llvm::ArrayRef<HostTensor>> run(int64_t sample) override {
    std::vector<HostTensor> inputs = samples.sample(sample);
    llvm::SmallVector<const void *> from;
    for (const HostTensor &input : inputs)
      from.push_back(input.bytes().data());
    llvm::SmallVector<void *> to;
    for (HostTensor &buffer : buffers)
      to.push_back(buffer.mutableBytes().data());
    if (llvm::Error error = loaded->run(from, to))
      return std::move(error);
    seen.clear();
    for (int source : sources)
      seen.push_back(source < 0 ? inputs[-1 - source] : buffers[source]);
    return llvm::ArrayRef<HostTensor>(seen);
  }

private:
  const Samples &samples;
  std::unique_ptr<codegen::LoadedModel> loaded;
  std::vector<HostTensor> buffers; ///< of the compiled function's results
  std::vector<int> sources;        ///< of each tap: a result, or -1 - argument
  std::vector<HostTensor> seen;
};
} // namespace

CompiledExecutor::CompiledExecutor(const Samples &samples, std::string scratch, unsigned jobs)
    : samples(samples), scratch(std::move(scratch)), jobs(jobs) {}

/// Makes `taps` the results of `function`, as f32.
static void returnTaps(func::FuncOp function, ArrayRef<Value> taps) {
  auto terminator = cast<func::ReturnOp>(function.getBody().front().getTerminator());
  OpBuilder builder(terminator);
  SmallVector<Value> results;
  for (Value tap : taps) {
    auto type = cast<RankedTensorType>(tap.getType());
    if (!type.getElementType().isF32())
      tap = nn::CastOp::create(builder, tap.getLoc(), type.clone(builder.getF32Type()), tap).getOutput();
    results.push_back(tap);
  }
  terminator.getOperandsMutable().assign(results);
  function.setFunctionType(builder.getFunctionType(function.getArgumentTypes(), ValueRange(results).getTypes()));
  function.removeResAttrsAttr();
}

static llvm::Error lower(ModuleOp module) {
  PassManager passManager(module.getContext());
  for (const PhaseInfo &info : phases())
    if (info.phase > Phase::Quantize)
      buildPhase(passManager, info.phase);
  if (failed(passManager.run(module)))
    return llvm::createStringError("the module that shows intermediate values could not be lowered");
  return llvm::Error::success();
}

llvm::Expected<std::unique_ptr<TappedProgram>> CompiledExecutor::prepare(func::FuncOp function, ArrayRef<Value> taps) {
  auto module = function->getParentOfType<ModuleOp>();
  IRMapping mapping;
  OwningOpRef<ModuleOp> clone(cast<ModuleOp>(module->clone(mapping)));
  SmallVector<Value> computed;
  std::vector<int> sources;
  std::vector<HostTensor> buffers;
  for (Value tap : taps) {
    auto type = cast<RankedTensorType>(tap.getType());
    if (auto argument = dyn_cast<BlockArgument>(tap); argument && type.getElementType().isF32()) {
      sources.push_back(-1 - int(argument.getArgNumber()));
      continue;
    }
    sources.push_back(computed.size());
    computed.push_back(mapping.lookup(tap));
    buffers.push_back(HostTensor(type.clone(Float32Type::get(function.getContext()))));
  }
  returnTaps(cast<func::FuncOp>(mapping.lookup(function.getOperation())), computed);
  if (llvm::Error error = lower(*clone))
    return std::move(error);

  auto target = parseCpuTarget("cpu:native");
  if (!target)
    return target.takeError();
  codegen::CompileOptions options;
  options.jobs = jobs;
  options.cache = &kernels;
  auto compiled = codegen::compileModule(*clone, *target, options);
  if (!compiled)
    return compiled.takeError();
  codegen::ArtifactOptions artifact;
  artifact.name = "observed";
  std::string folder = scratch + "/observed" + std::to_string(prepared++);
  // What is loaded is mapped and needs no name any more: a search prepares hundreds.
  auto remove = llvm::scope_exit([&] { llvm::sys::fs::remove_directories(folder); });
  if (llvm::Error error = codegen::writeArtifact(folder, *compiled, artifact))
    return std::move(error);
  auto loaded = codegen::LoadedModel::open(folder);
  if (!loaded)
    return loaded.takeError();
  return std::make_unique<CompiledProgram>(samples, std::move(*loaded), std::move(buffers), std::move(sources));
}

} // namespace fettle::calibration
