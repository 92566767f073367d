//===- TokenRewriter.cpp - a transformer with fewer tokens -----------------===//
//
// Ops are visited in program order and changed in place. Each value of a stream has a generation: how many times tokens were
// removed before it. At a site with a step, tokens are matched and merged, which begins the next generation. An op
// that works on each token takes all its operands at the latest generation among them, its results have that number of
// tokens; operands that lag behind (positions that are added in every layer) are merged by the same assignments. Behind the last
// site, as at a mean over tokens that are no padding, and where what lags behind has no mean, the op gets every token instead: padding
// that is a part of a token would count there. An attention whose keys were merged adds the logarithm of their sizes to its scores, so
// that a merged token weighs as much as its parts ("proportional attention", Bolya et al., Token Merging, 2023, section 3). Sizes begin
// as the exponentials of the mask, if there is one: a padded token has size 0, costs nothing to merge, changes nothing that it is
// merged into, and stays masked. An op that needs every token as it was gets them back by the composition of all assignments.
// Tokens that were dropped cannot be had back; what lags behind loses the same ones.
//
//   %x (65 tokens)  -> %a = match_tokens %x {remove = 8}    %y, %s = merge_tokens %x, %a    57 tokens, generation 1
//   add %x, %pos    -> %p, .. = merge_tokens %pos, %a       add %y, %p
//   attention q k v -> attention q k v, log(%s)
//
//===----------------------------------------------------------------------===//

#include "passes/tokens/TokenRewriter.h"
#include "ir/profile/ValueNames.h"
#include "passes/OpFactory.h"
#include "mlir/Dialect/Utils/IndexingUtils.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

/// Sizes below it count as it: its logarithm hides a key, and is finite.
static constexpr double leastSize = 1e-30;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }

/// What is computed of tokens of a type beside them: sums of squares leave the range of 16 bits, and there is no `leastSize` in f16.
static Type widened(Type element) {
  return element.getIntOrFloatBitWidth() < 32 ? Type(Float32Type::get(element.getContext())) : element;
}

namespace {

/// The generations of a stream.
struct Generations {
  SmallVector<int64_t> tokens;    ///< of each
  SmallVector<Value> sizes;       ///< of the tokens of each, [n, t]; null: all are 1
  SmallVector<Value> assignments; ///< from each to the next
  SmallVector<Value> composed;    ///< from the first to the one after each
};

class TokenRewriter {
public:
  TokenRewriter(func::FuncOp function, const TokenStreams &streams, const TokenPlan &plan)
      : function(function), streams(streams), plan(plan), names(function), builder(function.getContext()) {
    for (const TokenStream &stream : streams.streams()) {
      generations.emplace_back();
      generations.back().tokens.push_back(stream.tokens);
      generations.back().sizes.emplace_back();
    }
    // Ties are found by extents: before any of them changes.
    for (Operation &op : function.getOps()) {
      Use &use = uses[&op];
      use.kind = tokenUseOf(&op, streams);
      for (OpOperand &operand : op.getOpOperands())
        use.operands.push_back(operandPlace(operand, streams));
    }
  }

  LogicalResult run() {
    if (failed(findSteps()))
      return failure();
    for (Operation &op : llvm::make_early_inc_range(function.front().without_terminator())) {
      if (isa<ConstantOp>(op) || teachers.contains(&op))
        continue;
      builder.setInsertionPoint(&op);
      update(&op);
      if (op.getNumResults() == 1)
        if (auto step = steps.find(op.getResult(0)); step != steps.end() && failed(removeTokens(op.getResult(0), step->second)))
          return failure();
    }
    Operation *end = function.front().getTerminator();
    builder.setInsertionPoint(end);
    update(end);
    return success(!isBroken);
  }

  /// To be called before run(): puts a copy of all that is computed in front of it.
  void keepTeacher() {
    builder.setInsertionPointToStart(&function.front());
    for (Operation &op : llvm::make_early_inc_range(function.front().without_terminator()))
      teachers.insert(builder.clone(op, teacherOf));
  }
  /// To be called after run().
  TokenTwin twinOf(Value value) {
    TokenTwin twin{teacherOf.lookupOrDefault(value), {}};
    TokenStreams::Place place = streams.placeOf(value);
    builder.setInsertionPoint(function.front().getTerminator());
    if (place && generationOf(value) > 0)
      twin.target = at(twin.teacher, place, generationOf(value), value);
    return twin;
  }

private:
  struct Step {
    const TokenSite *site;
    int64_t stream, removed;
  };

  /// How an op uses tokens, and where its operands have them.
  struct Use {
    TokenUse kind;
    SmallVector<TokenStreams::Place> operands;
  };

  LogicalResult findSteps();
  void update(Operation *op);
  void setGeneration(Operation *op, int64_t generation);
  void updateEach(Operation *op);
  void updateAttention(AttentionOp op);
  void restoreOperands(Operation *op);
  LogicalResult removeTokens(Value value, const Step &step);
  void beginGeneration(Value value, const Step &step, int64_t count);
  Value metricOf(Value tokens, const Step &step, int64_t generation);
  Value scoreOf(const Step &step, Location location, int64_t generation);
  Value logarithmOfSizes(int64_t stream, int64_t generation, Type element, Location location);
  Value initialSizes(int64_t stream, Location location);
  /// `value` with elements of another type.
  Value makeCast(Value value, Type element) {
    auto type = typeOf(value);
    return type.getElementType() == element ? value : CastOp::create(builder, value.getLoc(), type.clone(element), value).getOutput();
  }
  /// Sizes in the type of what they weigh, which may differ along a stream; null where all are 1.
  Value sizesOf(int64_t stream, int64_t generation, Type element) {
    Value sizes = generations[stream].sizes[generation];
    return sizes ? makeCast(sizes, element) : sizes;
  }

  /// The latest generation in which `value` is known.
  int64_t newestOf(Value value) const {
    auto known = newest.find(value);
    return known == newest.end() ? generationOf(value) : known->second;
  }
  int64_t generationOf(Value value) const { return own.lookup(value); }
  TokenStreams::Place placeOf(Value value) const {
    auto known = places.find(value);
    return known == places.end() ? streams.placeOf(value) : known->second;
  }
  bool needsAll(Operation *op, int64_t generation) const;
  Value at(Value value, TokenStreams::Place place, int64_t generation, Value result = {});
  Value restored(Value value, TokenStreams::Place place);
  Value asTokens(Value value, TokenStreams::Place place);
  Value fromTokens(Value tokens, RankedTensorType like, TokenStreams::Place place);

  func::FuncOp function;
  const TokenStreams &streams;
  const TokenPlan &plan;
  ValueNames names;
  OpBuilder builder;
  SmallVector<Generations> generations; // by stream
  llvm::DenseMap<Value, Step> steps;
  llvm::DenseMap<Operation *, Use> uses;
  llvm::DenseMap<Value, int64_t> own;                        // the generation a value was computed in; 0 if absent
  llvm::DenseMap<Value, int64_t> newest;                     // of values at sites
  llvm::DenseMap<Value, TokenStreams::Place> places;         // of values that were made here
  llvm::DenseMap<std::tuple<Value, int64_t, int64_t, int64_t>, Value> versions; // by value, stream, axis and generation
  llvm::DenseMap<Value, Value> originals;                    // with all tokens
  llvm::DenseMap<std::tuple<int64_t, int64_t, Type>, Value> biases; // of scores, by stream, generation and type
  IRMapping teacherOf; // values as they were, beside those that lose tokens
  llvm::DenseSet<Operation *> teachers;
  bool isBroken = false;
};

} // namespace

LogicalResult TokenRewriter::findSteps() {
  for (const TokenStep &step : plan.steps) {
    if (step.removed == 0)
      continue;
    Value value = names.find(step.site);
    for (auto [index, stream] : llvm::enumerate(streams.streams()))
      for (const TokenSite &site : stream.sites)
        if (site.value == value)
          steps[value] = {&site, int64_t(index), step.removed};
    if (!value || !steps.contains(value))
      return emitError(function.getLoc()) << "tokens cannot be removed at '" << step.site << "'";
  }
  return success();
}

/// Batch, if there is an axis of it, and tokens in front.
static SmallVector<int64_t> tokensFirst(int64_t rank, TokenStreams::Place place) {
  SmallVector<int64_t> perm;
  if (place.batch >= 0)
    perm.push_back(place.batch);
  perm.push_back(place.axis);
  for (int64_t axis = 0; axis < rank; ++axis)
    if (axis != place.axis && axis != place.batch)
      perm.push_back(axis);
  return perm;
}

/// `value` as [n, t, c]: all axes but those of batch and tokens are one. A value without a batch is the same for each.
Value TokenRewriter::asTokens(Value value, TokenStreams::Place place) {
  Location location = value.getLoc();
  auto type = typeOf(value);
  const int64_t own = place.batch >= 0 ? type.getDimSize(place.batch) : 1, tokens = type.getDimSize(place.axis),
                batch = streams.streams()[place.stream].batch;
  Value ordered = makeTranspose(builder, location, value, tokensFirst(type.getRank(), place));
  Value flat = makeReshape(builder, location, ordered, {own, tokens, type.getNumElements() / (own * tokens)});
  if (own == batch)
    return flat;
  return BroadcastOp::create(builder, location, typeOf(flat).clone({batch, tokens, typeOf(flat).getDimSize(2)}), flat).getOutput();
}

/// Undoes asTokens for a value that was of type `like`, but for batch and number of tokens.
Value TokenRewriter::fromTokens(Value tokens, RankedTensorType like, TokenStreams::Place place) {
  SmallVector<int64_t> perm = tokensFirst(like.getRank(), place), shape;
  for (int64_t axis : perm)
    shape.push_back(axis == place.batch ? typeOf(tokens).getDimSize(0) : axis == place.axis ? typeOf(tokens).getDimSize(1) : like.getDimSize(axis));
  return makeTranspose(builder, tokens.getLoc(), makeReshape(builder, tokens.getLoc(), tokens, shape), invertPermutationVector(perm));
}

/// `value`, with its tokens at `place`, in a later generation, for an op whose result is `result`, if any. Where sequences of a
/// batch lose other tokens, what was the same for all of them gets the batch of the result.
Value TokenRewriter::at(Value value, TokenStreams::Place place, int64_t generation, Value result) {
  if (generation <= generationOf(value))
    return value;
  if (Value known = versions.lookup({value, place.stream, place.axis, generation}))
    return known;
  auto type = typeOf(value);
  if (!isa<FloatType>(type.getElementType())) {
    emitError(value.getLoc()) << "tokens of type " << type.getElementType() << " cannot be merged";
    isBroken = true;
    return value;
  }
  Value from = at(value, place, generation - 1, result);
  TokenStreams::Place now = from == value ? place : placeOf(from);
  if (now.batch < 0 && streams.streams()[place.stream].batch > 1) {
    TokenStreams::Place wanted = streams.placeOf(result);
    SmallVector<int64_t> shape(std::max<int64_t>(0, typeOf(result).getRank() - type.getRank()), 1);
    now = {place.stream, place.axis + int64_t(shape.size()), wanted.batch};
    llvm::append_range(shape, typeOf(from).getShape());
    from = makeReshape(builder, value.getLoc(), from, shape);
  }
  const Generations &stream = generations[place.stream];
  auto merged = MergeTokensOp::create(builder, value.getLoc(), asTokens(from, now), stream.assignments[generation - 1],
                                      sizesOf(place.stream, generation - 1, type.getElementType()), stream.tokens[generation]);
  Value version = fromTokens(merged.getOutput(), typeOf(from), now);
  own[version] = generation;
  places[version] = now;
  if (typeOf(version).getRank() == type.getRank())
    versions[{value, place.stream, place.axis, generation}] = version;
  return version;
}

/// `value` with a token for each of the first generation.
Value TokenRewriter::restored(Value value, TokenStreams::Place place) {
  int64_t generation = generationOf(value);
  if (generation == 0)
    return value;
  if (Value known = originals.lookup(value))
    return known;
  if (plan.variant.method == TokenMethod::Drop) {
    emitError(value.getLoc()) << "dropped tokens are read again; merge them instead";
    isBroken = true;
    return value;
  }
  Generations &stream = generations[place.stream];
  while (int64_t(stream.composed.size()) < generation) {
    Value next = stream.assignments[stream.composed.size()];
    if (!stream.composed.empty())
      next = GatherElementsOp::create(builder, value.getLoc(), next, stream.composed.back(), 1).getOutput();
    stream.composed.push_back(next);
  }
  Value flat = asTokens(value, place);
  Value all = UnmergeTokensOp::create(builder, value.getLoc(), flat, stream.composed[generation - 1]).getOutput();
  return originals[value] = fromTokens(all, typeOf(value), place);
}

void TokenRewriter::update(Operation *op) {
  switch (uses.find(op)->second.kind) {
  case TokenUse::Each:
    return updateEach(op);
  case TokenUse::Keys:
    return updateAttention(cast<AttentionOp>(op));
  case TokenUse::Leading: // They stand where they stood.
    op->setOperand(0, at(op->getOperand(0), placeOf(op->getOperand(0)), newestOf(op->getOperand(0))));
    return;
  case TokenUse::All:
    return restoreOperands(op);
  }
}

/// Gives the results of `op` the tokens of a generation.
void TokenRewriter::setGeneration(Operation *op, int64_t generation) {
  for (Value result : op->getResults())
    if (TokenStreams::Place place = streams.placeOf(result)) {
      own[result] = generation;
      SmallVector<int64_t> shape(typeOf(result).getShape());
      shape[place.axis] = generations[place.stream].tokens[generation];
      result.setType(typeOf(result).clone(shape));
      if (auto slice = dyn_cast<SliceOp>(op))
        slice.setSizes(shape);
    }
}

/// Whether an op on each token at `generation` has to get all of them for what lags behind.
bool TokenRewriter::needsAll(Operation *op, int64_t generation) const {
  const bool merges = plan.variant.method == TokenMethod::Merge;
  for (auto [operand, place] : llvm::zip_equal(op->getOperands(), uses.find(op)->second.operands))
    if (place && newestOf(operand) < generation)
      if (!isa<FloatType>(typeOf(operand).getElementType()) || (merges && llvm::none_of(op->getResults(), [&](Value result) {
                                                                  return streams.isOnTheWay(result);
                                                                })))
        return true;
  return false;
}

void TokenRewriter::updateEach(Operation *op) {
  int64_t generation = 0;
  ArrayRef<TokenStreams::Place> operandPlaces = uses.find(op)->second.operands;
  for (auto [operand, place] : llvm::zip_equal(op->getOperands(), operandPlaces))
    if (place)
      generation = std::max(generation, newestOf(operand));
  if (generation == 0)
    return;
  if (needsAll(op, generation))
    return restoreOperands(op);
  for (auto [operand, place] : llvm::zip_equal(op->getOpOperands(), operandPlaces))
    if (place)
      operand.set(at(operand.get(), place, generation, op->getResult(0)));
  setGeneration(op, generation);
}

void TokenRewriter::restoreOperands(Operation *op) {
  for (OpOperand &operand : op->getOpOperands())
    if (TokenStreams::Place place = placeOf(operand.get()))
      operand.set(restored(operand.get(), place));
}

void TokenRewriter::updateAttention(AttentionOp op) {
  TokenStreams::Place keys = placeOf(op.getKey()), queries = placeOf(op.getQuery());
  int64_t keysNow = std::max(newestOf(op.getKey()), newestOf(op.getValue())), queriesNow = queries ? newestOf(op.getQuery()) : 0;
  if (queries && queries.stream == keys.stream)
    keysNow = queriesNow = std::max(keysNow, queriesNow);
  if (keysNow > 0) {
    op.getKeyMutable().assign(at(op.getKey(), keys, keysNow));
    op.getValueMutable().assign(at(op.getValue(), placeOf(op.getValue()), keysNow));
    if (Value bias = logarithmOfSizes(keys.stream, keysNow, typeOf(op.getQuery()).getElementType(), op.getLoc()))
      op.getMaskMutable().assign(bias);
  }
  if (queriesNow > 0) {
    op.getQueryMutable().assign(at(op.getQuery(), queries, queriesNow));
    setGeneration(op, queriesNow);
  }
}

/// What is added to the scores of keys, [n, 1, 1, t]; null if nothing is. Made where it is first needed.
Value TokenRewriter::logarithmOfSizes(int64_t stream, int64_t generation, Type element, Location location) {
  auto [bias, isNew] = biases.try_emplace({stream, generation, element});
  if (!isNew || !generations[stream].sizes[generation])
    return bias->second;
  Value sizes = sizesOf(stream, generation, widened(element));
  auto type = typeOf(sizes);
  Value bounded = ClampOp::create(builder, location, sizes, APFloat(leastSize), APFloat(std::numeric_limits<double>::infinity())).getOutput();
  Value logarithm = makeCast(makeUnary(builder, location, UnaryKind::log, bounded), element);
  return bias->second = makeReshape(builder, location, logarithm, {type.getDimSize(0), 1, 1, type.getDimSize(1)});
}

/// Sizes before anything is merged: what the mask leaves of each token. Null where there is no mask.
Value TokenRewriter::initialSizes(int64_t stream, Location location) {
  Value mask = streams.streams()[stream].mask;
  if (!mask)
    return {};
  auto type = typeOf(mask);
  int64_t tokens = type.getShape().back(), batch = streams.streams()[stream].batch;
  Value sizes = makeUnary(builder, location, UnaryKind::exp, makeReshape(builder, location, mask, {type.getNumElements() / tokens, tokens}));
  if (typeOf(sizes).getDimSize(0) == batch)
    return sizes;
  return BroadcastOp::create(builder, location, type.clone({batch, tokens}), sizes).getOutput();
}

/// By what tokens are compared, [n, t, d]; `tokens` are those at the site.
Value TokenRewriter::metricOf(Value tokens, const Step &step, int64_t generation) {
  const Type element = widened(typeOf(tokens).getElementType());
  tokens = makeCast(tokens, element);
  if (plan.variant.metric == TokenMetric::Features)
    return tokens;
  AttentionOp attention = step.site->attention;
  Value key = attention.getKey();
  Value keys = at(key, placeOf(key), generation);
  keys = makeCast(asTokens(keys, placeOf(keys)), element);
  if (plan.variant.metric == TokenMetric::Keys)
    return keys;
  // Both count alike, whatever their scale.
  auto normalized = [&](Value value) {
    return LayerNormOp::create(builder, tokens.getLoc(), value, Value(), Value(), 2, APFloat(1e-12), /*rms=*/true).getOutput();
  };
  return ConcatOp::create(builder, tokens.getLoc(), ValueRange{normalized(tokens), normalized(keys)}, 2).getOutput();
}

/// The attention that tokens receive, [n, t]: the mean over heads, from the first token if that is read on its own, else from
/// all of them (Liang et al., EViT, 2022, section 3.2).
Value TokenRewriter::scoreOf(const Step &step, Location location, int64_t generation) {
  AttentionOp attention = step.site->attention;
  Value query = attention.getQuery(), keys = attention.getKey();
  auto shape = llvm::to_vector(typeOf(query).getShape());
  if (streams.streams()[step.stream].protectedTokens > 0) {
    shape[2] = 1;
    query = SliceOp::create(builder, location, query, SmallVector<int64_t>(4, 0), shape, SmallVector<int64_t>(4, 1)).getOutput();
  }
  if (int64_t heads = typeOf(keys).getDimSize(1); heads != shape[1]) { // groups of queries share keys
    int64_t group = shape[1] / heads, depth = shape[3];
    query = makeReshape(builder, location, query, {shape[0], heads, group * shape[2], depth});
  }
  Value scores = MatMulOp::create(builder, location, query, keys, Value(), /*transpose_lhs=*/false, /*transpose_rhs=*/true).getOutput();
  Type element = typeOf(scores).getElementType();
  scores = makeBinary(builder, location, BinaryKind::mul, scores,
                      makeScalar(builder, location, element, attention.getScale().convertToDouble()));
  if (attention.getMask())
    scores = makeBinary(builder, location, BinaryKind::add, scores, attention.getMask());
  Value weights = SoftmaxOp::create(builder, location, scores, 3).getOutput();
  Value received = ReduceOp::create(builder, location, ReduceKind::mean, weights, ArrayRef<int64_t>{1, 2}).getOutput();
  own[received] = generationOf(keys);
  return at(received, {step.stream, 1, 0}, generation);
}

LogicalResult TokenRewriter::removeTokens(Value value, const Step &step) {
  builder.setInsertionPointAfterValue(value);
  Generations &stream = generations[step.stream];
  const int64_t tokens = stream.tokens.back(), free = tokens - streams.streams()[step.stream].protectedTokens;
  const bool drops = plan.variant.method == TokenMethod::Drop;
  if (generationOf(value) + 1 != int64_t(stream.tokens.size()))
    return emitError(value.getLoc()) << "sites are not in one line";
  if (int64_t most = drops ? free - 1 : free / 2; step.removed < 0 || step.removed > most)
    return emitError(value.getLoc()) << step.removed << " of " << tokens << " tokens cannot be removed here; at most " << most << " can";
  if (stream.tokens.size() == 1)
    stream.sizes[0] = initialSizes(step.stream, value.getLoc());
  const int64_t rounds = drops ? 1 : countRounds(plan.variant, step.removed, free);
  for (int64_t round = 0; round < rounds; ++round)
    beginGeneration(value, step, step.removed * (round + 1) / rounds - step.removed * round / rounds);
  return success();
}

/// Removes `count` tokens of `value` in its newest generation.
void TokenRewriter::beginGeneration(Value value, const Step &step, int64_t count) {
  Location location = value.getLoc();
  Generations &stream = generations[step.stream];
  const int64_t generation = newestOf(value), left = stream.tokens[generation] - count,
                protect = streams.streams()[step.stream].protectedTokens;
  const bool drops = plan.variant.method == TokenMethod::Drop;
  const TokenStreams::Place place = streams.placeOf(value);
  Value tokens = asTokens(at(value, place, generation), place);
  Value assignment;
  if (drops) {
    assignment = DropTokensOp::create(builder, location, scoreOf(step, location, generation), left, protect).getAssignment();
  } else {
    int64_t reach = plan.variant.matching == TokenMatching::Local && generation == 0 ? 1 : 0;
    Value metric = metricOf(tokens, step, generation);
    Value sizes = sizesOf(step.stream, generation, typeOf(metric).getElementType());
    assignment = MatchTokensOp::create(builder, location, metric, sizes, count, protect, reach).getAssignment();
  }
  Value sizes = sizesOf(step.stream, generation, typeOf(tokens).getElementType());
  auto merged = MergeTokensOp::create(builder, location, tokens, assignment, sizes, left);
  stream.tokens.push_back(left);
  stream.sizes.push_back(drops && !stream.sizes[generation] ? Value() : Value(merged.getNewSizes()));
  stream.assignments.push_back(assignment);
  newest[value] = generation + 1;
  Value version = fromTokens(merged.getOutput(), typeOf(value), place);
  own[version] = generation + 1;
  places[version] = place;
  versions[{value, place.stream, place.axis, generation + 1}] = version;
}

LogicalResult reduceTokens(func::FuncOp function, const TokenStreams &streams, const TokenPlan &plan) {
  return TokenRewriter(function, streams, plan).run();
}

LogicalResult reduceTokensBesideTeacher(func::FuncOp function, const TokenStreams &streams, const TokenPlan &plan, ArrayRef<Value> values,
                                        SmallVectorImpl<TokenTwin> &twins) {
  TokenRewriter rewriter(function, streams, plan);
  rewriter.keepTeacher();
  if (failed(rewriter.run()))
    return failure();
  for (Value value : values)
    twins.push_back(rewriter.twinOf(value));
  return success();
}

} // namespace fettle
