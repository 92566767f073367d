//===- Loader.cpp - runs an artifact in this process ----------------------===//

#include "codegen/artifact/Loader.h"
#include "codegen/artifact/HostSupport.h"
#include "codegen/artifact/Sha256.h"
#include "codegen/artifact/TensorType.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include <atomic>
#include <cerrno>
#include <cstring>
#include "llvm/Support/MathExtras.h"
#include <dlfcn.h>
#include <fcntl.h>
#include <pthreadpool.h>
#include <sys/mman.h>
#include <unistd.h>

namespace fettle::codegen {

static std::string pathIn(llvm::StringRef directory, llvm::StringRef file) {
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, file);
  llvm::sys::fs::make_absolute(path);
  return path.str().str();
}

/// All files there, with their sizes; hashes where asked for, and always that of
/// the code, since a damaged library can crash the dynamic loader.
static llvm::Error checkFiles(llvm::StringRef directory, const Manifest &manifest, bool verifyAll) {
  std::string code = manifest.identifier + ".so", weights = manifest.identifier + ".weights";
  bool codeListed = false, weightsListed = false;
  for (const Manifest::File &file : manifest.files) {
    codeListed |= file.path == code;
    weightsListed |= file.path == weights && file.bytes == manifest.weightsBytes;
    std::string path = pathIn(directory, file.path);
    uint64_t bytes;
    if (std::error_code error = llvm::sys::fs::file_size(path, bytes))
      return llvm::createFileError(path, error);
    if (bytes != uint64_t(file.bytes))
      return llvm::createStringError(path + ": has " + llvm::Twine(bytes) + " bytes, and the manifest says " +
                                     llvm::Twine(file.bytes) + ": the artifact is damaged; compile the model again");
    if (!verifyAll && file.path != code)
      continue;
    llvm::Expected<std::string> hash = hashFile(path);
    if (!hash)
      return hash.takeError();
    if (*hash != file.sha256)
      return llvm::createStringError(path + ": differs from its checksum in the manifest: the artifact is damaged; "
                                            "compile the model again");
  }
  if (!codeListed || !weightsListed)
    return llvm::createStringError(directory + "/manifest.json: does not list " + (codeListed ? weights : code) +
                                   " with its size");
  return llvm::Error::success();
}

/// The dynamic loader takes a path that it has seen for the library that it has
/// loaded from there, though another artifact may have taken its place. So each
/// load spells the folder's separator differently ("/" and "/./" as binary digits);
/// files that are the same are still found to be so, by inode.
static std::string freshSpelling(llvm::StringRef path) {
  static std::atomic<uint64_t> loads{0};
  std::string separator = "/";
  for (uint64_t digits = ++loads; digits; digits >>= 1)
    separator += digits & 1 ? "./" : "/";
  return (llvm::sys::path::parent_path(path) + separator + llvm::sys::path::filename(path)).str();
}

static bool sameTensors(const fettle_tensor *tensors, int32_t count, const std::vector<Manifest::Tensor> &described) {
  if (size_t(count) != described.size())
    return false;
  for (int32_t i = 0; i < count; ++i) {
    const AbiType *type = findAbiType(described[i].dtype);
    llvm::ArrayRef<int64_t> shape(tensors[i].dims, tensors[i].rank);
    if (!type || type->dtype != tensors[i].dtype || shape != llvm::ArrayRef<int64_t>(described[i].shape) ||
        tensors[i].bytes != described[i].bytes)
      return false;
  }
  return true;
}

llvm::Error LoadedModel::loadCode(llvm::StringRef path) {
  library = dlopen(freshSpelling(path).c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return llvm::createStringError("cannot load the code: " + llvm::Twine(dlerror()));
  std::string symbol = description.identifier + "_model";
  model = static_cast<const fettle_model *>(dlsym(library, symbol.c_str()));
  if (!model)
    return llvm::createStringError(path + ": has no symbol '" + symbol + "'");
  if (model->abi_version != FETTLE_ABI_VERSION)
    return llvm::createStringError(path + ": has ABI version " + llvm::Twine(model->abi_version) +
                                   ", and this fettle knows version " + llvm::Twine(FETTLE_ABI_VERSION));
  // The list of specializations is not in the descriptors of old.
  size_t count = description.specializations.size();
  bool alike = count == 1 || size_t(model->num_specializations) == count;
  for (size_t i = 0; alike && i < count; ++i) {
    const Manifest::Specialization &described = description.specializations[i];
    const fettle_model &compiled = descriptor(i);
    alike = compiled.arena_bytes == description.arenaBytes && compiled.weights_bytes == description.weightsBytes &&
            sameTensors(compiled.inputs, compiled.num_inputs, described.inputs) &&
            sameTensors(compiled.outputs, compiled.num_outputs, described.outputs) &&
            size_t(compiled.num_steps) == described.steps.size();
  }
  if (!alike)
    return llvm::createStringError(path + ": contradicts the manifest: the artifact is damaged; compile the model again");
  return llvm::Error::success();
}

llvm::Error LoadedModel::mapWeights(llvm::StringRef path) {
  if (model->weights_bytes == 0)
    return llvm::Error::success();
  int file = ::open(path.str().c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return llvm::createFileError(path, std::error_code(errno, std::generic_category()));
  void *mapping = mmap(nullptr, model->weights_bytes, PROT_READ, MAP_PRIVATE, file, 0);
  int mapError = errno;
  ::close(file);
  if (mapping == MAP_FAILED)
    return llvm::createFileError(path, std::error_code(mapError, std::generic_category()));
  weights = mapping;
  madvise(weights, model->weights_bytes, MADV_WILLNEED);
  context.weights = weights;
  return llvm::Error::success();
}

llvm::Error LoadedModel::allocateArena() {
  if (model->arena_bytes == 0)
    return llvm::Error::success();
  void *mapping = mmap(nullptr, model->arena_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (mapping == MAP_FAILED)
    return llvm::createStringError("cannot allocate the arena of " + llvm::Twine(model->arena_bytes) +
                                   " bytes: " + std::strerror(errno));
  arena = mapping;
  // Fewer page faults in the first call; memory that is not touched is still not used.
  madvise(arena, model->arena_bytes, MADV_HUGEPAGE);
  context.arena = arena;
  return llvm::Error::success();
}

/// How many tiles are handed out at once. About four pieces a thread: enough to even out, few enough to keep the cost of
/// handing them out small; and of the sizes around that, the one with which no thread is left with much more than its
/// share (49 tiles for two threads: 7 at once make it 28 for one of them, 5 make it 25). Few tiles go one by one.
static size_t pieceSize(size_t count, size_t threads) {
  if (count < 16 * threads)
    return 1;
  size_t largest = llvm::divideCeil(count, 4 * threads), best = largest, leastLoad = count;
  for (size_t piece = largest; piece > 0 && piece + 8 > largest; --piece)
    if (size_t load = llvm::divideCeil(llvm::divideCeil(count, piece), threads) * piece; load < leastLoad) {
      leastLoad = load;
      best = piece;
    }
  return best;
}

static void parallelFor(void *pool, fettle_task task, void *taskContext, int64_t count) {
  struct Call {
    fettle_task task;
    void *context;
  } call{task, taskContext};
  auto *threads = static_cast<pthreadpool_t>(pool);
  size_t piece = pieceSize(count, pthreadpool_get_threads_count(threads));
  pthreadpool_parallelize_1d_tile_1d(
      threads,
      [](void *context, size_t start, size_t size) {
        auto *call = static_cast<Call *>(context);
        call->task(call->context, start, start + size);
      },
      &call, count, piece, /*flags=*/0);
}

/// Whether other threads are ever asked to help. Where they are not, none are started: their start and their watch for
/// work would be all that they cost and all that they do.
bool LoadedModel::sharesSteps() const {
  for (size_t i = 0; i < description.specializations.size(); ++i) {
    const fettle_model &each = descriptor(i);
    for (const fettle_step &step : llvm::ArrayRef<fettle_step>(each.steps, each.num_steps))
      if (step.tiles > 1 && step.nanoseconds >= FETTLE_NANOSECONDS_WORTH_SHARING)
        return true;
  }
  return false;
}

llvm::Expected<std::unique_ptr<LoadedModel>> LoadedModel::open(llvm::StringRef directory, const LoadOptions &options) {
  llvm::Expected<Manifest> manifest = Manifest::read(directory);
  if (!manifest)
    return manifest.takeError();
  std::unique_ptr<LoadedModel> loaded(new LoadedModel());
  loaded->description = std::move(*manifest);
  const Manifest &description = loaded->description;
  auto within = [&](llvm::Error error) {
    return error ? llvm::createStringError(directory + ": " + llvm::toString(std::move(error))) : llvm::Error::success();
  };
  if (description.opset > 0)
    return within(llvm::createStringError("it holds an ONNX model, which a runtime of ONNX takes, and no code"));
  if (llvm::Error error = within(checkHost(description.triple, description.requiredFeatures)))
    return error;
  if (llvm::Error error = checkFiles(directory, description, options.verifyChecksums))
    return error;
  if (llvm::Error error = within(loaded->loadCode(pathIn(directory, description.identifier + ".so"))))
    return error;
  if (llvm::Error error = loaded->mapWeights(pathIn(directory, description.identifier + ".weights")))
    return error;
  if (llvm::Error error = within(loaded->allocateArena()))
    return error;
  if (options.threads > 1 && loaded->sharesSteps()) {
    loaded->pool = pthreadpool_create(options.threads);
    if (!loaded->pool)
      return llvm::createStringError("cannot start " + llvm::Twine(options.threads) + " threads");
    loaded->context.parallel_for = parallelFor;
    loaded->context.parallel_context = loaded->pool;
  }
  return loaded;
}

LoadedModel::~LoadedModel() {
  if (pool)
    pthreadpool_destroy(pool);
  if (arena)
    munmap(arena, model->arena_bytes);
  if (weights)
    munmap(weights, model->weights_bytes);
  if (library)
    dlclose(library);
}

static std::vector<mlir::RankedTensorType> types(const std::vector<Manifest::Tensor> &tensors,
                                                 mlir::MLIRContext *context) {
  std::vector<mlir::RankedTensorType> result;
  for (const Manifest::Tensor &tensor : tensors)
    result.push_back(mlir::RankedTensorType::get(tensor.shape, elementType(*findAbiType(tensor.dtype), context)));
  return result;
}

const fettle_model &LoadedModel::descriptor(size_t specialization) const {
  return specialization == 0 ? *model : *model->specializations[specialization];
}

std::vector<mlir::RankedTensorType> LoadedModel::inputTypes(mlir::MLIRContext *context, size_t specialization) const {
  return types(description.specializations[specialization].inputs, context);
}

std::vector<mlir::RankedTensorType> LoadedModel::outputTypes(mlir::MLIRContext *context, size_t specialization) const {
  return types(description.specializations[specialization].outputs, context);
}

llvm::Error LoadedModel::check(int32_t status, size_t numInputs, size_t numOutputs) const {
  if (numInputs != size_t(model->num_inputs) || numOutputs != size_t(model->num_outputs))
    return llvm::createStringError("the model has " + llvm::Twine(model->num_inputs) + " inputs and " +
                                   llvm::Twine(model->num_outputs) + " outputs, and was called with " +
                                   llvm::Twine(numInputs) + " and " + llvm::Twine(numOutputs));
  switch (status) {
  case FETTLE_OK:
    return llvm::Error::success();
  case FETTLE_NULL_POINTER:
    return llvm::createStringError("the model was called with a null pointer");
  case FETTLE_MISALIGNED:
    return llvm::createStringError("the model was called with weights or arena not aligned to 64 bytes");
  default:
    return llvm::createStringError("the model returned status " + llvm::Twine(status));
  }
}

llvm::Error LoadedModel::run(llvm::ArrayRef<const void *> inputs, llvm::ArrayRef<void *> outputs,
                             size_t specialization) {
  if (llvm::Error error = check(FETTLE_OK, inputs.size(), outputs.size()))
    return error;
  return check(descriptor(specialization).run(&context, inputs.data(), outputs.data()), inputs.size(), outputs.size());
}

llvm::Error LoadedModel::runSteps(llvm::ArrayRef<const void *> inputs, llvm::ArrayRef<void *> outputs,
                                  llvm::function_ref<void(int32_t)> afterStep, size_t specialization) {
  if (llvm::Error error = check(FETTLE_OK, inputs.size(), outputs.size()))
    return error;
  const fettle_model &chosen = descriptor(specialization);
  for (int32_t step = 0; step < chosen.num_steps; ++step) {
    int32_t status = chosen.run_steps(&context, inputs.data(), outputs.data(), step, step + 1);
    if (llvm::Error error = check(status, inputs.size(), outputs.size()))
      return error;
    afterStep(step);
  }
  return llvm::Error::success();
}

llvm::Expected<size_t> LoadedModel::select(llvm::ArrayRef<HostTensor> inputs) const {
  if (llvm::Error error = check(FETTLE_OK, inputs.size(), description.first().outputs.size()))
    return std::move(error);
  Manifest::Specialization called;
  for (auto [tensor, described] : llvm::zip(inputs, description.first().inputs)) {
    const AbiType *type = findAbiType(tensor.elementType());
    if (!type || type->name != described.dtype)
      return llvm::createStringError("input '" + described.name + "' is " + described.dtype + ", and was given another type");
    called.inputs.push_back({described.name, described.dtype, tensor.shape().vec()});
  }
  for (auto [index, specialization] : llvm::enumerate(description.specializations))
    if (llvm::all_of(llvm::zip(called.inputs, specialization.inputs),
                     [](const auto &pair) { return std::get<0>(pair).shape == std::get<1>(pair).shape; }))
      return index;
  return llvm::createStringError("the model is not compiled for the shapes " + called.inputShapes() +
                                 "; there are: " + description.listShapes());
}

llvm::Expected<std::vector<HostTensor>> LoadedModel::run(llvm::ArrayRef<HostTensor> inputs,
                                                         mlir::MLIRContext *typeContext) {
  llvm::Expected<size_t> specialization = select(inputs);
  if (!specialization)
    return specialization.takeError();
  std::vector<const void *> inputPointers;
  for (const HostTensor &tensor : inputs)
    inputPointers.push_back(tensor.bytes().data());
  std::vector<HostTensor> outputs;
  std::vector<void *> outputPointers;
  for (mlir::RankedTensorType type : outputTypes(typeContext, *specialization)) {
    outputs.emplace_back(type);
    outputPointers.push_back(outputs.back().mutableBytes().data());
  }
  if (llvm::Error error = run(inputPointers, outputPointers, *specialization))
    return error;
  return outputs;
}

} // namespace fettle::codegen
