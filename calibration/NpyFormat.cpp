//===- NpyFormat.cpp - numpy's array format -------------------------------===//

#include "calibration/NpyFormat.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/CheckedArithmetic.h"
#include <cstring>

using namespace mlir;

namespace fettle::calibration {

static constexpr char npyMagic[] = "\x93NUMPY";
static constexpr size_t npyMagicBytes = 6;
static constexpr size_t maxRank = 64;

static llvm::Error damaged(const llvm::Twine &what) { return llvm::createStringError("damaged numpy array: " + what); }

namespace {
/// The dictionary of a .npy header.
struct HeaderDictionary {
  StringRef descr;
  bool fortranOrder = false;
  std::vector<int64_t> shape;
};

/// Reads {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class HeaderReader {
public:
  explicit HeaderReader(StringRef text) : rest(text) {}

  llvm::Expected<HeaderDictionary> read() {
    HeaderDictionary header;
    bool seenDescr = false, seenOrder = false, seenShape = false;
    if (!eat("{"))
      return damaged("the header is not a dictionary");
    while (!eat("}")) {
      StringRef key;
      if (!readString(key) || !eat(":"))
        return damaged("the header's dictionary cannot be read");
      bool good;
      if (key == "descr") {
        skipSpace();
        if (rest.starts_with("["))
          return llvm::createStringError("arrays of records are not supported");
        good = seenDescr = readString(header.descr);
      } else if (key == "fortran_order") {
        good = seenOrder = readBoolean(header.fortranOrder);
      } else if (key == "shape") {
        good = seenShape = readShape(header.shape);
      } else {
        return damaged("unknown header key '" + key + "'");
      }
      if (!good)
        return damaged("header key '" + key + "' has no legible value");
      eat(",");
    }
    if (!seenDescr || !seenOrder || !seenShape)
      return damaged("the header must have 'descr', 'fortran_order' and 'shape'");
    return header;
  }

private:
  void skipSpace() { rest = rest.ltrim(" \t\r\n"); }
  bool eat(StringRef token) {
    skipSpace();
    return rest.consume_front(token);
  }
  bool readString(StringRef &value) {
    skipSpace();
    if (rest.empty() || (rest.front() != '\'' && rest.front() != '"'))
      return false;
    size_t close = rest.find(rest.front(), 1);
    if (close == StringRef::npos)
      return false;
    value = rest.slice(1, close);
    rest = rest.drop_front(close + 1);
    return true;
  }
  bool readBoolean(bool &value) {
    value = eat("True");
    return value || eat("False");
  }
  bool readShape(std::vector<int64_t> &shape) {
    if (!eat("("))
      return false;
    while (!eat(")")) {
      int64_t extent;
      skipSpace();
      if (rest.consumeInteger(10, extent) || extent < 0 || shape.size() == maxRank)
        return false;
      rest.consume_front("L"); // Python 2 wrote long integers so
      shape.push_back(extent);
      if (!eat(",") && !rest.ltrim().starts_with(")"))
        return false;
    }
    return true;
  }

  StringRef rest;
};
} // namespace

/// The element type of "<f4" and the like; null for those we do not take.
static Type parseDescr(MLIRContext &context, StringRef descr, bool &bigEndian) {
  if (descr.empty())
    return {};
  bigEndian = descr.front() == '>';
  if (StringRef("<>|=").contains(descr.front()))
    descr = descr.drop_front();
  Builder b(&context);
  auto unsignedType = [&](unsigned width) { return IntegerType::get(&context, width, IntegerType::Unsigned); };
  return llvm::StringSwitch<Type>(descr)
      .Case("f2", b.getF16Type())
      .Case("f4", b.getF32Type())
      .Case("f8", b.getF64Type())
      .Case("V2", b.getBF16Type())
      .Case("i1", b.getIntegerType(8))
      .Case("i2", b.getIntegerType(16))
      .Case("i4", b.getIntegerType(32))
      .Case("i8", b.getIntegerType(64))
      .Case("u1", unsignedType(8))
      .Case("u2", unsignedType(16))
      .Case("u4", unsignedType(32))
      .Case("u8", unsignedType(64))
      .Case("b1", b.getI1Type())
      .Default({});
}

/// Copies Fortran-ordered elements into row-major order.
static void copyFromFortranOrder(ArrayRef<int64_t> shape, int64_t elementSize, const char *from, char *to) {
  int64_t rank = shape.size(), count = 1;
  SmallVector<int64_t> stride(rank), index(rank, 0);
  for (int64_t axis = 0; axis < rank; ++axis) {
    stride[axis] = count;
    count *= shape[axis];
  }
  for (int64_t i = 0, offset = 0; i < count; ++i) {
    std::memcpy(to + i * elementSize, from + offset * elementSize, elementSize);
    for (int64_t axis = rank - 1; axis >= 0; --axis) {
      offset += stride[axis];
      if (++index[axis] < shape[axis])
        break;
      offset -= stride[axis] * shape[axis];
      index[axis] = 0;
    }
  }
}

llvm::Expected<NpyHeader> readNpyHeader(MLIRContext &context, ArrayRef<char> bytes) {
  StringRef file(bytes.data(), bytes.size());
  if (!file.starts_with(StringRef(npyMagic, npyMagicBytes)) || file.size() < 10)
    return damaged("it does not begin with the numpy mark");
  uint8_t version = file[6];
  if (version < 1 || version > 3)
    return damaged("format version " + llvm::Twine(version) + " is unknown");
  size_t lengthBytes = version == 1 ? 2 : 4, length = 0;
  if (file.size() < 8 + lengthBytes)
    return damaged("it ends within its header");
  for (size_t i = 0; i < lengthBytes; ++i)
    length |= size_t(uint8_t(file[8 + i])) << (8 * i);
  NpyHeader header;
  header.begin = 8 + lengthBytes + length;
  if (header.begin > mostNpyHeaderBytes)
    return damaged("its header is longer than any");
  if (header.begin > file.size())
    return damaged("it ends within its header");

  auto dictionary = HeaderReader(file.slice(8 + lengthBytes, header.begin)).read();
  if (!dictionary)
    return dictionary.takeError();
  Type element = parseDescr(context, dictionary->descr, header.isBigEndian);
  if (!element)
    return llvm::createStringError("elements of numpy type '" + dictionary->descr +
                                   "' are not supported (b1, i1-i8, u1-u8, f2-f8 are)");

  int64_t size = elementBytes(element);
  bool isEmpty = llvm::is_contained(dictionary->shape, 0);
  for (int64_t extent : dictionary->shape) {
    auto product = llvm::checkedMul(size, isEmpty ? 1 : extent);
    if (!product)
      return damaged("the shape is larger than any memory");
    size = *product;
  }
  header.type = RankedTensorType::get(dictionary->shape, element);
  header.isFortranOrder = dictionary->fortranOrder;
  header.end = header.begin + (isEmpty ? 0 : size);
  return header;
}

llvm::Expected<HostTensor> parseNpy(MLIRContext &context, ArrayRef<char> bytes, std::shared_ptr<const void> owner) {
  auto header = readNpyHeader(context, bytes);
  if (!header)
    return header.takeError();
  if (bytes.size() != header->end)
    return damaged("the shape needs " + llvm::Twine(header->end - header->begin) + " bytes, there are " +
                   llvm::Twine(bytes.size() - header->begin));
  ArrayRef<char> data = bytes.drop_front(header->begin);
  Type element = header->type.getElementType();
  int64_t elementSize = elementBytes(element);
  bool isBoolean = element.isInteger(1);
  bool reorder = header->isFortranOrder && header->type.getRank() > 1 && !data.empty();
  bool swap = header->isBigEndian && elementSize > 1;
  bool strayBoolean = isBoolean && llvm::any_of(data, [](char c) { return c & ~1; });
  if (!reorder && !swap && !strayBoolean)
    return HostTensor(header->type, data, std::move(owner));

  HostTensor tensor(header->type);
  char *to = tensor.mutableBytes().data();
  if (reorder)
    copyFromFortranOrder(header->type.getShape(), elementSize, data.data(), to);
  else
    std::memcpy(to, data.data(), data.size());
  if (swap)
    for (size_t at = 0; at < data.size(); at += elementSize)
      std::reverse(to + at, to + at + elementSize);
  if (isBoolean)
    for (char &c : tensor.mutableBytes())
      c = c != 0;
  return tensor;
}

/// numpy's name of the type that holds `element` in a file.
static StringRef npyDescr(Type element) {
  if (element.isBF16() || element.isF32())
    return "<f4";
  if (element.isF16())
    return "<f2";
  if (element.isF64())
    return "<f8";
  if (element.isInteger(1))
    return "|b1";
  bool isUnsigned = element.isUnsignedInteger();
  switch (elementBytes(element)) {
  case 1:
    return isUnsigned ? "|u1" : "|i1";
  case 2:
    return isUnsigned ? "<u2" : "<i2";
  case 4:
    return isUnsigned ? "<u4" : "<i4";
  default:
    return isUnsigned ? "<u8" : "<i8";
  }
}

std::vector<char> npyHeader(RankedTensorType type, ArrayRef<int64_t> leadingAxes) {
  SmallVector<int64_t> shape(leadingAxes);
  llvm::append_range(shape, type.getShape());
  std::string text;
  llvm::raw_string_ostream os(text);
  os << "{'descr': '" << npyDescr(type.getElementType()) << "', 'fortran_order': False, 'shape': (";
  llvm::interleaveComma(shape, os);
  os << (shape.size() == 1 ? ",), }" : "), }");
  // The elements begin at a multiple of 64 bytes.
  size_t prefix = npyMagicBytes + 2 + 2;
  text.append(63 - (prefix + text.size()) % 64, ' ');
  text.push_back('\n');

  std::vector<char> bytes(npyMagic, npyMagic + npyMagicBytes);
  bytes.insert(bytes.end(), {1, 0, char(text.size() & 0xff), char(text.size() >> 8)});
  bytes.insert(bytes.end(), text.begin(), text.end());
  return bytes;
}

void appendNpyElements(const HostTensor &tensor, std::vector<char> &bytes) {
  if (!tensor.elementType().isBF16()) {
    bytes.insert(bytes.end(), tensor.bytes().begin(), tensor.bytes().end());
    return;
  }
  // A bf16 is the upper half of the f32 of equal value.
  for (size_t at = 0; at < tensor.bytes().size(); at += 2)
    bytes.insert(bytes.end(), {0, 0, tensor.bytes()[at], tensor.bytes()[at + 1]});
}

std::vector<char> writeNpy(const HostTensor &tensor) {
  std::vector<char> bytes = npyHeader(tensor.type());
  appendNpyElements(tensor, bytes);
  return bytes;
}

std::string describeTensorType(RankedTensorType type) {
  Type element = type.getElementType();
  std::string text;
  llvm::raw_string_ostream os(text);
  if (element.isBF16())
    os << "bfloat16";
  else if (element.isInteger(1))
    os << "bool";
  else
    os << (isa<FloatType>(element)       ? "float"
           : element.isUnsignedInteger() ? "uint"
                                         : "int")
       << element.getIntOrFloatBitWidth();
  os << "[";
  llvm::interleaveComma(type.getShape(), os);
  os << "]";
  return text;
}

} // namespace fettle::calibration
