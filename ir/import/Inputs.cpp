//===- Inputs.cpp - what the model's inputs are bound to ------------------===//

#include "ir/import/Inputs.h"
#include "ir/import/Emitter.h"
#include "ir/onnx/ElementTypes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include <cmath>

using namespace mlir;

namespace fettle {

namespace {
class InputBinder {
public:
  InputBinder(MLIRContext *context, const Bindings &bindings, GraphImporter &importer)
      : context(context), bindings(bindings), importer(importer) {}

  BoundInput bind(const onnx::ValueInfo &input);
  void reportUnbound();
  void reportUnknownBindings();

private:
  void reject(const onnx::ValueInfo &input, const Twine &reason, const Twine &remedy = "") {
    importer.report({input.name, "Input", 0, reason.str(), remedy.str()});
  }
  std::optional<std::vector<int64_t>> shape(const onnx::ValueInfo &input);
  std::optional<HostTensor> parseConstant(const onnx::ValueInfo &input, Type element, StringRef text);

  MLIRContext *context;
  const Bindings &bindings;
  GraphImporter &importer;
  llvm::StringSet<> inputNames, dimNames;
  std::vector<std::string> unbound;  ///< "x (batch x 3)" for each input
  llvm::SetVector<StringRef> symbols; ///< dims that --dim can bind
  std::vector<std::string> shapeHints;
};
} // namespace

std::optional<std::vector<int64_t>> InputBinder::shape(const onnx::ValueInfo &input) {
  for (const onnx::Dim &dim : input.dims)
    if (!dim.symbol.empty())
      dimNames.insert(dim.symbol);
  auto given = bindings.shapes.find(input.name);
  if (given != bindings.shapes.end()) {
    const std::vector<int64_t> &shape = given->second;
    bool fits = !input.hasShape || shape.size() == input.dims.size();
    for (size_t i = 0; fits && i < shape.size(); ++i)
      fits = shape[i] >= 0 && (!input.hasShape || input.dims[i].value < 0 || input.dims[i].value == shape[i]);
    if (fits)
      return shape;
    std::vector<std::string> declared;
    for (const onnx::Dim &dim : input.dims)
      declared.push_back(dim.value >= 0 ? std::to_string(dim.value) : dim.symbol.empty() ? "?" : dim.symbol);
    reject(input, "cannot have the shape " + formatShape(shape) + (input.hasShape ? ": the model declares " + llvm::join(declared, "x") : ""));
    return std::nullopt;
  }
  std::vector<int64_t> shape;
  std::vector<std::string> declared, hint;
  bool known = input.hasShape, nameless = !input.hasShape;
  for (const onnx::Dim &dim : input.dims) {
    int64_t value = dim.value;
    if (value < 0 && !dim.symbol.empty())
      if (auto found = bindings.dims.find(dim.symbol); found != bindings.dims.end())
        value = found->second;
    shape.push_back(value);
    declared.push_back(value >= 0 ? std::to_string(value) : dim.symbol.empty() ? "?" : dim.symbol);
    hint.push_back(value >= 0 ? std::to_string(value) : "1");
    known &= value >= 0;
    nameless |= value < 0 && dim.symbol.empty();
    if (value < 0 && !dim.symbol.empty())
      symbols.insert(dim.symbol);
  }
  if (known)
    return shape;
  unbound.push_back("'" + input.name + "' (" + (input.hasShape ? llvm::join(declared, "x") : "of unknown rank") + ")");
  if (nameless)
    shapeHints.push_back("--shape " + input.name + "=" + (input.hasShape ? llvm::join(hint, "x") : "1x3x224x224"));
  return std::nullopt;
}

std::optional<HostTensor> InputBinder::parseConstant(const onnx::ValueInfo &input, Type element, StringRef text) {
  SmallVector<StringRef> parts;
  text.split(parts, ',');
  std::vector<int64_t> shape{int64_t(parts.size())};
  if (parts.size() == 1 && (!input.hasShape || input.dims.empty()))
    shape.clear();
  else if (input.hasShape && input.dims.size() != 1) {
    // One value per element of a declared static shape.
    shape.clear();
    for (const onnx::Dim &dim : input.dims)
      shape.push_back(dim.value >= 0 ? dim.value : bindings.dims.lookup(dim.symbol));
  }
  int64_t elements = 1;
  for (int64_t dim : shape)
    if (dim < 0 || llvm::MulOverflow(elements, dim, elements))
      elements = -1;
  if (elements != int64_t(parts.size())) {
    reject(input, "is given " + Twine(parts.size()) + " values, which do not fill its shape",
           "--const " + input.name + "=FILE takes a .npy of any shape");
    return std::nullopt;
  }
  HostTensor tensor(RankedTensorType::get(shape, element));
  for (auto [i, part] : llvm::enumerate(parts)) {
    part = part.trim();
    int64_t integer;
    double real;
    bool fits = false;
    if (element.isInteger(1) && (part == "true" || part == "false")) {
      tensor.setInteger(i, part == "true");
      fits = true;
    } else if (!isa<FloatType>(element) && !part.getAsInteger(10, integer)) {
      tensor.setInteger(i, integer);
      fits = tensor.integerAt(i) == integer && !(element.isUnsignedInteger() && integer < 0);
    } else if (isa<FloatType>(element) && !part.getAsDouble(real)) {
      tensor.setDouble(i, real);
      fits = std::isfinite(tensor.doubleAt(i)) == std::isfinite(real);
    }
    if (!fits) {
      reject(input, "cannot take the value '" + part + "': it holds " + elementTypeName(element));
      return std::nullopt;
    }
  }
  return tensor;
}

BoundInput InputBinder::bind(const onnx::ValueInfo &input) {
  BoundInput result;
  result.name = input.name;
  inputNames.insert(input.name);
  if (input.kind != "tensor") {
    reject(input, "is a " + input.kind + ", not a tensor", "export the model with plain tensors");
    return result;
  }
  Type element = elementTypeOf(context, input.type);
  if (!element) {
    reject(input, "has the element type " + onnx::dataTypeName(input.type) + ", which is not supported",
           input.type == onnx::DataType::String ? "do text processing before the model"
                                                : "export the model with float32, float16, bfloat16 or integer inputs");
    return result;
  }
  if (auto text = bindings.constantTexts.find(input.name); text != bindings.constantTexts.end()) {
    if ((result.constant = parseConstant(input, element, text->second)))
      result.type = result.constant->type();
    return result;
  }
  if (auto given = bindings.constants.find(input.name); given != bindings.constants.end()) {
    if (given->second.elementType() != element)
      reject(input, "is given " + elementTypeName(given->second.elementType()) + ", it holds " + elementTypeName(element));
    else {
      result.constant = given->second;
      result.type = given->second.type();
    }
    return result;
  }
  std::optional<std::vector<int64_t>> dims = shape(input);
  if (!dims)
    return result;
  int64_t elements = 1;
  for (int64_t dim : *dims)
    if (llvm::MulOverflow(elements, std::max<int64_t>(dim, 1), elements) || elements > int64_t(1) << 40) {
      reject(input, "has more than 2^40 elements (shape " + formatShape(*dims) + ")");
      return result;
    }
  result.type = RankedTensorType::get(*dims, element);
  return result;
}

void InputBinder::reportUnbound() {
  if (unbound.empty())
    return;
  std::vector<std::string> typed;
  for (StringRef symbol : symbols)
    typed.push_back("--dim " + symbol.str() + "=1");
  typed.insert(typed.end(), shapeHints.begin(), shapeHints.end());
  importer.report({"", "", 0, "dims without a value in the input" + std::string(unbound.size() > 1 ? "s " : " ") +
                                  llvm::join(unbound, ", "),
                   "give them, for example: " + llvm::join(typed, " ")});
}

void InputBinder::reportUnknownBindings() {
  auto known = [](const llvm::StringSet<> &names) {
    std::vector<std::string> list;
    for (StringRef name : names.keys())
      list.push_back("'" + name.str() + "'");
    llvm::sort(list);
    return list.empty() ? std::string("none") : llvm::join(list, ", ");
  };
  std::vector<Problem> found;
  for (StringRef name : bindings.dims.keys())
    if (!dimNames.contains(name))
      found.push_back({"", "", 0, "--dim binds '" + name.str() + "', which no input has",
                       "symbolic dims of the inputs: " + known(dimNames)});
  auto check = [&](const auto &map, StringRef option) {
    for (StringRef name : map.keys())
      if (!inputNames.contains(name))
        found.push_back({"", "", 0, (option + " binds '" + name + "', which is not an input").str(),
                         "inputs: " + known(inputNames)});
  };
  check(bindings.shapes, "--shape");
  check(bindings.constants, "--const");
  check(bindings.constantTexts, "--const");
  llvm::sort(found, [](const Problem &a, const Problem &b) { return a.reason < b.reason; });
  for (Problem &problem : found)
    importer.report(std::move(problem));
}

std::vector<BoundInput> bindInputs(MLIRContext *context, const onnx::Graph &graph, const Bindings &bindings,
                                   GraphImporter &importer) {
  llvm::StringSet<> weights;
  for (const onnx::Tensor &tensor : graph.initializers)
    weights.insert(tensor.name);
  InputBinder binder(context, bindings, importer);
  std::vector<BoundInput> result;
  for (const onnx::ValueInfo &input : graph.inputs)
    if (!weights.contains(input.name))
      result.push_back(binder.bind(input));
  binder.reportUnbound();
  binder.reportUnknownBindings();
  return result;
}

} // namespace fettle
