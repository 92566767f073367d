//===- TensorData.cpp - the payload of a TensorProto ----------------------===//
//
// ONNX stores elements in one of three places: `raw_data`, a typed field
// (float_data; int32_data for everything up to 32 bits, f16 and bf16 as bit
// patterns; int64_data; double_data; uint64_data), or a file beside the model.
// Whatever the place, the result is the little-endian bytes of `raw_data`.
// The declared dims are never trusted: nothing is allocated before the payload
// has been found to be exactly as long as they say.
//
//===----------------------------------------------------------------------===//

#include "ir/onnx/TensorData.h"
#include "onnx/onnx_pb.h"
#include "llvm/ADT/SmallString.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/MathExtras.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include <cstring>

using namespace llvm;

namespace fettle::onnx {

std::string dataTypeName(DataType type) {
  static const char *const names[] = {
      "undefined",  "float32", "uint8",   "int8",   "uint16", "int16",     "int32",      "int64",    "string",
      "bool",       "float16", "float64", "uint32", "uint64", "complex64", "complex128", "bfloat16", "float8e4m3fn",
      "float8e4m3fnuz", "float8e5m2", "float8e5m2fnuz", "uint4", "int4", "float4e2m1"};
  auto index = static_cast<int32_t>(type);
  return index >= 0 && index < int32_t(std::size(names)) ? names[index] : "data type " + std::to_string(index);
}

/// Bits of one element in `raw_data`; 0 if it has no fixed size.
static int64_t elementBits(DataType type) {
  switch (type) {
  case DataType::Uint4: case DataType::Int4: case DataType::Float4E2M1:
    return 4;
  case DataType::Uint8: case DataType::Int8: case DataType::Bool:
  case DataType::Float8E4M3FN: case DataType::Float8E4M3FNUZ: case DataType::Float8E5M2: case DataType::Float8E5M2FNUZ:
    return 8;
  case DataType::Uint16: case DataType::Int16: case DataType::Float16: case DataType::Bfloat16:
    return 16;
  case DataType::Float: case DataType::Int32: case DataType::Uint32:
    return 32;
  case DataType::Int64: case DataType::Double: case DataType::Uint64: case DataType::Complex64:
    return 64;
  case DataType::Complex128:
    return 128;
  case DataType::Undefined: case DataType::String:
    return 0;
  }
  return 0;
}

int64_t packedBytes(DataType type, int64_t elements) {
  int64_t bits = elementBits(type), total;
  if (bits == 0 || MulOverflow(bits, elements, total))
    return -1;
  return total / 8 + (total % 8 != 0);
}

//===--- External files ---------------------------------------------------===//

Expected<ExternalFiles::Mapping> ExternalFiles::map(StringRef location) {
  auto refuse = [&](const Twine &why) {
    return createStringError("external data '" + location + "' " + why);
  };
  if (auto found = mapped.find(location); found != mapped.end())
    return found->second;
  if (folder.empty())
    return refuse("cannot be had: the tensor does not come from a model's folder");
  if (location.empty() || location.contains('\0') || sys::path::is_absolute(location))
    return refuse("is not a path relative to the model");
  SmallString<256> path(folder), root, target;
  sys::path::append(path, location);
  if (std::error_code error = sys::fs::real_path(folder, root))
    return refuse(error.message());
  if (std::error_code error = sys::fs::real_path(path, target))
    return refuse("cannot be read: " + error.message());
  // Both are free of links and `..` now, so a prefix of whole components decides.
  if (root.back() != '/')
    root += '/';
  if (!target.starts_with(root))
    return refuse("leaves the model's folder");
  sys::fs::file_status status;
  if (sys::fs::status(target, status) || !sys::fs::is_regular_file(status))
    return refuse("is not a regular file");
  Mapping mapping;
  if (status.getSize() > 0) {
    Expected<sys::fs::file_t> file = sys::fs::openNativeFileForRead(target);
    if (!file)
      return file.takeError();
    std::error_code error;
    auto region = std::make_shared<sys::fs::mapped_file_region>(*file, sys::fs::mapped_file_region::readonly,
                                                                status.getSize(), 0, error);
    sys::fs::closeFile(*file);
    if (error)
      return refuse("cannot be mapped: " + error.message());
    mapping = {ArrayRef<char>(region->const_data(), region->size()), region};
  }
  mapped[location] = mapping;
  return mapping;
}

static std::string readExternal(const ::onnx::TensorProto &proto, int64_t bytes, ExternalFiles &files, Tensor &tensor) {
  std::string location;
  uint64_t offset = 0, length = bytes;
  for (const auto &entry : proto.external_data()) {
    if (entry.key() == "location")
      location = entry.value();
    else if (entry.key() == "offset" && StringRef(entry.value()).getAsInteger(10, offset))
      return "external data has the offset '" + entry.value() + "'";
    else if (entry.key() == "length" && StringRef(entry.value()).getAsInteger(10, length))
      return "external data has the length '" + entry.value() + "'";
  }
  Expected<ExternalFiles::Mapping> mapping = files.map(location);
  if (!mapping)
    return toString(mapping.takeError());
  if (length != uint64_t(bytes))
    return formatv("external data is {0} bytes long, its type and shape need {1}", length, bytes);
  if (offset > mapping->bytes.size() || length > mapping->bytes.size() - offset)
    return formatv("external data '{0}' ends before byte {1}", location, offset + length);
  tensor.bytes = mapping->bytes.slice(offset, length);
  tensor.owner = mapping->owner;
  return "";
}

//===--- Typed fields -----------------------------------------------------===//

/// Stores each value of a typed field with `width` bytes.
template <typename Stored, typename Field>
static std::string storeField(const Field &field, int64_t count, StringRef fieldName, Tensor &tensor) {
  if (field.size() != count)
    return formatv("{0} holds {1} values, its type and shape need {2}", fieldName, field.size(), count);
  auto bytes = std::make_shared<std::vector<char>>(count * sizeof(Stored));
  for (int64_t i = 0; i < count; ++i) {
    Stored value = static_cast<Stored>(field.Get(i));
    std::memcpy(bytes->data() + i * sizeof(Stored), &value, sizeof(Stored));
  }
  tensor.bytes = *bytes;
  tensor.owner = bytes;
  return "";
}

static std::string readField(const ::onnx::TensorProto &proto, int64_t elements, Tensor &tensor) {
  switch (tensor.type) {
  case DataType::Float:
    return storeField<float>(proto.float_data(), elements, "float_data", tensor);
  case DataType::Complex64:
    return storeField<float>(proto.float_data(), 2 * elements, "float_data", tensor);
  case DataType::Double:
    return storeField<double>(proto.double_data(), elements, "double_data", tensor);
  case DataType::Complex128:
    return storeField<double>(proto.double_data(), 2 * elements, "double_data", tensor);
  case DataType::Int64:
    return storeField<int64_t>(proto.int64_data(), elements, "int64_data", tensor);
  case DataType::Uint64:
    return storeField<uint64_t>(proto.uint64_data(), elements, "uint64_data", tensor);
  case DataType::Uint32:
    return storeField<uint32_t>(proto.uint64_data(), elements, "uint64_data", tensor);
  case DataType::Int32:
    return storeField<int32_t>(proto.int32_data(), elements, "int32_data", tensor);
  case DataType::Uint16: case DataType::Int16: case DataType::Float16: case DataType::Bfloat16:
    return storeField<uint16_t>(proto.int32_data(), elements, "int32_data", tensor);
  case DataType::Uint8: case DataType::Int8: case DataType::Bool:
  case DataType::Float8E4M3FN: case DataType::Float8E4M3FNUZ: case DataType::Float8E5M2: case DataType::Float8E5M2FNUZ:
    return storeField<uint8_t>(proto.int32_data(), elements, "int32_data", tensor);
  case DataType::Uint4: case DataType::Int4: case DataType::Float4E2M1:
    // Two elements share one value here too.
    return storeField<uint8_t>(proto.int32_data(), elements / 2 + elements % 2, "int32_data", tensor);
  case DataType::Undefined: case DataType::String:
    break;
  }
  return "";
}

Tensor convertTensor(const ::onnx::TensorProto &proto, const std::shared_ptr<const void> &message,
                     ExternalFiles &files) {
  Tensor tensor;
  tensor.name = proto.name();
  tensor.type = static_cast<DataType>(proto.data_type());
  tensor.dims.assign(proto.dims().begin(), proto.dims().end());
  int64_t elements = 1;
  for (int64_t dim : tensor.dims)
    if (dim < 0 || MulOverflow(elements, dim, elements)) {
      tensor.problem = "has an impossible shape";
      return tensor;
    }
  if (tensor.type == DataType::String)
    return tensor;
  int64_t bytes = packedBytes(tensor.type, elements);
  if (bytes < 0) {
    tensor.problem = "has the unknown " + dataTypeName(tensor.type);
    return tensor;
  }
  if (proto.has_segment()) {
    tensor.problem = "is stored in segments";
  } else if (proto.data_location() == ::onnx::TensorProto_DataLocation_EXTERNAL) {
    tensor.problem = readExternal(proto, bytes, files, tensor);
  } else if (proto.has_raw_data()) {
    const std::string &raw = proto.raw_data();
    if (int64_t(raw.size()) != bytes)
      tensor.problem = formatv("raw_data is {0} bytes long, its type and shape need {1}", raw.size(), bytes);
    tensor.bytes = ArrayRef<char>(raw.data(), raw.size());
    tensor.owner = message;
  } else {
    tensor.problem = readField(proto, elements, tensor);
  }
  if (!tensor.problem.empty())
    tensor.bytes = {};
  return tensor;
}

} // namespace fettle::onnx
