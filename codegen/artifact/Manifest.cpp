//===- Manifest.cpp - manifest.json, written and read ---------------------===//

#include "codegen/artifact/Manifest.h"
#include "codegen/artifact/TensorType.h"
#include "ir/support/JsonText.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

namespace fettle::codegen {

/// Tells our manifests from those of others (web applications have them too).
static constexpr llvm::StringLiteral format = "fettle-artifact";

int64_t Manifest::Specialization::macs() const {
  uint64_t sum = 0; // a damaged manifest may overflow it
  for (const Step &step : steps)
    sum += step.macs;
  return sum;
}

std::string Manifest::Specialization::inputShapes() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  for (const Tensor &input : inputs) {
    os << (&input == &inputs.front() ? "" : ", ") << input.name << ' ' << (input.shape.empty() ? "scalar" : "");
    llvm::interleave(input.shape, os, "x");
  }
  return text.empty() ? "no inputs" : text;
}

std::string Manifest::shapesOf(size_t specialization) const {
  const std::vector<Tensor> &inputs = specializations[specialization].inputs;
  if (specializations.size() == 1)
    return first().inputShapes();
  Specialization telling;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (llvm::any_of(specializations,
                     [&](const Specialization &other) { return other.inputs[i].shape != inputs[i].shape; }))
      telling.inputs.push_back(inputs[i]);
  return telling.inputShapes();
}

std::string Manifest::listShapes() const {
  std::string text;
  for (size_t i = 0; i < specializations.size(); ++i)
    text += (i ? "; " : "") + shapesOf(i);
  return text;
}

/// JSON is UTF-8; ONNX names may hold any bytes.
static std::string utf8(llvm::StringRef text) { return llvm::json::isUTF8(text) ? text.str() : llvm::json::fixUTF8(text); }

static llvm::json::Array tensorsToJson(const std::vector<Manifest::Tensor> &tensors) {
  llvm::json::Array array;
  for (const Manifest::Tensor &tensor : tensors)
    array.push_back(llvm::json::Object{{"name", utf8(tensor.name)},
                                       {"dtype", tensor.dtype},
                                       {"shape", llvm::json::Array(tensor.shape)},
                                       {"bytes", tensor.bytes}});
  return array;
}

static llvm::json::Array stepsToJson(const std::vector<Manifest::Step> &steps) {
  llvm::json::Array array;
  for (const Manifest::Step &step : steps)
    array.push_back(llvm::json::Object{{"name", utf8(step.name)},
                                       {"kind", step.kind},
                                       {"kernel", step.kernel},
                                       {"tiles", step.tiles},
                                       {"macs", step.macs},
                                       {"bytes", step.bytes},
                                       {"multiplies", step.multiplies}});
  return array;
}

/// What a specialization has of its own, besides the shapes of its inputs.
static void addSpecialization(const Manifest::Specialization &specialization, llvm::json::Object &object) {
  object["outputs"] = tensorsToJson(specialization.outputs);
  object["steps"] = stepsToJson(specialization.steps);
  object["macs"] = specialization.macs();
  if (!specialization.goldenInputs.empty() || !specialization.goldenOutputs.empty())
    object["golden"] = llvm::json::Object{{"inputs", llvm::json::Array(specialization.goldenInputs)},
                                          {"outputs", llvm::json::Array(specialization.goldenOutputs)}};
}

/// The first one's own facts stand at the top of the document.
static llvm::json::Array specializationsToJson(const std::vector<Manifest::Specialization> &specializations) {
  llvm::json::Array array;
  for (const Manifest::Specialization &specialization : specializations) {
    llvm::json::Object shapes;
    for (const Manifest::Tensor &input : specialization.inputs)
      shapes[utf8(input.name)] = llvm::json::Array(input.shape);
    llvm::json::Object object{{"inputs", std::move(shapes)}};
    if (&specialization != &specializations.front())
      addSpecialization(specialization, object);
    array.push_back(std::move(object));
  }
  return array;
}

std::string Manifest::print() const {
  llvm::json::Array fileArray;
  for (const File &file : files)
    fileArray.push_back(llvm::json::Object{{"path", file.path}, {"bytes", file.bytes}, {"sha256", file.sha256}});
  llvm::json::Object hashes;
  for (auto [key, value] : {std::pair("model", &modelHash), std::pair("recipe", &recipeHash), std::pair("data", &dataHash)})
    if (!value->empty())
      hashes[key] = *value;

  llvm::json::Object document(details);
  document["format"] = format;
  document["format_version"] = formatVersion;
  document["name"] = utf8(name);
  document["identifier"] = identifier;
  document["version"] = utf8(version);
  if (opset > 0)
    document["target"] = llvm::json::Object{{"name", targetName}, {"opset", opset}};
  else
    document["target"] = llvm::json::Object{{"name", targetName},
                                            {"triple", triple},
                                            {"cpu", cpu},
                                            {"features", features},
                                            {"required_features", llvm::json::Array(requiredFeatures)},
                                            {"vector_bytes", vectorBytes}};
  document["inputs"] = tensorsToJson(first().inputs);
  addSpecialization(first(), document);
  document["specializations"] = specializationsToJson(specializations);
  document["kernels"] = numKernels;
  document["arena_bytes"] = arenaBytes;
  document["weights_bytes"] = weightsBytes;
  document["files"] = std::move(fileArray);
  document["hashes"] = std::move(hashes);
  // llvm::json prints the keys of an object sorted.
  return llvm::formatv("{0:2}\n", llvm::json::Value(std::move(document)));
}

static bool fromJSON(const llvm::json::Value &value, Manifest::Tensor &tensor, llvm::json::Path path) {
  llvm::json::ObjectMapper mapper(value, path);
  return mapper && mapper.map("name", tensor.name) && mapper.map("dtype", tensor.dtype) &&
         mapper.map("shape", tensor.shape) && mapper.map("bytes", tensor.bytes);
}

static bool fromJSON(const llvm::json::Value &value, Manifest::Step &step, llvm::json::Path path) {
  llvm::json::ObjectMapper mapper(value, path);
  return mapper && mapper.map("name", step.name) && mapper.map("kind", step.kind) && mapper.map("kernel", step.kernel) &&
         mapper.map("tiles", step.tiles) && mapper.map("macs", step.macs) && mapper.map("bytes", step.bytes) &&
         mapper.mapOptional("multiplies", step.multiplies);
}

static bool fromJSON(const llvm::json::Value &value, Manifest::File &file, llvm::json::Path path) {
  llvm::json::ObjectMapper mapper(value, path);
  return mapper && mapper.map("path", file.path) && mapper.map("bytes", file.bytes) && mapper.map("sha256", file.sha256);
}

/// What addSpecialization writes.
static bool readSpecialization(const llvm::json::Value &value, Manifest::Specialization &specialization,
                               llvm::json::Path path) {
  llvm::json::ObjectMapper mapper(value, path);
  if (!mapper || !mapper.map("outputs", specialization.outputs) || !mapper.map("steps", specialization.steps))
    return false;
  const llvm::json::Value *golden = value.getAsObject()->get("golden");
  if (!golden)
    return true;
  llvm::json::ObjectMapper goldenMapper(*golden, path.field("golden"));
  return goldenMapper && goldenMapper.map("inputs", specialization.goldenInputs) &&
         goldenMapper.map("outputs", specialization.goldenOutputs);
}

/// Gives `tensor` another shape, and the bytes that go with it.
static bool reshape(Manifest::Tensor &tensor, std::vector<int64_t> shape) {
  const AbiType *type = findAbiType(tensor.dtype);
  int64_t bytes = type ? type->bytes : 0;
  for (int64_t extent : shape)
    if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes))
      return false;
  tensor.shape = std::move(shape);
  tensor.bytes = bytes;
  return true;
}

/// The specializations after the first.
static bool readSpecializations(const llvm::json::Value &value, Manifest &manifest, llvm::json::Path path) {
  const llvm::json::Array *array = value.getAsArray();
  if (!array || array->empty()) {
    path.report("expected the input shapes of at least one specialization");
    return false;
  }
  for (size_t i = 1; i < array->size(); ++i) {
    llvm::json::Path here = path.index(i);
    Manifest::Specialization specialization;
    specialization.inputs = manifest.first().inputs;
    if (!readSpecialization((*array)[i], specialization, here))
      return false;
    const llvm::json::Object *shapes = (*array)[i].getAsObject()->getObject("inputs");
    for (Manifest::Tensor &input : specialization.inputs) {
      const llvm::json::Value *shape = shapes ? shapes->get(utf8(input.name)) : nullptr;
      std::vector<int64_t> extents;
      if (!shape || !fromJSON(*shape, extents, here.field("inputs")) || !reshape(input, std::move(extents))) {
        here.field("inputs").report("expected the shape of every input");
        return false;
      }
    }
    manifest.specializations.push_back(std::move(specialization));
  }
  return true;
}

static bool readDocument(const llvm::json::Value &value, Manifest &manifest, llvm::json::Path path) {
  const llvm::json::Object &document = *value.getAsObject();
  llvm::json::ObjectMapper mapper(value, path);
  if (!mapper || !mapper.map("name", manifest.name) || !mapper.map("identifier", manifest.identifier) ||
      !mapper.map("version", manifest.version) || !mapper.map("inputs", manifest.first().inputs) ||
      !mapper.map("kernels", manifest.numKernels) || !mapper.map("arena_bytes", manifest.arenaBytes) ||
      !mapper.map("weights_bytes", manifest.weightsBytes) || !mapper.map("files", manifest.files) ||
      !readSpecialization(value, manifest.first(), path))
    return false;
  if (const llvm::json::Value *specializations = document.get("specializations"))
    if (!readSpecializations(*specializations, manifest, path.field("specializations")))
      return false;
  const llvm::json::Value *target = document.get("target");
  if (!target) {
    path.field("target").report("missing");
    return false;
  }
  llvm::json::ObjectMapper targetMapper(*target, path.field("target"));
  if (!targetMapper || !targetMapper.map("name", manifest.targetName) || !targetMapper.mapOptional("opset", manifest.opset))
    return false;
  bool hasCode = manifest.opset <= 0;
  if (hasCode && (!targetMapper.map("triple", manifest.triple) || !targetMapper.map("cpu", manifest.cpu) ||
                  !targetMapper.map("features", manifest.features) ||
                  !targetMapper.map("required_features", manifest.requiredFeatures) ||
                  !targetMapper.map("vector_bytes", manifest.vectorBytes)))
    return false;
  if (const llvm::json::Object *hashes = document.getObject("hashes")) {
    manifest.modelHash = hashes->getString("model").value_or("").str();
    manifest.recipeHash = hashes->getString("recipe").value_or("").str();
    manifest.dataHash = hashes->getString("data").value_or("").str();
  }
  return true;
}

/// Symbols and file names are made of it.
static bool isIdentifier(llvm::StringRef name) {
  return !name.empty() && !llvm::isDigit(name[0]) &&
         llvm::all_of(name, [](char character) { return llvm::isAlnum(character) || character == '_'; });
}

static bool staysInside(llvm::StringRef path) {
  return !llvm::sys::path::is_absolute(path) &&
         llvm::none_of(llvm::make_range(llvm::sys::path::begin(path), llvm::sys::path::end(path)),
                       [](llvm::StringRef component) { return component == ".."; });
}

llvm::Expected<Manifest> Manifest::parse(llvm::StringRef text) {
  llvm::Expected<llvm::json::Value> value = parseJson(text);
  if (!value)
    return value.takeError();
  llvm::json::Object *document = value->getAsObject();
  if (!document || document->getString("format") != llvm::StringRef(format))
    return llvm::createStringError("not the manifest of a fettle artifact");
  std::optional<int64_t> version = document->getInteger("format_version");
  if (version != formatVersion)
    return llvm::createStringError("the artifact has format version " +
                                   (version ? std::to_string(*version) : std::string("(none)")) +
                                   ", and this fettle reads version " + std::to_string(formatVersion) +
                                   ": compile the model again");
  Manifest manifest;
  llvm::json::Path::Root root("manifest");
  if (!readDocument(*value, manifest, root))
    return root.getError();
  if (manifest.arenaBytes < 0 || manifest.weightsBytes < 0)
    return llvm::createStringError("manifest: negative size");
  for (const Specialization &specialization : manifest.specializations)
    for (const std::vector<Tensor> *tensors : {&specialization.inputs, &specialization.outputs})
      for (const Tensor &tensor : *tensors)
        if (llvm::any_of(tensor.shape, [](int64_t extent) { return extent < 0; }))
          return llvm::createStringError("manifest: '" + tensor.name + "' has a negative extent");
  if (!isIdentifier(manifest.identifier))
    return llvm::createStringError("manifest: 'identifier' is not one");
  for (const File &file : manifest.files)
    if (!staysInside(file.path))
      return llvm::createStringError("manifest: the file '" + file.path + "' would lie outside the folder");
  for (llvm::StringRef key : {"format", "format_version", "name", "identifier", "version", "target", "inputs", "outputs",
                              "specializations", "steps", "kernels", "macs", "arena_bytes", "weights_bytes", "files",
                              "hashes", "golden"})
    document->erase(key);
  manifest.details = std::move(*document);
  return manifest;
}

llvm::Expected<Manifest> Manifest::read(llvm::StringRef directory) {
  llvm::SmallString<128> path(directory);
  llvm::sys::path::append(path, "manifest.json");
  llvm::ErrorOr<std::unique_ptr<llvm::MemoryBuffer>> buffer = llvm::MemoryBuffer::getFile(path, /*IsText=*/false);
  if (!buffer)
    return llvm::createFileError(path, buffer.getError());
  llvm::Expected<Manifest> manifest = parse((*buffer)->getBuffer());
  if (!manifest)
    return llvm::createStringError(path + ": " + llvm::toString(manifest.takeError()));
  return manifest;
}

} // namespace fettle::codegen
