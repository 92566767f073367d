//===- CompileModule.cpp - nn kernels to a compiled model -----------------===//
//
// 1. kernels: equal ones are found, over all specializations;
// 2. panels: kernels that read the same weights agree on their packing, where that costs nothing;
// 3. each distinct kernel is built and compiled, on all threads;
// 4. for each specialization, buffers: every value gets its place in the arena;
// 5. weights: constant operands get their place in the weights file, in the order of first use;
// 6. steps: one per nn.kernel, in program order.
//
//===----------------------------------------------------------------------===//

#include "codegen/cpu/CompileModule.h"
#include "codegen/cpu/KernelBuilders.h"
#include "codegen/cpu/KernelKey.h"
#include "codegen/cpu/KernelLowering.h"
#include "codegen/cpu/MemoryPlan.h"
#include "codegen/cpu/StepCost.h"
#include "codegen/cpu/PanelAgreement.h"
#include "codegen/cpu/WeightsLayout.h"
#include "ir/support/Origin.h"
#include "mlir/Dialect/Affine/IR/AffineOps.h"
#include "mlir/Dialect/ControlFlow/IR/ControlFlow.h"
#include "mlir/Dialect/Index/IR/IndexDialect.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/UB/IR/UBOps.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "llvm/ADT/IntEqClasses.h"
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
  std::string symbol, object, error;
};

} // namespace

/// By kernelKey. The functions of lowered kernels are gone.
struct KernelCache::Entries {
  llvm::StringMap<Unit> units;
};

KernelCache::KernelCache() : entries(std::make_unique<Entries>()) {}
KernelCache::~KernelCache() = default;

/// The builders, most special first; each refuses what is not its business.
static FailureOr<LoweredKernel> buildKernel(nn::KernelOp kernel, const CpuTarget &target, OpBuilder &b) {
  using Builder = FailureOr<LoweredKernel> (*)(nn::KernelOp, const CpuTarget &, OpBuilder &);
  for (Builder builder : {buildDepthwise, buildWinograd, buildContraction, buildAttention, buildRows, buildRecurrent, buildSequential, buildLoops}) {
    FailureOr<LoweredKernel> lowered = builder(kernel, target, b);
    if (succeeded(lowered))
      return lowered;
  }
  return failure();
}

static LogicalResult buildUnit(Unit &unit, const CpuTarget &target) {
  unit.module = ModuleOp::create(unit.kernel.getLoc());
  OpBuilder b(unit.module->getBodyRegion());
  FailureOr<LoweredKernel> lowered = buildKernel(unit.kernel, target, b);
  if (failed(lowered))
    return failure();
  unit.lowered = *lowered;
  return success();
}

static void compileUnit(Unit &unit, const CpuTarget &target, unsigned optLevel) {
  LogicalResult built = buildUnit(unit, target);
  setAgreedPanelVectors(unit.kernel, 0);
  if (failed(built)) {
    unit.error = "no kernel builder takes it";
    return;
  }
  llvm::Expected<std::string> object = lowerKernel(*unit.module, unit.symbol, target, optLevel);
  if (object)
    unit.object = std::move(*object);
  else
    unit.error = llvm::toString(object.takeError());
  unit.module = nullptr;
}

/// Calls `work` with the index of each unit, on `jobs` threads.
static void forEachUnit(size_t units, unsigned jobs, llvm::function_ref<void(unsigned)> work) {
  llvm::DefaultThreadPool pool(llvm::hardware_concurrency(std::max(1u, jobs)));
  for (unsigned i = 0; i < units; ++i)
    pool.async(work, i);
  pool.wait();
}

/// Compiles all units on `jobs` threads. Which thread compiles which does not show in the result.
static llvm::Error compileUnits(MutableArrayRef<Unit> units, const CpuTarget &target, const CompileOptions &options) {
  int64_t done = 0;
  std::mutex progressLock;
  auto compileOne = [&](unsigned i) {
    if (units[i].object.empty())
      compileUnit(units[i], target, options.optLevel);
    std::lock_guard<std::mutex> lock(progressLock);
    if (options.progress)
      options.progress(++done, units.size());
  };
  forEachUnit(units.size(), options.jobs, compileOne);
  llvm::Error errors = llvm::Error::success();
  for (Unit &unit : units)
    if (!unit.error.empty())
      errors = llvm::joinErrors(std::move(errors), llvm::createStringError("node '" + formatOrigins(unit.kernel.getLoc()) + "': error: " + unit.error));
  return errors;
}

static int64_t totalMacs(nn::KernelOp kernel) {
  int64_t macs = 0;
  for (Operation &op : kernel.getBody().front())
    if (auto nnOp = dyn_cast<nn::NnOpInterface>(op))
      macs += nnOp.getMacs();
  return macs;
}

/// The type of what is multiplied; both signs of integers have one name.
static std::string multipliedType(nn::KernelOp kernel) {
  for (Operation &op : kernel.getBody().front()) {
    auto nnOp = dyn_cast<nn::NnOpInterface>(op);
    if (!nnOp || nnOp.getMacs() == 0 || op.getNumOperands() == 0)
      continue;
    Type element = cast<RankedTensorType>(op.getOperand(0).getType()).getElementType();
    return (element.isBF16() ? "bf" : isa<FloatType>(element) ? "f" : "int") + std::to_string(element.getIntOrFloatBitWidth());
  }
  return "";
}

static std::string nameOf(DictionaryAttr attributes, StringRef fallback, unsigned i) {
  if (auto name = attributes ? attributes.getAs<StringAttr>("nn.name") : StringAttr())
    return name.str();
  return (fallback + llvm::Twine(i)).str();
}

static std::vector<ModelTensor> describeTensors(TypeRange types, llvm::function_ref<DictionaryAttr(unsigned)> attributesOf,
                                                StringRef fallback) {
  std::vector<ModelTensor> tensors;
  for (auto [i, type] : llvm::enumerate(types))
    tensors.push_back({nameOf(attributesOf(i), fallback, i), cast<RankedTensorType>(type)});
  return tensors;
}

namespace {

/// @main of a module, and which unit each of its kernels is.
struct Program {
  func::FuncOp function;
  SmallVector<std::pair<nn::KernelOp, unsigned>> calls;
};

} // namespace

/// The constant that a kernel reads as operand `i`; null where it is computed.
static nn::ConstantOp constantOperand(nn::KernelOp kernel, unsigned i) {
  return storageRoot(kernel.getInputs()[i]).getDefiningOp<nn::ConstantOp>();
}

/// Tells kernels that read the same weights in panels how wide those shall be (PanelAgreement.h). What a builder would
/// choose is known when it has built; the code is then built again.
static void agreeOnPanels(ArrayRef<Program> programs, MutableArrayRef<Unit> units, EqualConstants &equals,
                          const CpuTarget &target, unsigned jobs) {
  SmallVector<std::optional<PanelChoice>> choices(units.size());
  SmallVector<unsigned> operands(units.size());
  forEachUnit(units.size(), jobs, [&](unsigned i) {
    if (failed(buildUnit(units[i], target)))
      return; // compileUnits tells
    for (const OperandPacking &packing : units[i].lowered.packings)
      if (packing.panels) {
        choices[i] = packing.panels;
        operands[i] = packing.operand;
      }
    units[i].module = nullptr;
  });
  llvm::IntEqClasses groups(units.size());
  DenseMap<Attribute, unsigned> firstReader;
  for (const Program &program : programs)
    for (auto [kernel, unit] : program.calls)
      if (choices[unit]) {
        ElementsAttr constant = equals.find(constantOperand(kernel, operands[unit]).getValue());
        groups.join(firstReader.try_emplace(constant, unit).first->second, unit);
      }
  groups.compress();
  std::vector<SmallVector<unsigned>> members(groups.getNumClasses());
  for (unsigned i = 0; i < units.size(); ++i)
    if (choices[i])
      members[groups[i]].push_back(i);
  for (ArrayRef<unsigned> group : members) {
    if (group.size() < 2)
      continue;
    SmallVector<PanelChoice> wishes;
    for (unsigned i : group)
      wishes.push_back(*choices[i]);
    for (auto [i, vectors] : llvm::zip_equal(group, agreeOnPanels(target, wishes)))
      setAgreedPanelVectors(units[i].kernel, vectors);
  }
}

/// Buffers and steps of one specialization; its weights go to `weights`.
static Specialization assemble(const Program &program, ArrayRef<Unit> units, const CpuTarget &target, WeightsLayout &weights) {
  func::FuncOp function = program.function;
  Specialization result;
  auto argumentAttributes = [&](unsigned i) { return function.getArgAttrDict(i); };
  auto resultAttributes = [&](unsigned i) { return function.getResultAttrDict(i); };
  result.inputs = describeTensors(function.getArgumentTypes(), argumentAttributes, "input");
  result.outputs = describeTensors(function.getResultTypes(), resultAttributes, "output");
  MemoryPlan plan = planMemory(function);
  result.arenaBytes = plan.arenaBytes;
  result.largestLiveBytes = plan.largestLiveBytes;
  for (auto [kernel, unit] : program.calls) {
    const LoweredKernel &lowered = units[unit].lowered;
    Step step{formatOrigins(kernel.getLoc()), unit, lowered.tiles, {}, totalMacs(kernel), countBytes(kernel, lowered), estimateNanoseconds(kernel, lowered, target)};
    for (auto [i, operand] : llvm::enumerate(kernel.getInputs())) {
      nn::ConstantOp constant = constantOperand(kernel, i);
      if (!constant) {
        step.arguments.push_back(plan.buffers.lookup(operand));
        continue;
      }
      step.arguments.push_back({BufferReference::Weights, 0, weights.place(constant.getValue(), lowered.packingOf(i))});
    }
    for (Value output : kernel.getOutputs())
      step.arguments.push_back(plan.buffers.lookup(output));
    result.steps.push_back(std::move(step));
  }
  return result;
}

llvm::Expected<CompiledModel> compileModule(ArrayRef<ModuleOp> modules, const CpuTarget &target, const CompileOptions &options) {
  std::vector<Unit> units;
  llvm::StringMap<unsigned> unitOfKey;
  SmallVector<Program> programs;
  size_t nextName = options.cache ? options.cache->entries->units.size() : 0;
  for (ModuleOp module : modules) {
    Program &program = programs.emplace_back();
    program.function = module.lookupSymbol<func::FuncOp>("main");
    if (!program.function)
      return llvm::createStringError("the module has no function 'main'");
    for (auto kernel : program.function.getOps<nn::KernelOp>()) {
      auto [it, isNew] = unitOfKey.try_emplace(kernelKey(kernel), units.size());
      if (isNew) {
        Unit *known = nullptr;
        if (options.cache)
          if (auto entry = options.cache->entries->units.find(it->first()); entry != options.cache->entries->units.end())
            known = &entry->second;
        Unit &unit = units.emplace_back();
        if (known) {
          unit.lowered = known->lowered;
          unit.object = known->object;
          unit.symbol = known->symbol;
        } else {
          // Kernels of earlier compilations keep their names.
          unit.symbol = "kernel_" + std::to_string(nextName++);
        }
        unit.kernel = kernel;
      }
      program.calls.push_back({kernel, it->second});
    }
  }
  EqualConstants equals;
  if (modules.size() > 1)
    agreeOnPanels(programs, units, equals, target, options.jobs);
  if (llvm::Error error = compileUnits(units, target, options))
    return std::move(error);

  CompiledModel model;
  model.target = target;
  model.specializations.clear();
  WeightsLayout weights(model, equals);
  for (const Program &program : programs)
    model.specializations.push_back(assemble(program, units, target, weights));
  if (options.cache)
    for (const auto &key : unitOfKey) {
      const Unit &unit = units[key.second];
      auto [entry, isNew] = options.cache->entries->units.try_emplace(key.first());
      if (!isNew)
        continue;
      entry->second.lowered = unit.lowered;
      entry->second.lowered.function = nullptr;
      entry->second.object = unit.object;
      entry->second.symbol = unit.symbol;
    }
  for (Unit &unit : units) {
    auto kind = unit.kernel->getAttrOfType<StringAttr>("kind");
    model.kernels.push_back({unit.symbol, kind ? kind.str() : std::string("map"), multipliedType(unit.kernel)});
    model.objects.push_back(std::move(unit.object));
  }
  return model;
}

} // namespace fettle::codegen
