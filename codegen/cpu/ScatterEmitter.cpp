//===- ScatterEmitter.cpp - scatter_elements and scatter_nd ---------------===//
//
// The result starts as a copy of the input; then updates are applied in
// row-major order, as ONNX's duplicates ask for. Along the outermost axis, if
// it is not the scattered one, updates meet only their own part: one tile each.
//
//===----------------------------------------------------------------------===//

#include "codegen/common/Pointwise.h"
#include "codegen/common/PointwiseFamilies.h"
#include "codegen/common/StridedView.h"
#include "codegen/cpu/SequentialEmitters.h"

using namespace mlir;

namespace fettle::codegen {

/// Copies [first, first + count) from one buffer of a type to another.
static void emitCopy(ImplicitLocOpBuilder &b, Value from, Value to, Value first, int64_t count) {
  emitFor(b, 0, count, 1, [&](Value i) {
    Value at = addIndex(b, first, i);
    memref::StoreOp::create(b, memref::LoadOp::create(b, from, at).getResult(), to, at);
  });
}

/// An index tensor's element: negative ones count from the end, what is outside is clamped.
static Value emitIndex(ImplicitLocOpBuilder &b, Type element, Value buffer, Value at, int64_t extent) {
  Value raw = emitLoad(b, element, buffer, at);
  Value index = arith::IndexCastOp::create(b, b.getIndexType(), raw);
  Value zero = indexConstant(b, 0);
  Value wrapped = arith::AddIOp::create(b, index, indexConstant(b, extent));
  index = arith::SelectOp::create(b, arith::CmpIOp::create(b, arith::CmpIPredicate::slt, index, zero), wrapped, index);
  return arith::MinSIOp::create(b, arith::MaxSIOp::create(b, index, zero), indexConstant(b, extent - 1));
}

/// Lets the update at `from` meet the element at `to`.
static void emitUpdate(ImplicitLocOpBuilder &b, nn::ScatterKind kind, Type element, Value updates, Value from,
                       Value output, Value to) {
  Value value = emitLoad(b, element, updates, from);
  if (kind != nn::ScatterKind::replace) {
    auto how = kind == nn::ScatterKind::accumulate ? nn::BinaryKind::add
               : kind == nn::ScatterKind::multiply ? nn::BinaryKind::mul
               : kind == nn::ScatterKind::minimum  ? nn::BinaryKind::min
                                                   : nn::BinaryKind::max;
    value = emitBinary(how, Lanes(b, emitLoad(b, element, output, to)), Lanes(b, value), element, element);
  }
  emitStore(b, element, value, output, to);
}

int64_t emitScatterElements(FlatFrame &frame, nn::ScatterElementsOp op, const SequentialBuffers &buffers) {
  ImplicitLocOpBuilder &b = frame.b;
  auto type = op.getOutput().getType(), indexType = op.getIndices().getType();
  ArrayRef<int64_t> shape = type.getShape(), updated = indexType.getShape();
  int64_t axis = op.getAxis(), parts = axis == 0 ? 1 : shape[0], partElements = type.getNumElements() / parts;
  StridedView to = StridedView::contiguous(shape), from = StridedView::contiguous(updated);
  emitFor(b, frame.begin(), frame.end(), 1, [&](Value part) {
    emitCopy(b, buffers.inputs[0], buffers.outputs[0], mulIndex(b, part, partElements), partElements);
    std::function<void(size_t, Value, Value)> nest = [&](size_t depth, Value source, Value target) {
      if (depth == shape.size()) {
        Value index = emitIndex(b, indexType.getElementType(), buffers.inputs[1], source, shape[axis]);
        emitUpdate(b, op.getKind(), type.getElementType(), buffers.inputs[2], source, buffers.outputs[0],
                   addIndex(b, target, mulIndex(b, index, to.strides[axis])));
        return;
      }
      auto step = [&](Value i) {
        Value next = int64_t(depth) == axis ? target : addIndex(b, target, mulIndex(b, i, to.strides[depth]));
        nest(depth + 1, addIndex(b, source, mulIndex(b, i, from.strides[depth])), next);
      };
      if (depth == 0 && axis != 0)
        return emitIf(b, arith::CmpIOp::create(b, arith::CmpIPredicate::slt, part, indexConstant(b, updated[0])),
                      [&] { step(part); });
      emitFor(b, 0, updated[depth], 1, step);
    };
    if (indexType.getNumElements() != 0)
      nest(0, indexConstant(b, 0), indexConstant(b, 0));
  });
  return parts;
}

int64_t emitScatterNd(FlatFrame &frame, nn::ScatterNdOp op, const SequentialBuffers &buffers) {
  ImplicitLocOpBuilder &b = frame.b;
  auto type = op.getOutput().getType(), indexType = op.getIndices().getType();
  ArrayRef<int64_t> shape = type.getShape();
  StridedView to = StridedView::contiguous(shape);
  int64_t tuple = indexType.getShape().back(), run = 1, count = 1;
  for (int64_t extent : indexType.getShape().drop_back())
    count *= extent;
  for (int64_t extent : shape.drop_front(tuple))
    run *= extent;
  emitFor(b, frame.begin(), frame.end(), 1, [&](Value) {
    emitCopy(b, buffers.inputs[0], buffers.outputs[0], indexConstant(b, 0), type.getNumElements());
    emitFor(b, 0, count, 1, [&](Value i) {
      Value target = indexConstant(b, 0);
      for (int64_t j = 0; j < tuple; ++j) {
        Value index = emitIndex(b, indexType.getElementType(), buffers.inputs[1], addIndex(b, mulIndex(b, i, tuple), j),
                                shape[j]);
        target = addIndex(b, target, mulIndex(b, index, to.strides[j]));
      }
      emitFor(b, 0, run, 1, [&](Value j) {
        emitUpdate(b, op.getKind(), type.getElementType(), buffers.inputs[2], addIndex(b, mulIndex(b, i, run), j),
                   buffers.outputs[0], addIndex(b, target, j));
      });
    });
  });
  return 1;
}

} // namespace fettle::codegen
