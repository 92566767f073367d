//===- RandomKernel.cpp - small random functions of nn ops ----------------===//

#include "tests/unit/codegen/RandomKernel.h"
#include "tests/unit/codegen/RandomFunction.h"

using namespace mlir;

namespace fettle::test {

namespace {
using Shape = SmallVector<int64_t>;

/// A value in the making. `exact`: every step so far is IEEE or integer arithmetic.
struct Term {
  Value value;
  bool exact = true;
};

class Generator {
public:
  explicit Generator(unsigned seed) : f(seed), b(f.b) {}
  RandomKernel make();

private:
  Type randomElement();
  Shape randomShape();
  /// A new input that broadcasts against `shape`.
  Value partner(ArrayRef<int64_t> shape, Type element);
  Value scalar(Type element, double value);

  Term unary(Term x);
  Term binary(Term x);
  Term choice(Term x);
  Term conversion(Term x);
  Term movement(Term x);
  Term indexed(Term x);
  Term reduction(Term x);
  Term step(Term x);

  bool isFloat(Value value) { return isa<FloatType>(elementOf(value)); }
  bool isBoolean(Value value) { return elementOf(value).isInteger(1); }
  /// f16 and bf16 are computed in f32 and rounded where they are stored, f32 is contracted.
  Term inexact(Value value) { return {value, false}; }

  RandomFunction f;
  ImplicitLocOpBuilder &b;
};
} // namespace

Type Generator::randomElement() {
  switch (f.roll(12)) {
  case 0:
    return b.getF64Type();
  case 1:
    return b.getF16Type();
  case 2:
    return b.getBF16Type();
  case 3:
    return b.getI8Type();
  case 4:
    return b.getIntegerType(8, /*isSigned=*/false);
  case 5:
    return b.getI32Type();
  case 6:
    return b.getI64Type();
  case 7:
    return b.getI1Type();
  case 8:
    return b.getIntegerType(16, /*isSigned=*/false);
  default:
    return b.getF32Type();
  }
}

Shape Generator::randomShape() {
  Shape shape;
  for (int64_t rank = f.roll(5); rank > 0; --rank)
    shape.push_back(f.chance(8) ? 1 : f.chance(rank == 1 ? 2 : 9) ? f.roll(8, 37) : f.roll(2, 6));
  return shape;
}

Value Generator::partner(ArrayRef<int64_t> shape, Type element) {
  Shape other(shape.drop_front(shape.empty() ? 0 : f.roll(int64_t(shape.size()) + 1)));
  for (int64_t &extent : other)
    if (f.chance(4))
      extent = 1;
  return f.input(f.chance(2) ? Shape(shape) : other, element);
}

Value Generator::scalar(Type element, double value) {
  auto type = RankedTensorType::get({}, element);
  Attribute attribute = isa<FloatType>(element) ? Attribute(b.getFloatAttr(element, value))
                                                : Attribute(b.getIntegerAttr(element, int64_t(value)));
  return nn::ConstantOp::create(b, cast<ElementsAttr>(DenseElementsAttr::get(type, attribute)));
}

Term Generator::unary(Term x) {
  using Kind = nn::UnaryKind;
  auto make = [&](Kind kind, double alpha = 1, double beta = 0) -> Value {
    return nn::UnaryOp::create(b, kind, x.value, llvm::APFloat(alpha), llvm::APFloat(beta));
  };
  if (isBoolean(x.value))
    return {make(Kind::logical_not), x.exact};
  if (!isFloat(x.value))
    return {make(f.pick({Kind::abs, Kind::neg, Kind::sign, Kind::relu, Kind::bitwise_not})), x.exact};
  if (x.exact && f.chance(4))
    return {make(f.pick({Kind::floor, Kind::ceil, Kind::round, Kind::sign, Kind::is_nan, Kind::is_inf})), true};
  if (f.chance(3))
    return {make(f.pick({Kind::abs, Kind::neg, Kind::relu})), x.exact};
  switch (f.roll(4)) {
  case 0:
    return inexact(make(f.pick({Kind::leaky_relu, Kind::elu, Kind::celu}), 0.3));
  case 1:
    return inexact(make(Kind::hard_sigmoid, 0.25, 0.5));
  case 2:
    return inexact(make(Kind::selu, 1.67, 1.05));
  default:
    return inexact(
        make(f.pick({Kind::erf, Kind::tanh, Kind::sigmoid, Kind::gelu, Kind::gelu_tanh, Kind::silu, Kind::hard_swish,
                     Kind::softplus, Kind::softsign, Kind::mish, Kind::atan, Kind::asinh, Kind::sin, Kind::cos})));
  }
}

Term Generator::binary(Term x) {
  using Kind = nn::BinaryKind;
  Type element = elementOf(x.value);
  Value y = f.chance(4) && element != b.getI1Type() ? scalar(element, double(f.roll(1, 3)))
                                                    : partner(shapeOf(x.value), element);
  bool swap = f.chance(3);
  auto make = [&](Kind kind) -> Value {
    return swap ? nn::BinaryOp::create(b, kind, y, x.value) : nn::BinaryOp::create(b, kind, x.value, y);
  };
  if (isBoolean(x.value))
    return {make(f.pick({Kind::logical_and, Kind::logical_or, Kind::logical_xor})), x.exact};
  if (isFloat(x.value)) {
    if (f.chance(3))
      return {make(f.pick({Kind::min, Kind::max})), x.exact};
    return inexact(make(f.pick({Kind::add, Kind::sub, Kind::mul, Kind::prelu})));
  }
  return {make(f.pick({Kind::add, Kind::sub, Kind::mul, Kind::div, Kind::mod, Kind::fmod, Kind::min, Kind::max,
                       Kind::prelu, Kind::bitwise_and, Kind::bitwise_or, Kind::bitwise_xor, Kind::shift_left,
                       Kind::shift_right, Kind::pow})),
          x.exact};
}

Term Generator::choice(Term x) {
  using Kind = nn::CompareKind;
  if (f.chance(3) && !isBoolean(x.value))
    return {nn::ClampOp::create(b, x.value, llvm::APFloat(-1.0), llvm::APFloat(double(f.roll(2)))).getResult(),
            x.exact};
  Value other = partner(shapeOf(x.value), elementOf(x.value));
  if (x.exact && f.chance(2))
    return {nn::CompareOp::create(b, f.pick({Kind::eq, Kind::lt, Kind::le, Kind::gt, Kind::ge}), x.value, other)
                .getResult(),
            true};
  Value condition = partner(shapeOf(x.value), b.getI1Type());
  return {nn::SelectOp::create(b, condition, x.value, other).getResult(), x.exact};
}

Term Generator::conversion(Term x) {
  if (!x.exact)
    return x;
  Type to = randomElement();
  auto type = cast<RankedTensorType>(x.value.getType()).clone(to);
  if (to == elementOf(x.value))
    return x;
  return {nn::CastOp::create(b, type, x.value).getResult(), true};
}

Term Generator::movement(Term x) {
  Shape shape(shapeOf(x.value));
  int64_t rank = int64_t(shape.size()), axis = rank ? f.roll(rank) : 0;
  Type element = elementOf(x.value);
  int64_t kind = rank ? f.roll(8) : 0;
  if (kind == 0) { // flatten, or add an axis of 1
    Shape to = f.chance(2) ? Shape{ShapedType::getNumElements(shape)} : shape;
    to.insert(to.begin() + f.roll(int64_t(to.size()) + 1), 1);
    return {nn::ReshapeOp::create(b, RankedTensorType::get(to, element), x.value).getResult(), x.exact};
  }
  if (kind == 1) {
    Shape perm;
    for (int64_t i = 0; i < rank; ++i)
      perm.insert(perm.begin() + f.roll(i + 1), i);
    return {nn::TransposeOp::create(b, x.value, perm).getResult(), x.exact};
  }
  if (kind == 2) {
    Shape starts(rank, 0), sizes(shape), steps(rank, 1);
    for (int64_t i = 0; i < rank; ++i) {
      steps[i] = f.pick<int64_t>({1, 1, 2, -1, -2});
      sizes[i] = f.roll(1, (shape[i] + std::abs(steps[i]) - 1) / std::abs(steps[i]));
      int64_t room = shape[i] - 1 - (sizes[i] - 1) * std::abs(steps[i]);
      starts[i] = steps[i] > 0 ? f.roll(room + 1) : shape[i] - 1 - f.roll(room + 1);
    }
    return {nn::SliceOp::create(b, x.value, starts, sizes, steps).getResult(), x.exact};
  }
  if (kind == 3 && !isBoolean(x.value)) {
    Shape low(rank, 0), high(rank, 0);
    nn::PadMode mode = f.pick({nn::PadMode::constant, nn::PadMode::reflect, nn::PadMode::edge, nn::PadMode::wrap});
    for (int64_t i = 0; i < rank; ++i) {
      int64_t most = mode == nn::PadMode::reflect ? std::min<int64_t>(shape[i] - 1, 3) : 3;
      low[i] = f.chance(2) ? 0 : f.roll(most + 1);
      high[i] = f.chance(2) ? 0 : f.roll(most + 1);
    }
    Value value = mode == nn::PadMode::constant && f.chance(2) ? scalar(element, 1) : Value();
    return {nn::PadOp::create(b, mode, x.value, value, low, high).getResult(), x.exact};
  }
  if (kind == 4) {
    Shape otherShape(shape);
    otherShape[axis] = f.roll(1, 5);
    SmallVector<Value> parts = {x.value, f.input(otherShape, element)};
    if (f.chance(2))
      parts.push_back(x.value);
    return {nn::ConcatOp::create(b, parts, uint64_t(axis)).getResult(), x.exact};
  }
  if (kind == 5 && ShapedType::getNumElements(shape) < 2000) {
    Shape repeats(rank, 1);
    repeats[axis] = f.roll(1, 3);
    return {nn::TileOp::create(b, x.value, repeats).getResult(), x.exact};
  }
  if (kind == 6 && ShapedType::getNumElements(shape) < 2000) {
    Shape to(shape);
    to.insert(to.begin(), f.roll(1, 3));
    return {nn::BroadcastOp::create(b, RankedTensorType::get(to, element), x.value).getResult(), x.exact};
  }
  return x;
}

Term Generator::indexed(Term x) {
  Shape shape(shapeOf(x.value));
  int64_t rank = int64_t(shape.size());
  if (rank == 0)
    return x;
  int64_t axis = f.roll(rank);
  Type indexElement = f.chance(2) ? b.getI64Type() : b.getI32Type();
  switch (f.roll(4)) {
  case 0:
    return {nn::GatherOp::create(b, x.value, f.input(f.chance(2) ? Shape{} : Shape{f.roll(1, 5)}, indexElement),
                                 uint64_t(axis))
                .getResult(),
            x.exact};
  case 1: {
    Shape indices(shape);
    for (int64_t i = 0; i < rank; ++i)
      indices[i] = i == axis ? f.roll(1, 6) : f.roll(1, shape[i]);
    return {nn::GatherElementsOp::create(b, x.value, f.input(indices, indexElement), uint64_t(axis)).getResult(),
            x.exact};
  }
  case 2: {
    Shape indices = {f.roll(1, 4), f.roll(1, rank)};
    return {nn::GatherNdOp::create(b, x.value, f.input(indices, indexElement), uint64_t(0)).getResult(), x.exact};
  }
  default: {
    int64_t time = f.roll(rank);
    if (rank < 2 || time == axis)
      return x;
    return {
        nn::ReverseSequenceOp::create(b, x.value, f.input({shape[axis]}, indexElement), uint64_t(axis), uint64_t(time))
            .getResult(),
        x.exact};
  }
  }
}

Term Generator::reduction(Term x) {
  using Kind = nn::ReduceKind;
  int64_t rank = int64_t(shapeOf(x.value).size());
  if (rank == 0)
    return x;
  int64_t axis = f.roll(rank);
  if (x.exact && !isBoolean(x.value) && f.chance(4)) {
    auto kind = f.pick({nn::ArgKind::argmax, nn::ArgKind::argmin});
    return {nn::ArgOp::create(b, kind, x.value, uint64_t(axis), f.chance(2), f.chance(2)).getResult(), true};
  }
  Shape axes;
  for (int64_t i = 0; i < rank; ++i)
    if (i == axis || f.chance(3))
      axes.push_back(i);
  bool isShort = elementOf(x.value).getIntOrFloatBitWidth() < 32;
  Kind kind = isBoolean(x.value) ? f.pick({Kind::max, Kind::min})
              : isFloat(x.value) ? f.pick({Kind::sum, Kind::mean, Kind::max, Kind::min, Kind::l1, Kind::l2,
                                           Kind::sum_square, Kind::log_sum_exp})
              : isShort          ? f.pick({Kind::sum, Kind::prod, Kind::max, Kind::min, Kind::l1, Kind::sum_square})
                        : f.pick({Kind::sum, Kind::prod, Kind::max, Kind::min, Kind::l1, Kind::mean, Kind::sum_square});
  bool picks = kind == Kind::max || kind == Kind::min;
  Value result = nn::ReduceOp::create(b, kind, x.value, axes, f.chance(2));
  return {result, x.exact && (picks || !isFloat(x.value))};
}

Term Generator::step(Term x) {
  switch (f.roll(10)) {
  case 0:
  case 1:
  case 2:
    return binary(x);
  case 3:
  case 4:
    return unary(x);
  case 5:
    return choice(x);
  case 6:
    return conversion(x);
  case 7:
    return indexed(x);
  default:
    return movement(x);
  }
}

RandomKernel Generator::make() {
  RandomKernel kernel;
  Term x{f.input(randomShape(), randomElement())};
  bool hasReduction = f.chance(4);
  int64_t steps = f.roll(1, 6);
  for (int64_t i = 0; i < steps; ++i) {
    if (hasReduction && i == steps / 2)
      x = reduction(x);
    x = step(x);
  }
  // Half-width chains are rounded once at the end, the reference rounds at every op.
  bool isHalf = false, isBrain = false;
  f.function.walk([&](Operation *op) {
    for (Value operand : op->getOperands())
      if (isa<RankedTensorType>(operand.getType())) {
        isHalf |= elementOf(operand).isF16();
        isBrain |= elementOf(operand).isBF16();
      }
  });
  kernel.tolerance = isBrain ? 0.1 : isHalf ? 0.02 : 1e-4;
  kernel.isExact = x.exact;
  if (x.value.getDefiningOp() == nullptr)
    x.value = nn::ReshapeOp::create(b, cast<RankedTensorType>(x.value.getType()), x.value);
  kernel.text = f.finish(x.value);
  return kernel;
}

RandomKernel makeRandomKernel(unsigned seed) { return Generator(seed).make(); }

} // namespace fettle::test
