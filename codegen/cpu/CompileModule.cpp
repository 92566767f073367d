//===- CompileModule.cpp - nn kernels to a compiled model -----------------===//
//
// 1. plan: every value gets its buffer;
// 2. kernels: equal ones are found, each distinct one is built and compiled, on all threads;
// 3. weights: constant operands get their place in the weights file, in the order of first use;
// 4. steps: one per nn.kernel, in program order.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CompileModule.h"
#include "codegen/cpu/KernelBuilders.h"
#include "codegen/cpu/KernelKey.h"
#include "codegen/cpu/KernelLowering.h"
#include "codegen/cpu/MemoryPlan.h"
#include "ir/support/Origin.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/ThreadPool.h"
#include <mutex>

using namespace mlir;

namespace fettle::codegen {

void loadCodegenDialects(MLIRContext &context) {
  DialectRegistry registry;
  registerBuiltinDialectTranslation(registry);
  registerLLVMDialectTranslation(registry);
  registerLoweringDialects(registry);
  context.appendDialectRegistry(registry);
  context.loadDialect<affine::AffineDialect, arith::ArithDialect, cf::ControlFlowDialect, func::FuncDialect, index::IndexDialect,
                      LLVM::LLVMDialect, math::MathDialect, memref::MemRefDialect, nn::NnDialect, scf::SCFDialect, ub::UBDialect,
                      vector::VectorDialect>();
  for (StringRef name : registry.getDialectNames())
    context.getOrLoadDialect(name);
}

namespace {

/// A distinct kernel and what its builder said.
struct Unit {
  nn::KernelOp kernel;
  OwningOpRef<ModuleOp> module;
  LoweredKernel lowered;
  std::string object, error;
};

} // namespace

/// The builders, most special first; each refuses what is not its business.
static FailureOr<LoweredKernel> buildKernel(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  using Builder = FailureOr<LoweredKernel> (*)(nn::KernelOp, const CpuTarget &, OpBuilder &);
  for (Builder builder : {buildDepthwise, buildContraction, buildAttention, buildRows, buildRecurrent, buildSequential, buildLoops}) {
    FailureOr<LoweredKernel> lowered = builder(kernel, target, b);
    if (succeeded(lowered))
      return lowered;
  }
  return failure();
}

static void compileUnit(Unit &unit, StringRef symbol, const CpuTarget &target, unsigned optLevel) {
  unit.module = ModuleOp::create(unit.kernel.getLoc());
  OpBuilder b(unit.module->getBodyRegion());
  FailureOr<LoweredKernel> lowered = buildKernel(unit.kernel, target, b);
  if (failed(lowered)) {
    unit.error = "no kernel builder takes it";
    return;
  }
  unit.lowered = *lowered;
  llvm::Expected<std::string> object = lowerKernel(*unit.module, symbol, target, optLevel);
  if (object)
    unit.object = std::move(*object);
  else
    unit.error = llvm::toString(object.takeError());
  unit.module = nullptr;
}

static std::string symbolOf(unsigned kernel) { return "kernel_" + std::to_string(kernel); }

/// Compiles all units on `jobs` threads. Which thread compiles which does not show in the result.
static llvm::Error compileUnits(MutableArrayRef<Unit> units, const CpuTarget &target, const CompileOptions &options) {
  int64_t done = 0;
  std::mutex progressLock;
  auto compileOne = [&](unsigned i) {
    compileUnit(units[i], symbolOf(i), target, options.optLevel);
    std::lock_guard<std::mutex> lock(progressLock);
    if (options.progress)
      options.progress(++done, units.size());
  };
  llvm::DefaultThreadPool pool(llvm::hardware_concurrency(std::max(1u, options.jobs)));
  for (unsigned i = 0; i < units.size(); ++i)
    pool.async(compileOne, i);
  pool.wait();
  llvm::Error errors = llvm::Error::success();
  for (Unit &unit : units)
    if (!unit.error.empty())
      errors = llvm::joinErrors(std::move(errors), llvm::createStringError("node '" + formatOrigins(unit.kernel.getLoc()) + "': error: " + unit.error));
  return errors;
}

namespace {

/// The weights file while it is laid out: a constant in one packing is stored once.
class WeightsLayout {
public:
  explicit WeightsLayout(CompiledModel &model) : model(model) {}

  int64_t place(ElementsAttr value, const OperandPacking *packing) {
    // Attributes are uniqued: the pointer names the constant.
    auto [it, isNew] = offsets.try_emplace({value.getAsOpaquePointer(), packing ? packing->layout : std::string()}, model.weightsBytes);
    if (!isNew)
      return it->second;
    WeightSegment segment;
    segment.offset = model.weightsBytes;
    if (packing) {
      MemRefType type = packing->packedType;
      segment.bytes = type.getNumElements() * elementBytes(type.getElementType());
      segment.make = [value, pack = packing->pack] { return pack(HostTensor::fromAttribute(value)); };
    } else {
      auto type = cast<RankedTensorType>(value.getType());
      segment.bytes = type.getNumElements() * elementBytes(type.getElementType());
      segment.make = [value] {
        HostTensor tensor = HostTensor::fromAttribute(value);
        return std::vector<char>(tensor.bytes().begin(), tensor.bytes().end());
      };
    }
    model.weightsBytes = llvm::alignTo(segment.offset + segment.bytes, 64);
    model.weights.push_back(std::move(segment));
    return it->second;
  }

private:
  CompiledModel &model;
  std::map<std::pair<const void *, std::string>, int64_t> offsets;
};

} // namespace

static int64_t totalBytes(TypeRange types) {
  int64_t bytes = 0;
  for (Type type : types)
    bytes += cast<RankedTensorType>(type).getNumElements() * elementBytes(cast<RankedTensorType>(type).getElementType());
  return bytes;
}

static int64_t totalMacs(nn::KernelOp kernel) {
  int64_t macs = 0;
  for (Operation &op : kernel.getBody().front())
    if (auto nnOp = dyn_cast<nn::NnOpInterface>(op))
      macs += nnOp.getMacs();
  return macs;
}

static std::string nameOf(DictionaryAttr attributes, StringRef fallback, unsigned i) {
  if (auto name = attributes ? attributes.getAs<StringAttr>("nn.name") : StringAttr())
    return name.str();
  return (fallback + llvm::Twine(i)).str();
}

llvm::Expected<CompiledModel> compileModule(ModuleOp module, const CpuTarget &target, const CompileOptions &options) {
  auto function = module.lookupSymbol<func::FuncOp>("main");
  if (!function)
    return llvm::createStringError("the module has no function 'main'");
  CompiledModel model;
  model.target = target;
  for (unsigned i = 0; i < function.getNumArguments(); ++i)
    model.inputs.push_back({nameOf(function.getArgAttrDict(i), "input", i), cast<RankedTensorType>(function.getArgumentTypes()[i])});
  for (unsigned i = 0; i < function.getNumResults(); ++i)
    model.outputs.push_back({nameOf(function.getResultAttrDict(i), "output", i), cast<RankedTensorType>(function.getResultTypes()[i])});

  MemoryPlan plan = planMemory(function);
  model.arenaBytes = plan.arenaBytes;

  std::vector<Unit> units;
  llvm::StringMap<unsigned> unitOfKey;
  SmallVector<std::pair<nn::KernelOp, unsigned>> calls;
  for (auto kernel : function.getOps<nn::KernelOp>()) {
    auto [it, isNew] = unitOfKey.try_emplace(kernelKey(kernel), units.size());
    if (isNew)
      units.emplace_back().kernel = kernel;
    calls.push_back({kernel, it->second});
  }
  if (llvm::Error error = compileUnits(units, target, options))
    return std::move(error);

  WeightsLayout weights(model);
  for (auto [kernel, unit] : calls) {
    const LoweredKernel &lowered = units[unit].lowered;
    Step step{formatOrigins(kernel.getLoc()), unit, lowered.tiles, {}, totalMacs(kernel), totalBytes(kernel->getOperandTypes()) + totalBytes(kernel->getResultTypes())};
    for (auto [i, operand] : llvm::enumerate(kernel.getInputs())) {
      auto constant = storageRoot(operand).getDefiningOp<nn::ConstantOp>();
      if (!constant) {
        step.arguments.push_back(plan.buffers.lookup(operand));
        continue;
      }
      const OperandPacking *packing = nullptr;
      for (const OperandPacking &candidate : lowered.packings)
        if (candidate.operand == i)
          packing = &candidate;
      step.arguments.push_back({BufferReference::Weights, 0, weights.place(constant.getValue(), packing)});
    }
    for (Value result : kernel.getOutputs())
      step.arguments.push_back(plan.buffers.lookup(result));
    model.steps.push_back(std::move(step));
  }
  for (auto [i, unit] : llvm::enumerate(units)) {
    auto kind = unit.kernel->getAttrOfType<StringAttr>("kind");
    model.kernels.push_back({symbolOf(i), kind ? kind.str() : std::string("map")});
    model.objects.push_back(std::move(unit.object));
  }
  return model;
}

} // namespace fettle::codegen
