//===- OperatorTypes.cpp - which element types ONNX operators take --------===//
//
// From the operators' pages, for opsets 13 to 21. An operator that is not listed takes every type that had existed
// before floats of 8 bits and integers of 4.
//
//===----------------------------------------------------------------------===//

#include "ir/export/OperatorTypes.h"
#include "ir/onnx/ElementTypes.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;

namespace fettle {

using Types = uint32_t;

static constexpr Types only(onnx::DataType type) { return Types(1) << int(type); }

static constexpr Types f16 = only(onnx::DataType::Float16), bf16 = only(onnx::DataType::Bfloat16);
static constexpr Types f32 = only(onnx::DataType::Float), f64 = only(onnx::DataType::Double);
static constexpr Types boolean = only(onnx::DataType::Bool);
static constexpr Types bytes = only(onnx::DataType::Int8) | only(onnx::DataType::Uint8);
static constexpr Types nibbles = only(onnx::DataType::Int4) | only(onnx::DataType::Uint4);
static constexpr Types naturals = only(onnx::DataType::Uint8) | only(onnx::DataType::Uint16) |
                                  only(onnx::DataType::Uint32) | only(onnx::DataType::Uint64);
static constexpr Types i32i64 = only(onnx::DataType::Int32) | only(onnx::DataType::Int64);
static constexpr Types signedIntegers = only(onnx::DataType::Int8) | only(onnx::DataType::Int16) | i32i64;
static constexpr Types integers = signedIntegers | naturals;
static constexpr Types wideIntegers = i32i64 | only(onnx::DataType::Uint32) | only(onnx::DataType::Uint64);
/// IEEE's, and with bfloat16.
static constexpr Types ieee = f16 | f32 | f64, floats = ieee | bf16;
static constexpr Types unlisted = floats | integers | boolean;

namespace {
struct Row {
  const char *op;
  int64_t sinceOpset; ///< up to the next row of the operator
  Types types;
};
} // namespace

static const Row rows[] = {
    // One operand.
    {"Abs", 13, floats | integers},
    {"Acos", 13, ieee},
    {"Acosh", 13, ieee},
    {"Asin", 13, ieee},
    {"Asinh", 13, ieee},
    {"Atan", 13, ieee},
    {"Atanh", 13, ieee},
    {"BitwiseNot", 18, integers},
    {"Cast", 13, unlisted},
    {"Cast", 21, unlisted | nibbles},
    {"Ceil", 13, floats},
    {"Celu", 13, f32},
    {"Clip", 13, floats | integers},
    {"Cos", 13, ieee},
    {"Cosh", 13, ieee},
    {"Elu", 13, ieee},
    {"Erf", 13, floats},
    {"Exp", 13, floats},
    {"Floor", 13, floats},
    {"Gelu", 20, floats},
    {"HardSigmoid", 13, ieee},
    {"HardSwish", 14, ieee},
    {"Identity", 13, unlisted},
    {"Identity", 21, unlisted | nibbles},
    {"IsInf", 13, f32 | f64},
    {"IsInf", 20, floats},
    {"IsNaN", 13, floats},
    {"LeakyRelu", 13, ieee},
    {"LeakyRelu", 16, floats},
    {"Log", 13, floats},
    {"Mish", 18, ieee},
    {"Neg", 13, floats | signedIntegers},
    {"Not", 13, boolean},
    {"Reciprocal", 13, floats},
    {"Relu", 13, floats},
    {"Relu", 14, floats | signedIntegers},
    {"Round", 13, ieee},
    {"Selu", 13, ieee},
    {"Shrink", 13, ieee | integers},
    {"Sigmoid", 13, floats},
    {"Sign", 13, floats | integers},
    {"Sin", 13, ieee},
    {"Sinh", 13, ieee},
    {"Softplus", 13, ieee},
    {"Softsign", 13, ieee},
    {"Sqrt", 13, floats},
    {"Tan", 13, ieee},
    {"Tanh", 13, floats},
    {"ThresholdedRelu", 13, ieee},
    // Several operands.
    {"Add", 13, floats | wideIntegers},
    {"Add", 14, floats | integers},
    {"And", 13, boolean},
    {"BitShift", 13, naturals},
    {"BitwiseAnd", 18, integers},
    {"BitwiseOr", 18, integers},
    {"BitwiseXor", 18, integers},
    {"Div", 13, floats | wideIntegers},
    {"Div", 14, floats | integers},
    {"Equal", 13, unlisted},
    {"Greater", 13, floats | integers},
    {"GreaterOrEqual", 13, ieee | integers},
    {"GreaterOrEqual", 16, floats | integers},
    {"Less", 13, floats | integers},
    {"LessOrEqual", 13, ieee | integers},
    {"LessOrEqual", 16, floats | integers},
    {"Max", 13, floats | integers},
    {"Min", 13, floats | integers},
    {"Mod", 13, floats | integers},
    {"Mul", 13, floats | wideIntegers},
    {"Mul", 14, floats | integers},
    {"Or", 13, boolean},
    {"PRelu", 13, ieee | wideIntegers},
    {"PRelu", 16, floats | wideIntegers},
    {"Pow", 13, floats | i32i64},
    {"Sub", 13, floats | wideIntegers},
    {"Sub", 14, floats | integers},
    {"Where", 13, ieee | integers | boolean},
    {"Where", 16, unlisted},
    {"Xor", 13, boolean},
    // Products, reductions, normalization, pooling.
    {"ArgMax", 13, floats | integers},
    {"ArgMin", 13, floats | integers},
    {"AveragePool", 13, ieee},
    {"BatchNormalization", 13, ieee},
    {"BatchNormalization", 14, floats},
    {"Conv", 13, ieee},
    {"ConvTranspose", 13, ieee},
    {"CumSum", 13, f32 | f64 | wideIntegers},
    {"CumSum", 14, floats | wideIntegers},
    {"Det", 13, ieee},
    {"GRU", 13, ieee},
    {"Gemm", 13, floats | wideIntegers},
    {"InstanceNormalization", 13, ieee},
    {"LRN", 13, floats},
    {"LSTM", 13, ieee},
    {"LayerNormalization", 17, floats},
    {"LogSoftmax", 13, floats},
    {"LpPool", 13, ieee},
    {"MatMul", 13, floats | wideIntegers},
    {"MaxPool", 13, ieee | bytes},
    {"RNN", 13, ieee},
    {"ReduceL1", 13, floats | wideIntegers},
    {"ReduceL2", 13, floats | wideIntegers},
    {"ReduceLogSum", 13, floats | wideIntegers},
    {"ReduceLogSumExp", 13, floats | wideIntegers},
    {"ReduceMax", 13, floats | wideIntegers | bytes},
    {"ReduceMax", 20, floats | wideIntegers | bytes | boolean},
    {"ReduceMean", 13, floats | wideIntegers},
    {"ReduceMin", 13, floats | wideIntegers | bytes},
    {"ReduceMin", 20, floats | wideIntegers | bytes | boolean},
    {"ReduceProd", 13, floats | wideIntegers},
    {"ReduceSum", 13, floats | wideIntegers},
    {"ReduceSumSquare", 13, floats | wideIntegers},
    {"Softmax", 13, floats},
    {"TopK", 13, ieee | integers},
    // Movement.
    {"ConstantOfShape", 13, ieee | integers | boolean},
    {"ConstantOfShape", 20, unlisted},
    {"Pad", 13, unlisted},
    {"Pad", 21, unlisted | nibbles},
    {"Reshape", 13, unlisted},
    {"Reshape", 21, unlisted | nibbles},
    {"ReverseSequence", 13, ieee | integers | boolean},
    {"Transpose", 13, unlisted},
    {"Transpose", 21, unlisted | nibbles},
};

static Types typesOf(StringRef op, int64_t opset) {
  static const llvm::StringMap<SmallVector<const Row *, 2>> index = [] {
    llvm::StringMap<SmallVector<const Row *, 2>> result;
    for (const Row &row : rows)
      result[row.op].push_back(&row);
    return result;
  }();
  auto found = index.find(op);
  if (found == index.end())
    return unlisted;
  Types types = 0;
  for (const Row *row : found->second)
    if (row->sinceOpset <= opset)
      types = row->types;
  return types;
}

bool takesElements(StringRef op, int64_t opset, Type element) {
  return (typesOf(op, opset) & only(dataTypeOf(element))) != 0;
}

Type computeElement(StringRef op, int64_t opset, Type element) {
  if (takesElements(op, opset, element))
    return element;
  MLIRContext *context = element.getContext();
  auto integer = [&](unsigned width, bool isUnsigned = false) -> Type {
    return IntegerType::get(context, width, isUnsigned ? IntegerType::Unsigned : IntegerType::Signless);
  };
  Type single = Float32Type::get(context), twice = Float64Type::get(context);
  SmallVector<Type> wider;
  unsigned width = element.getIntOrFloatBitWidth();
  if (element.isF16() || element.isBF16())
    wider = {single};
  else if (isa<IntegerType>(element) && width <= 16)
    wider = {integer(8, element.isUnsignedInteger() || width == 1), integer(32), single};
  else if (isa<IntegerType>(element) && width == 32)
    wider = {integer(64), twice};
  for (Type candidate : wider)
    if (candidate.getIntOrFloatBitWidth() > width && takesElements(op, opset, candidate))
      return candidate;
  return {};
}

} // namespace fettle
