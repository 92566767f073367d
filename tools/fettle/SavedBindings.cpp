//===- SavedBindings.cpp - bindings in a manifest -------------------------===//

#include "tools/fettle/SavedBindings.h"
#include "codegen/artifact/TensorType.h"
#include <cmath>

namespace fettle::cli {

/// Larger constants are weights, not bindings, and have no place in a manifest.
static constexpr int64_t maxSavedElements = 4096;

/// A single value as it is, several as an array.
template <typename T> static llvm::json::Value valuesToJson(const std::vector<T> &values) {
  return values.size() == 1 ? llvm::json::Value(values.front()) : llvm::json::Array(values);
}

/// Floats that JSON has no numbers for are words.
static llvm::json::Array floatsToJson(const HostTensor &tensor) {
  llvm::json::Array array;
  for (double value : tensor.doubles())
    array.push_back(std::isfinite(value) ? llvm::json::Value(value) : std::isnan(value) ? "nan" : value > 0 ? "inf" : "-inf");
  return array;
}

llvm::json::Object bindingsToJson(const BindingChoices &bindings) {
  llvm::json::Object dims, shapes, texts, constants;
  for (const auto &[name, values] : bindings.dims)
    if (llvm::json::isUTF8(name))
      dims[name] = valuesToJson(values);
  for (const auto &[name, values] : bindings.shapes)
    if (llvm::json::isUTF8(name))
      shapes[name] = valuesToJson(values);
  for (const auto &entry : bindings.constantTexts)
    if (llvm::json::isUTF8(entry.first()) && llvm::json::isUTF8(entry.second))
      texts[entry.first().str()] = entry.second;
  for (const auto &entry : bindings.constants) {
    if (!llvm::json::isUTF8(entry.first()))
      continue;
    const HostTensor &tensor = entry.second;
    const codegen::AbiType *type = codegen::findAbiType(tensor.elementType());
    llvm::json::Object saved{{"shape", llvm::json::Array(tensor.shape())}};
    if (type && tensor.numElements() <= maxSavedElements) {
      saved["dtype"] = type->name;
      if (llvm::isa<mlir::FloatType>(tensor.elementType()))
        saved["values"] = floatsToJson(tensor);
      else
        saved["values"] = llvm::json::Array(tensor.integers());
    }
    constants[entry.first().str()] = std::move(saved);
  }
  return llvm::json::Object{{"dims", std::move(dims)},
                            {"shapes", std::move(shapes)},
                            {"constant_texts", std::move(texts)},
                            {"constants", std::move(constants)}};
}

static std::optional<HostTensor> readConstant(mlir::MLIRContext &context, const llvm::json::Object &saved) {
  const llvm::json::Array *shape = saved.getArray("shape"), *values = saved.getArray("values");
  const codegen::AbiType *type = codegen::findAbiType(saved.getString("dtype").value_or(""));
  if (!shape || !values || !type)
    return std::nullopt;
  std::vector<int64_t> extents;
  int64_t count = 1;
  for (const llvm::json::Value &extent : *shape) {
    extents.push_back(extent.getAsInteger().value_or(-1));
    if (extents.back() < 0 || __builtin_mul_overflow(count, extents.back(), &count))
      return std::nullopt;
  }
  if (count != int64_t(values->size()))
    return std::nullopt;
  HostTensor tensor(mlir::RankedTensorType::get(extents, codegen::elementType(*type, &context)));
  for (int64_t i = 0; i < count; ++i) {
    const llvm::json::Value &value = (*values)[i];
    double number = value.getAsNumber().value_or(0);
    if (auto word = value.getAsString(); word && word->getAsDouble(number))
      return std::nullopt;
    if (llvm::isa<mlir::FloatType>(tensor.elementType()))
      tensor.setDouble(i, number);
    else
      tensor.setInteger(i, value.getAsInteger().value_or(0));
  }
  return tensor;
}

/// What valuesToJson made of numbers (or of one shape); empty if it is something else.
static std::vector<int64_t> readNumbers(const llvm::json::Value &saved) {
  if (auto value = saved.getAsInteger())
    return {*value};
  std::vector<int64_t> values;
  if (const llvm::json::Array *array = saved.getAsArray())
    for (const llvm::json::Value &value : *array)
      values.push_back(value.getAsInteger().value_or(0));
  return values;
}

static std::vector<std::vector<int64_t>> readShapes(const llvm::json::Value &saved) {
  const llvm::json::Array *array = saved.getAsArray();
  if (!array || array->empty() || !array->front().getAsArray())
    return {readNumbers(saved)};
  std::vector<std::vector<int64_t>> shapes;
  for (const llvm::json::Value &shape : *array)
    shapes.push_back(readNumbers(shape));
  return shapes;
}

void inheritBindings(mlir::MLIRContext &context, const llvm::json::Object &saved, BindingChoices &bindings) {
  if (const llvm::json::Object *dims = saved.getObject("dims"))
    for (const auto &[name, extents] : *dims)
      if (std::vector<int64_t> values = readNumbers(extents); !values.empty())
        bindings.dims.try_emplace(name.str(), std::move(values));
  if (const llvm::json::Object *shapes = saved.getObject("shapes"))
    for (const auto &[name, shape] : *shapes)
      bindings.shapes.try_emplace(name.str(), readShapes(shape));
  auto isBound = [&](llvm::StringRef name) {
    return bindings.constants.count(name) || bindings.constantTexts.count(name);
  };
  if (const llvm::json::Object *texts = saved.getObject("constant_texts"))
    for (const auto &[name, text] : *texts)
      if (auto value = text.getAsString(); value && !isBound(name))
        bindings.constantTexts[name] = value->str();
  if (const llvm::json::Object *constants = saved.getObject("constants"))
    for (const auto &[name, constant] : *constants)
      if (const llvm::json::Object *object = constant.getAsObject(); object && !isBound(name))
        if (auto tensor = readConstant(context, *object))
          bindings.constants[name] = std::move(*tensor);
}

} // namespace fettle::cli
