//===- ModelObject.cpp - a model's tables and runtime as one object -------===//
//
// The runtime (runtime/model_runtime.c) is embedded as bitcode; its functions take
// a descriptor. Here the descriptors of all specializations are added to the
// runtime's LLVM module as plain structs whose layout follows fettle_abi.h field by
// field, with functions `run`, `run_steps` and `select` that pass them on; then the
// module is compiled for the model's target.
//
//===----------------------------------------------------------------------===//

#include "codegen/artifact/ModelObject.h"
#include "codegen/artifact/TensorType.h"
#include "codegen/artifact/fettle_abi.h"
#include "codegen/common/ObjectEmitter.h"
#include "llvm/Bitcode/BitcodeReader.h"
#include "llvm/IR/Constants.h"
#include "llvm/IR/IRBuilder.h"
#include "llvm/IR/Module.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"

namespace fettle::codegen {

// Made by cmake/Embed.cmake.
extern const unsigned char model_runtime_bitcode[], memory_bitcode[], half_bitcode[];
extern const unsigned long model_runtime_bitcode_size, memory_bitcode_size, half_bitcode_size;

static constexpr int64_t alignment = 64;

/// Into the arena, whose own part is as large as the largest specialization needs.
static int64_t pointersOffset(const CompiledModel &model) {
  int64_t most = 0;
  for (const Specialization &specialization : model.specializations)
    most = std::max(most, specialization.arenaBytes);
  return llvm::alignTo(most, alignment);
}

int64_t artifactArenaBytes(const CompiledModel &model) {
  size_t most = 0;
  for (const Specialization &specialization : model.specializations)
    for (const Step &step : specialization.steps)
      most = std::max(most, step.arguments.size());
  return pointersOffset(model) + llvm::alignTo(most * sizeof(void *), alignment);
}

static llvm::Error checkSteps(const CompiledModel &model, const Specialization &specialization) {
  for (const Step &step : specialization.steps) {
    auto fault = [&](const char *what) {
      return llvm::createStringError("step '" + step.name + "' refers to " + what + " outside the model");
    };
    if (step.kernel >= model.kernels.size())
      return fault("a kernel");
    for (const BufferReference &argument : step.arguments) {
      if (argument.offset < 0)
        return fault("a buffer");
      switch (argument.space) {
      case BufferReference::Input:
        if (argument.index >= specialization.inputs.size())
          return fault("an input");
        break;
      case BufferReference::Output:
        if (argument.index >= specialization.outputs.size())
          return fault("an output");
        break;
      case BufferReference::Arena:
        if (argument.offset > specialization.arenaBytes)
          return fault("an arena buffer");
        break;
      case BufferReference::Weights:
        if (argument.offset > model.weightsBytes)
          return fault("a weight");
        break;
      }
    }
  }
  return llvm::Error::success();
}

namespace {

/// Adds a model's constants, and the functions that know them, to the runtime's module.
class TableBuilder {
public:
  TableBuilder(llvm::Module &module, const CompiledModel &model)
      : module(module), model(model), context(module.getContext()), i32(llvm::Type::getInt32Ty(context)),
        i64(llvm::Type::getInt64Ty(context)), pointer(llvm::PointerType::getUnqual(context)) {}

  void build(llvm::StringRef identifier) {
    size_t count = model.specializations.size();
    auto *listType = llvm::ArrayType::get(pointer, count);
    llvm::GlobalVariable *list = global(llvm::Constant::getNullValue(listType));
    llvm::Function *select = function({pointer, pointer});
    llvm::SmallVector<llvm::Constant *> descriptors;
    for (const Specialization &specialization : model.specializations)
      descriptors.push_back(describe(specialization, identifier, list, select));
    list->setInitializer(llvm::ConstantArray::get(listType, descriptors));
    pass(select, "fettle_select", {descriptors.front()}, {});

    // The one exported symbol.
    auto *first = llvm::cast<llvm::GlobalVariable>(descriptors.front());
    first->setName(identifier + "_model");
    first->setLinkage(llvm::GlobalValue::ExternalLinkage);
    for (const char *internal : {"fettle_run_model", "fettle_select"})
      module.getFunction(internal)->setLinkage(llvm::GlobalValue::InternalLinkage);
  }

private:
  /// A fettle_model (fettle_abi.h).
  llvm::Constant *describe(const Specialization &specialization, llvm::StringRef identifier, llvm::Constant *list,
                           llvm::Constant *select) {
    llvm::Function *run = function({pointer, pointer, pointer});
    llvm::Function *runSteps = function({pointer, pointer, pointer, i32, i32});
    llvm::Constant *numSteps = word(specialization.steps.size());
    llvm::GlobalVariable *descriptor = global(
        record({word(FETTLE_ABI_VERSION), word(specialization.inputs.size()), word(specialization.outputs.size()),
                word(model.kernels.size()), text(identifier), text(model.target.name), wide(artifactArenaBytes(model)),
                wide(model.weightsBytes), tensors(specialization.inputs), tensors(specialization.outputs), run, numSteps,
                steps(specialization), runSteps, word(model.specializations.size()), list, select}));
    descriptor->setAlignment(llvm::Align(16));
    pass(run, "fettle_run_model", {descriptor, wide(pointersOffset(model))}, {word(0), numSteps});
    pass(runSteps, "fettle_run_model", {descriptor, wide(pointersOffset(model))}, {});
    return descriptor;
  }

  llvm::Function *function(llvm::ArrayRef<llvm::Type *> parameters) {
    return llvm::Function::Create(llvm::FunctionType::get(i32, parameters, false), llvm::GlobalValue::InternalLinkage,
                                  "call", module);
  }

  /// Makes `caller` call a function of the runtime with its own arguments between `front` and `back`.
  void pass(llvm::Function *caller, llvm::StringRef callee, llvm::ArrayRef<llvm::Constant *> front,
            llvm::ArrayRef<llvm::Constant *> back) {
    llvm::IRBuilder<> builder(llvm::BasicBlock::Create(context, "", caller));
    llvm::SmallVector<llvm::Value *> arguments(front);
    for (llvm::Argument &argument : caller->args())
      arguments.push_back(&argument);
    llvm::append_range(arguments, back);
    builder.CreateRet(builder.CreateCall(module.getFunction(callee), arguments));
  }

  llvm::Constant *word(int64_t value) { return llvm::ConstantInt::getSigned(i32, value); }
  llvm::Constant *wide(int64_t value) { return llvm::ConstantInt::getSigned(i64, value); }
  llvm::Constant *record(llvm::ArrayRef<llvm::Constant *> fields) {
    return llvm::ConstantStruct::getAnon(context, fields);
  }

  llvm::GlobalVariable *global(llvm::Constant *value) {
    return new llvm::GlobalVariable(module, value->getType(), /*isConstant=*/true, llvm::GlobalValue::InternalLinkage,
                                    value, "table");
  }

  /// Null where there are no elements.
  llvm::Constant *array(llvm::ArrayRef<llvm::Constant *> elements) {
    if (elements.empty())
      return llvm::ConstantPointerNull::get(pointer);
    return global(llvm::ConstantArray::get(llvm::ArrayType::get(elements[0]->getType(), elements.size()), elements));
  }

  llvm::Constant *text(llvm::StringRef value) {
    llvm::Constant *&constant = texts[value];
    if (!constant) {
      llvm::GlobalVariable *variable = global(llvm::ConstantDataArray::getString(context, value));
      variable->setUnnamedAddr(llvm::GlobalValue::UnnamedAddr::Global);
      variable->setAlignment(llvm::Align(1));
      constant = variable;
    }
    return constant;
  }

  llvm::Constant *tensors(llvm::ArrayRef<ModelTensor> list) {
    llvm::SmallVector<llvm::Constant *> records;
    for (const ModelTensor &tensor : list) {
      llvm::SmallVector<int64_t> dims(tensor.type.getShape());
      dims.resize(FETTLE_MAX_RANK);
      llvm::SmallVector<llvm::Constant *> dimConstants;
      for (int64_t dim : dims)
        dimConstants.push_back(wide(dim));
      records.push_back(
          record({text(tensor.name), word(findAbiType(tensor.type.getElementType())->dtype),
                  word(tensor.type.getRank()),
                  llvm::ConstantArray::get(llvm::ArrayType::get(i64, FETTLE_MAX_RANK), dimConstants),
                  wide(tensorBytes(tensor))}));
    }
    return array(records);
  }

  llvm::Constant *kernel(uint32_t index) {
    auto *type = llvm::FunctionType::get(llvm::Type::getVoidTy(context), {pointer, i64, i64}, false);
    auto *function = llvm::cast<llvm::Function>(
        module.getOrInsertFunction(model.kernels[index].symbol, type).getCallee());
    function->setVisibility(llvm::GlobalValue::HiddenVisibility);
    function->setDSOLocal(true);
    return function;
  }

  llvm::Constant *steps(const Specialization &specialization) {
    llvm::SmallVector<llvm::Constant *> records;
    for (const Step &step : specialization.steps) {
      llvm::SmallVector<llvm::Constant *> arguments;
      for (const BufferReference &argument : step.arguments)
        arguments.push_back(record({word(argument.space), word(argument.index), wide(argument.offset)}));
      records.push_back(record({text(step.name), text(model.kernels[step.kernel].kind), kernel(step.kernel),
                                array(arguments), wide(step.arguments.size()), wide(step.tiles), wide(step.macs),
                                wide(step.bytes), wide(step.nanoseconds)}));
    }
    return array(records);
  }

  llvm::Module &module;
  const CompiledModel &model;
  llvm::LLVMContext &context;
  llvm::Type *i32, *i64;
  llvm::PointerType *pointer;
  llvm::StringMap<llvm::Constant *> texts;
};

} // namespace

static_assert(int(BufferReference::Input) == FETTLE_INPUT && int(BufferReference::Output) == FETTLE_OUTPUT &&
              int(BufferReference::Arena) == FETTLE_ARENA && int(BufferReference::Weights) == FETTLE_WEIGHTS);

static llvm::Expected<std::unique_ptr<llvm::Module>> parse(llvm::LLVMContext &context, llvm::StringRef name,
                                                           const unsigned char *bitcode, unsigned long size) {
  llvm::StringRef bytes(reinterpret_cast<const char *>(bitcode), size);
  auto module = llvm::parseBitcodeFile(llvm::MemoryBufferRef(bytes, name), context);
  if (module)
    (*module)->setSourceFileName(name); // not the path it had where fettle was built
  return module;
}

llvm::Expected<std::vector<std::string>> emitModelObjects(const CompiledModel &model, llvm::StringRef identifier) {
  if (llvm::Error error = checkTensors(model))
    return error;
  if (llvm::Error error = checkSpecializations(model))
    return error;
  for (const Specialization &specialization : model.specializations)
    if (llvm::Error error = checkSteps(model, specialization))
      return error;
  llvm::LLVMContext context;
  std::vector<std::string> objects;
  auto emit = [&](llvm::StringRef name, const unsigned char *bitcode, unsigned long size,
                  llvm::function_ref<void(llvm::Module &)> extend) -> llvm::Error {
    llvm::Expected<std::unique_ptr<llvm::Module>> module = parse(context, name, bitcode, size);
    if (!module)
      return module.takeError();
    extend(**module);
    llvm::Expected<std::string> object = emitObject(**module, model.target, 2);
    if (!object)
      return object.takeError();
    objects.push_back(std::move(*object));
    return llvm::Error::success();
  };
  if (llvm::Error error = emit("model", model_runtime_bitcode, model_runtime_bitcode_size,
                               [&](llvm::Module &module) { TableBuilder(module, model).build(identifier); }))
    return error;
  if (llvm::Error error = emit("memory", memory_bitcode, memory_bitcode_size, [](llvm::Module &) {}))
    return error;
  if (llvm::Error error = emit("half", half_bitcode, half_bitcode_size, [](llvm::Module &) {}))
    return error;
  return objects;
}

} // namespace fettle::codegen
