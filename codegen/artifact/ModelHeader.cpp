//===- ModelHeader.cpp - the C header of one model ------------------------===//

#include "codegen/artifact/ModelHeader.h"
#include "codegen/artifact/ModelObject.h"
#include "codegen/artifact/TensorType.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/raw_ostream.h"

namespace fettle::codegen {

static std::string identifierCharacters(llvm::StringRef name) {
  std::string result;
  for (char character : name) {
    bool keep = llvm::isAlnum(character);
    if (keep || (!result.empty() && result.back() != '_'))
      result += keep ? character : '_';
  }
  while (!result.empty() && result.back() == '_')
    result.pop_back();
  return result;
}

std::string modelIdentifier(llvm::StringRef name) {
  std::string result = identifierCharacters(name);
  if (result.empty())
    return "model";
  bool taken = llvm::StringRef(result).starts_with("fettle_"); // fettle_abi.h
  return taken || llvm::isDigit(result[0]) ? "model_" + result : result;
}

/// A name as it may stand in a comment or a string literal.
static std::string printable(llvm::StringRef name) {
  std::string result;
  for (char character : name)
    result += llvm::isPrint(character) && character != '"' && character != '\\' && character != '*' ? character : '?';
  return result;
}

static std::string dimsOf(const ModelTensor &tensor) {
  return llvm::join(llvm::map_range(tensor.type.getShape(), [](int64_t dim) { return std::to_string(dim); }), ", ");
}

/// The macros of input or output `index`. Where its shape depends on the specialization, macros of the shape are
/// numbered, and ELEMENTS and BYTES without a number stand for the largest.
static void printTensor(llvm::raw_ostream &out, llvm::StringRef prefix, llvm::StringRef role, size_t index,
                        llvm::ArrayRef<const ModelTensor *> variants) {
  const ModelTensor &tensor = *variants.front();
  const AbiType &type = *findAbiType(tensor.type.getElementType());
  auto allAgree = [&](auto fact) {
    return llvm::all_of(variants, [&](const ModelTensor *other) { return fact(other->type) == fact(tensor.type); });
  };
  bool sameRank = allAgree([](mlir::RankedTensorType type) { return type.getRank(); });
  bool sameShape = allAgree([](mlir::RankedTensorType type) { return type; });
  auto define = [&](llvm::StringRef fact, const llvm::Twine &value) {
    out << "#define " << prefix << '_' << fact << ' ' << value << '\n';
  };

  std::vector<std::string> shapes;
  for (const ModelTensor *variant : sameShape ? variants.take_front() : variants)
    shapes.push_back("[" + dimsOf(*variant) + "]");
  out << "\n/* " << role << " " << index << ": " << printable(tensor.name) << ", " << type.name << " "
      << llvm::join(shapes, " or ") << ", elements are " << type.cType << " */\n";
  define("NAME", '"' + printable(tensor.name) + '"');
  define("INDEX", llvm::Twine(index));
  define("DTYPE", type.constant);
  if (sameRank)
    define("RANK", llvm::Twine(tensor.type.getRank()));
  if (sameShape && tensor.type.getRank())
    define("DIMS", "{" + dimsOf(tensor) + "}");
  int64_t most = 0;
  for (auto [number, variant] : llvm::enumerate(variants)) {
    int64_t elements = variant->type.getNumElements();
    most = std::max(most, elements);
    if (sameShape)
      continue;
    std::string suffix = "_" + std::to_string(number);
    if (!sameRank)
      define("RANK" + suffix, llvm::Twine(variant->type.getRank()));
    if (variant->type.getRank())
      define("DIMS" + suffix, "{" + dimsOf(*variant) + "}");
    define("ELEMENTS" + suffix, llvm::Twine(elements));
    define("BYTES" + suffix, llvm::Twine(elements * type.bytes));
  }
  define("ELEMENTS", llvm::Twine(most));
  define("BYTES", llvm::Twine(most * type.bytes));
}

static void printTensors(llvm::raw_ostream &out, llvm::StringRef upper, llvm::StringRef role, const CompiledModel &model,
                         std::vector<ModelTensor> Specialization::*list) {
  llvm::StringSet<> used;
  for (auto [index, tensor] : llvm::enumerate(model.first().*list)) {
    std::string base = llvm::StringRef(identifierCharacters(tensor.name)).upper();
    if (base.empty())
      base = std::to_string(index);
    std::string stem = base;
    for (unsigned number = 2; !used.insert(stem).second; ++number)
      stem = base + "_" + std::to_string(number);
    std::vector<const ModelTensor *> variants;
    for (const Specialization &specialization : model.specializations)
      variants.push_back(&(specialization.*list)[index]);
    printTensor(out, (upper + "_" + role.upper() + "_" + stem).str(), role, index, variants);
  }
}

// {0}: identifier, {1}: its upper case, {2}: target.
static constexpr const char *opening = R"(/*===- {0}.h - a model compiled by fettle for {2} ---
 *
 * Link {0}.o, or link or load {0}.so; both export {0}_model and nothing else,
 * and need no other library. {0}.weights is the weights file.
 *
 *   static char weights[{1}_WEIGHTS_BYTES + 64], arena[{1}_ARENA_BYTES + 64]; // align both to 64 bytes
 *   fettle_context context = {{weights, arena, 0, 0};   // no parallel_for: runs in the calling thread
 *   const void *inputs[{1}_NUM_INPUTS] = {{...};        // in the order of the _INDEX constants
 *   void *outputs[{1}_NUM_OUTPUTS] = {{...};
 *   int32_t status = {0}_model.run(&context, inputs, outputs);   // FETTLE_OK, or an enum fettle_status
 *
 * Weights may be an mmap of the file. Calls may run at once, each with an arena of its own.
 *
 *===-----------------------------------------------------------------------*/
#ifndef {1}_H
#define {1}_H

#include "fettle_abi.h"

#ifdef __cplusplus
extern "C" {{
#endif

extern const fettle_model {0}_model;

#ifdef __cplusplus
}
#endif

)";

// {0}: identifier, {1}: its upper case.
static constexpr const char *choice =
    R"(/* The model is compiled for several input shapes; {0}_model is the first of them. For another one:
 *
 *   const int64_t *dims[{1}_NUM_INPUTS] = {{...};       // the extents of each input
 *   const fettle_model *model;
 *   int32_t status = {0}_model.select(dims, &model);   // FETTLE_NO_SUCH_SHAPE where there is none
 *   status = model->run(&context, inputs, outputs);
 *
 * or model = {0}_model.specializations[I]: macros of what depends on it end in _I, and _ELEMENTS and _BYTES without
 * a number are those of the largest. Weights and arena serve all. */
)";

std::string modelHeader(const CompiledModel &model, llvm::StringRef identifier) {
  std::string upper = identifier.upper();
  std::string text;
  llvm::raw_string_ostream out(text);
  // C99 comments inside the block comment are plain text; "/*" must not occur in it.
  out << llvm::formatv(opening, identifier, upper, model.target.name);
  out << "#define " << upper << "_ARENA_BYTES " << artifactArenaBytes(model) << "\n";
  out << "#define " << upper << "_WEIGHTS_BYTES " << model.weightsBytes << "\n";
  out << "#define " << upper << "_NUM_INPUTS " << model.first().inputs.size() << "\n";
  out << "#define " << upper << "_NUM_OUTPUTS " << model.first().outputs.size() << "\n";
  if (model.specializations.size() > 1) {
    out << "\n" << llvm::formatv(choice, identifier, upper);
    out << "#define " << upper << "_NUM_SPECIALIZATIONS " << model.specializations.size() << "\n";
  }
  printTensors(out, upper, "input", model, &Specialization::inputs);
  printTensors(out, upper, "output", model, &Specialization::outputs);
  out << "\n#endif\n";
  return text;
}

} // namespace fettle::codegen
