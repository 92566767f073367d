//===- FusedExpression.cpp - a fused value, element by element ------------===//

#include "codegen/common/FusedExpression.h"
#include "codegen/common/Kernel.h"
#include "codegen/common/Pointwise.h"

using namespace mlir;

namespace fettle::codegen {

static ArrayRef<int64_t> shapeOf(Value value) { return cast<RankedTensorType>(value.getType()).getShape(); }

// Values are visited from the asked one toward the leaves. The ops passed on the
// way that change positions (movement, and pointwise ops that broadcast an operand) are
// the path of a leaf. A value that is reached twice by one path is one node.
class FusedExpression::Builder {
public:
  Builder(FusedExpression &expression, Operation *root) : expression(expression), root(root) {}

  FailureOr<unsigned> visit(Value value, SmallVector<Operation *> path) {
    auto key = std::make_pair(value.getAsOpaquePointer(), path);
    auto known = seen.find(key);
    if (known != seen.end())
      return known->second;
    FailureOr<Node> node = make(value, path);
    if (failed(node))
      return failure();
    if (node->kind == Node::Pointwise && !node->op) { // a movement op: the node of its input
      seen[key] = node->operands[0];
      return node->operands[0];
    }
    expression.nodes.push_back(std::move(*node));
    return seen[key] = expression.nodes.size() - 1;
  }

private:
  FailureOr<Node> make(Value value, const SmallVector<Operation *> &path) {
    Node node{};
    Operation *op = value.getDefiningOp();
    if (!op || op == root) {
      node.kind = op ? Node::Root : Node::Buffer;
      node.value = value;
      node.path = path;
      return node;
    }
    if (auto constant = dyn_cast<nn::ConstantOp>(op)) {
      ElementsAttr elements = constant.getValue();
      if (elements.getNumElements() != 1 && !elements.isSplat())
        return failure();
      node.kind = Node::Splat;
      node.constant = elements;
      return node;
    }
    node.kind = Node::Pointwise;
    if (isMovement(op)) {
      SmallVector<Operation *> longer = path;
      longer.push_back(op);
      FailureOr<unsigned> input = visit(op->getOperand(0), longer);
      if (failed(input))
        return failure();
      node.operands.push_back(*input);
      return node;
    }
    if (!isPointwise(op) || op->getNumResults() != 1)
      return failure();
    node.op = op;
    for (Value operand : op->getOperands()) {
      SmallVector<Operation *> longer = path;
      if (shapeOf(operand) != shapeOf(value))
        longer.push_back(op);
      FailureOr<unsigned> index = visit(operand, longer);
      if (failed(index))
        return failure();
      node.operands.push_back(*index);
    }
    return node;
  }

  FusedExpression &expression;
  Operation *root;
  std::map<std::pair<void *, SmallVector<Operation *>>, unsigned> seen;
};

/// A leaf's view after the ops of `path`, the last of which is nearest the leaf.
static std::optional<StridedView> replay(StridedView view, ArrayRef<Operation *> path) {
  for (Operation *op : llvm::reverse(path)) {
    std::optional<StridedView> next =
        isMovement(op) ? viewThrough(op, view) : view.broadcastTo(shapeOf(op->getResult(0)));
    if (!next)
      return std::nullopt;
    view = *next;
  }
  return view;
}

/// A view over positions of the value, seen from positions of the root.
static std::optional<StridedView> undo(StridedView view, ArrayRef<Operation *> path) {
  for (Operation *op : path) {
    if (auto transpose = dyn_cast<nn::TransposeOp>(op)) {
      SmallVector<int64_t> inverse(transpose.getPerm().size());
      for (auto [to, from] : llvm::enumerate(transpose.getPerm()))
        inverse[from] = to;
      view = view.transposed(inverse);
      continue;
    }
    std::optional<StridedView> before =
        isa<nn::ReshapeOp>(op) ? view.reshaped(shapeOf(op->getOperand(0))) : std::nullopt;
    if (!before)
      return std::nullopt;
    view = *before;
  }
  return view;
}

FailureOr<FusedExpression> FusedExpression::collect(Value value, Operation *root) {
  FusedExpression expression;
  expression.element = cast<RankedTensorType>(value.getType()).getElementType();
  expression.resultView = StridedView::contiguous(shapeOf(value));
  if (failed(Builder(expression, root).visit(value, {})))
    return failure();
  return expression;
}

FailureOr<FusedExpression> FusedExpression::get(Value value, Operation *root) {
  FailureOr<FusedExpression> expression = collect(value, root);
  if (failed(expression))
    return failure();
  for (Node &node : expression->nodes) {
    if (node.kind != Node::Buffer)
      continue;
    std::optional<StridedView> view = replay(StridedView::contiguous(shapeOf(node.value)), node.path);
    if (!view)
      return failure();
    node.view = *view;
  }
  return expression;
}

FailureOr<FusedExpression> FusedExpression::getAtRoot(Value value, Value rootResult) {
  FailureOr<FusedExpression> expression = collect(value, rootResult.getDefiningOp());
  if (failed(expression))
    return failure();
  std::optional<ArrayRef<Operation *>> rootPath;
  for (const Node &node : expression->nodes) {
    if (node.kind != Node::Root)
      continue;
    if (node.value != rootResult || (rootPath && *rootPath != ArrayRef<Operation *>(node.path)))
      return failure();
    rootPath = node.path;
  }
  if (!rootPath)
    return failure();
  std::optional<StridedView> result = undo(expression->resultView, *rootPath);
  if (!result)
    return failure();
  expression->resultView = *result;
  for (Node &node : expression->nodes) {
    if (node.kind != Node::Buffer)
      continue;
    // What leaf and root both pass through cancels: it need not have a view.
    ArrayRef<Operation *> leaf = node.path, back = *rootPath;
    while (!leaf.empty() && !back.empty() && leaf.front() == back.front()) {
      leaf = leaf.drop_front();
      back = back.drop_front();
    }
    std::optional<StridedView> view = replay(StridedView::contiguous(shapeOf(node.value)), leaf);
    if (view)
      view = undo(*view, back);
    if (!view)
      return failure();
    node.view = *view;
  }
  return expression;
}

bool FusedExpression::readsRoot() const {
  return llvm::any_of(nodes, [](const Node &node) { return node.kind == Node::Root; });
}

bool FusedExpression::isPlainRead() const { return nodes.size() == 1 && nodes[0].kind == Node::Buffer; }

SmallVector<const StridedView *> FusedExpression::views() const {
  SmallVector<const StridedView *> all{&resultView};
  for (const Node &node : nodes)
    if (node.kind == Node::Buffer)
      all.push_back(&node.view);
  return all;
}

LogicalResult FusedExpression::rewrite(llvm::function_ref<std::optional<StridedView>(const StridedView &)> change) {
  std::optional<StridedView> changed = change(resultView);
  if (!changed)
    return failure();
  resultView = *changed;
  for (Node &node : nodes) {
    if (node.kind != Node::Buffer)
      continue;
    if (!(changed = change(node.view)))
      return failure();
    node.view = *changed;
  }
  return success();
}

Operation *findRoot(Block &kernelBody) {
  Operation *root = nullptr;
  for (Operation &op : kernelBody) {
    if (isMovement(&op) || isPointwise(&op) || isa<nn::ConstantOp, nn::YieldOp>(op))
      continue;
    if (root)
      return nullptr;
    root = &op;
  }
  return root;
}

Value emitFlatIndex(ImplicitLocOpBuilder &b, const StridedView &view, ArrayRef<Value> coordinates) {
  Value index = arith::ConstantIndexOp::create(b, view.offset);
  for (auto [coordinate, stride] : llvm::zip(coordinates, view.strides)) {
    if (stride == 0)
      continue;
    Value term = b.createOrFold<arith::MulIOp>(coordinate, arith::ConstantIndexOp::create(b, stride));
    index = b.createOrFold<arith::AddIOp>(index, term);
  }
  return index;
}

static Value emitMask(ImplicitLocOpBuilder &b, const ElementPosition &position) {
  auto type = VectorType::get(position.lanes, b.getI1Type());
  return vector::ConstantMaskOp::create(b, type, ArrayRef<int64_t>{position.activeLanes});
}

/// Index of lane `lane` of an access along a stride.
static Value laneIndex(ImplicitLocOpBuilder &b, Value first, int64_t lane, int64_t stride) {
  return b.createOrFold<arith::AddIOp>(first, arith::ConstantIndexOp::create(b, lane * stride));
}

static Value emitRead(ImplicitLocOpBuilder &b, Type element, const StridedView &view, const ElementPosition &position,
                      Value buffer) {
  Value index = emitFlatIndex(b, view, position.coordinates);
  if (position.lanes == 0)
    return emitLoad(b, element, buffer, index);
  auto type = VectorType::get(position.lanes, computeType(element));
  int64_t stride = view.strides[position.laneAxis];
  if (stride == 0)
    return vector::BroadcastOp::create(b, type, emitLoad(b, element, buffer, index));
  if (stride == 1) {
    if (position.activeLanes == position.lanes)
      return emitLoad(b, element, buffer, index, position.lanes);
    return emitMaskedLoad(b, element, buffer, index, emitMask(b, position));
  }
  Value vector = arith::ConstantOp::create(b, b.getZeroAttr(type));
  for (int64_t lane = 0; lane < position.activeLanes; ++lane)
    vector = vector::InsertOp::create(b, emitLoad(b, element, buffer, laneIndex(b, index, lane, stride)), vector,
                                      ArrayRef<int64_t>{lane});
  return vector;
}

static Value emitSplat(ImplicitLocOpBuilder &b, ElementsAttr constant, int64_t lanes) {
  Type element = constant.getElementType(), compute = computeType(element);
  HostTensor tensor = HostTensor::fromAttribute(constant);
  TypedAttr scalar = isa<FloatType>(compute) ? TypedAttr(b.getFloatAttr(compute, tensor.doubleAt(0)))
                                             : TypedAttr(b.getIntegerAttr(compute, tensor.integerAt(0)));
  if (lanes == 0)
    return arith::ConstantOp::create(b, scalar);
  return arith::ConstantOp::create(b, DenseElementsAttr::get(VectorType::get(lanes, compute), Attribute(scalar)));
}

Value FusedExpression::emit(ImplicitLocOpBuilder &b, const ElementPosition &position, FlatBufferFn flat,
                            ValueRange rootResults) const {
  SmallVector<Value> values;
  for (const Node &node : nodes) {
    switch (node.kind) {
    case Node::Buffer:
      values.push_back(emitRead(b, cast<RankedTensorType>(node.value.getType()).getElementType(), node.view, position,
                                flat(cast<BlockArgument>(node.value))));
      break;
    case Node::Splat:
      values.push_back(emitSplat(b, node.constant, position.lanes));
      break;
    case Node::Root:
      values.push_back(rootResults[cast<OpResult>(node.value).getResultNumber()]);
      break;
    case Node::Pointwise: {
      SmallVector<Value> operands;
      for (unsigned operand : node.operands)
        operands.push_back(values[operand]);
      values.push_back(emitPointwise(b, node.op, operands));
      break;
    }
    }
  }
  return values.back();
}

void FusedExpression::emitStore(ImplicitLocOpBuilder &b, const ElementPosition &position, Value value,
                                Value flatBuffer) const {
  Value index = emitFlatIndex(b, resultView, position.coordinates);
  if (position.lanes == 0)
    return codegen::emitStore(b, element, value, flatBuffer, index);
  int64_t stride = resultView.strides[position.laneAxis];
  if (stride == 1 && position.activeLanes == position.lanes)
    return codegen::emitStore(b, element, value, flatBuffer, index);
  if (stride == 1)
    return emitMaskedStore(b, element, value, flatBuffer, index, emitMask(b, position));
  for (int64_t lane = 0; lane < position.activeLanes; ++lane) {
    Value scalar = vector::ExtractOp::create(b, value, ArrayRef<int64_t>{lane});
    codegen::emitStore(b, element, scalar, flatBuffer, laneIndex(b, index, lane, stride));
  }
}

} // namespace fettle::codegen
