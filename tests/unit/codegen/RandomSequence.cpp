//===- RandomSequence.cpp - random ops that run in an order ---------------===//

#include "tests/unit/codegen/RandomFunction.h"
#include "tests/unit/codegen/RandomKernel.h"

using namespace mlir;

namespace fettle::test {

using Shape = SmallVector<int64_t>;

static Shape anyShape(RandomFunction &f) {
  Shape shape;
  for (int64_t rank = f.roll(1, 3); rank > 0; --rank)
    shape.push_back(f.chance(3) ? f.roll(6, 40) : f.roll(1, 5));
  return shape;
}

static Type anyNumber(RandomFunction &f) {
  return f.pick<Type>({f.b.getF32Type(), f.b.getF32Type(), f.b.getF64Type(), f.b.getF16Type(), f.b.getI32Type(),
                       f.b.getI64Type(), f.b.getI8Type(), f.b.getIntegerType(8, false)});
}

static Operation *recurrent(RandomFunction &f) {
  Type element = f.b.getF32Type();
  int64_t steps = f.roll(1, 6), batch = f.roll(1, 5), inputs = f.roll(1, 20), hidden = f.roll(1, 24);
  int64_t kind = f.roll(3), gates = kind == 0 ? 4 : kind == 1 ? 3 : 1;
  auto optional = [&](ArrayRef<int64_t> shape) { return f.chance(2) ? f.input(shape, element) : Value(); };
  Value x = f.input({steps, batch, inputs}, element), w = f.input({gates * hidden, inputs}, element);
  Value r = f.input({gates * hidden, hidden}, element), bias = optional({2 * gates * hidden});
  Value lengths = f.chance(2) ? f.input({batch}, f.b.getI32Type()) : Value(), h0 = optional({batch, hidden});
  auto direction = f.pick({nn::DirectionKind::forward, nn::DirectionKind::backward});
  // Bounded ones: an error that grows from step to step would say nothing.
  SmallVector<StringRef> names;
  for (int64_t i = 0; i < (kind == 0 ? 3 : kind == 1 ? 2 : 1); ++i)
    names.push_back(f.pick<StringRef>({"Sigmoid", "Tanh", "HardSigmoid", "Softsign"}));
  ArrayAttr activations = f.b.getStrArrayAttr(names);
  llvm::APFloat clip(f.chance(3) ? 0.75 : 0.0);
  if (kind == 0) {
    Value c0 = optional({batch, hidden}), peephole = optional({3 * hidden});
    return nn::LstmOp::create(f.b, x, w, r, bias, lengths, h0, c0, peephole, direction, activations, clip,
                              /*input_forget=*/f.chance(3));
  }
  if (kind == 1) {
    return nn::GruOp::create(f.b, x, w, r, bias, lengths, h0, direction, activations, clip,
                             /*linear_before_reset=*/f.chance(2));
  }
  return nn::RnnOp::create(f.b, x, w, r, bias, lengths, h0, direction, activations, clip);
}

static Operation *scatter(RandomFunction &f, Type element) {
  using Kind = nn::ScatterKind;
  Kind kind = f.pick({Kind::replace, Kind::accumulate, Kind::multiply, Kind::minimum, Kind::maximum});
  Shape shape = anyShape(f);
  Type indexElement = f.chance(2) ? f.b.getI64Type() : f.b.getI32Type();
  Value input = f.input(shape, element);
  if (f.chance(2)) {
    int64_t axis = f.roll(shape.size());
    Shape indices;
    for (int64_t i = 0; i < int64_t(shape.size()); ++i)
      indices.push_back(i == axis ? f.roll(1, 7) : f.roll(1, shape[i]));
    return nn::ScatterElementsOp::create(f.b, kind, input, f.input(indices, indexElement), f.input(indices, element),
                                         uint64_t(axis));
  }
  int64_t tuple = f.roll(1, int64_t(shape.size()));
  Shape indices = {f.roll(1, 6), tuple}, updates = {indices[0]};
  updates.append(shape.begin() + tuple, shape.end());
  return nn::ScatterNdOp::create(f.b, kind, input, f.input(indices, indexElement), f.input(updates, element));
}

static Operation *boxes(RandomFunction &f) {
  int64_t batches = f.roll(1, 2), classes = f.roll(1, 3), count = f.roll(1, 30), rows = f.roll(1, 40);
  Type element = f.b.getF32Type();
  return nn::NonMaxSuppressionOp::create(f.b, RankedTensorType::get({rows, 3}, f.b.getI64Type()),
                                         f.input({batches, count, 4}, element),
                                         f.input({batches, classes, count}, element), uint64_t(f.roll(0, 12)),
                                         llvm::APFloat(0.2), llvm::APFloat(-0.5), f.chance(2));
}

/// Costs of match_tokens are rounded: only floats that rarely tie.
static Operation *tokens(RandomFunction &f, Type element) {
  int64_t images = f.roll(1, 3), count = f.roll(1, 40), width = f.roll(1, 40),
          protect = f.roll(0, std::min<int64_t>(2, count));
  Type i32 = f.b.getI32Type();
  auto sizes = [&] { return f.chance(2) ? f.input({images, count}, element) : Value(); };
  switch (f.roll(4)) {
  case 0:
    return nn::MatchTokensOp::create(f.b, f.input({images, count, width}, element), Value(),
                                     uint64_t(f.roll(0, (count - protect) / 2)), uint64_t(protect),
                                     uint64_t(f.roll(4)));
  case 1:
    return nn::DropTokensOp::create(f.b, f.input({images, count}, element), uint64_t(f.roll(protect, count)),
                                    uint64_t(protect));
  case 2: {
    Value input = f.input({images, count, width}, element), assignment = f.input({images, count}, i32);
    return nn::MergeTokensOp::create(f.b, input, assignment, sizes(), uint64_t(f.roll(1, count)));
  }
  default:
    return nn::UnmergeTokensOp::create(f.b, f.input({images, f.roll(1, count), width}, element),
                                       f.input({images, count}, i32));
  }
}

RandomKernel makeRandomSequence(unsigned seed) {
  RandomFunction f(seed);
  RandomKernel kernel;
  Type element = anyNumber(f);
  bool isFloat = isa<FloatType>(element);
  kernel.tolerance = element.isF16() ? 0.02 : 1e-4;
  Operation *root;
  switch (f.roll(7)) {
  case 0:
  case 1:
    root = recurrent(f);
    kernel.isExact = false;
    kernel.tolerance = 1e-2; // weights of this size amplify rounding from step to step
    break;
  case 2: {
    Shape shape = anyShape(f);
    root = nn::CumSumOp::create(f.b, f.input(shape, element), uint64_t(f.roll(shape.size())), f.chance(2), f.chance(2));
    kernel.isExact = !isFloat;
    break;
  }
  case 3: {
    Shape shape = anyShape(f);
    int64_t axis = f.roll(shape.size());
    root =
        nn::TopKOp::create(f.b, f.input(shape, element), uint64_t(axis), uint64_t(f.roll(1, shape[axis])), f.chance(2));
    break;
  }
  case 4:
    root = scatter(f, element);
    kernel.isExact = !isFloat;
    break;
  case 5:
    root = boxes(f);
    break;
  default:
    root = tokens(f, f.pick<Type>({f.b.getF32Type(), f.b.getF64Type()}));
    kernel.isExact = !isa<nn::MergeTokensOp>(root);
  }
  kernel.text = f.finish(root->getResults());
  return kernel;
}

} // namespace fettle::test
