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

static void printTensors(llvm::raw_ostream &out, llvm::StringRef upper, llvm::StringRef role,
                         llvm::ArrayRef<ModelTensor> tensors) {
  llvm::StringSet<> used;
  for (auto [index, tensor] : llvm::enumerate(tensors)) {
    const AbiType &type = *findAbiType(tensor.type.getElementType());
    std::string base = llvm::StringRef(identifierCharacters(tensor.name)).upper();
    if (base.empty())
      base = std::to_string(index);
    std::string stem = base;
    for (unsigned number = 2; !used.insert(stem).second; ++number)
      stem = base + "_" + std::to_string(number);
    std::string prefix = (upper + "_" + role.upper() + "_" + stem).str();
    std::string dims = llvm::join(llvm::map_range(tensor.type.getShape(), [](int64_t dim) { return std::to_string(dim); }), ", ");
    out << "\n/* " << role << " " << index << ": " << printable(tensor.name) << ", " << type.name << " [" << dims
        << "], elements are " << type.cType << " */\n";
    out << "#define " << prefix << "_NAME \"" << printable(tensor.name) << "\"\n";
    out << "#define " << prefix << "_INDEX " << index << "\n";
    out << "#define " << prefix << "_DTYPE " << type.constant << "\n";
    out << "#define " << prefix << "_RANK " << tensor.type.getRank() << "\n";
    if (tensor.type.getRank())
      out << "#define " << prefix << "_DIMS {" << dims << "}\n";
    out << "#define " << prefix << "_ELEMENTS " << tensor.type.getNumElements() << "\n";
    out << "#define " << prefix << "_BYTES " << tensorBytes(tensor) << "\n";
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

std::string modelHeader(const CompiledModel &model, llvm::StringRef identifier) {
  std::string upper = identifier.upper();
  std::string text;
  llvm::raw_string_ostream out(text);
  // C99 comments inside the block comment are plain text; "/*" must not occur in it.
  out << llvm::formatv(opening, identifier, upper, model.target.name);
  out << "#define " << upper << "_ARENA_BYTES " << artifactArenaBytes(model) << "\n";
  out << "#define " << upper << "_WEIGHTS_BYTES " << model.weightsBytes << "\n";
  out << "#define " << upper << "_NUM_INPUTS " << model.inputs.size() << "\n";
  out << "#define " << upper << "_NUM_OUTPUTS " << model.outputs.size() << "\n";
  printTensors(out, upper, "input", model.inputs);
  printTensors(out, upper, "output", model.outputs);
  out << "\n#endif\n";
  return text;
}

} // namespace fettle::codegen
