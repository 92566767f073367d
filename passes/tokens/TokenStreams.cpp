//===- TokenStreams.cpp - where the tokens of a transformer can be merged --===//

#include "passes/tokens/TokenStreams.h"
#include "ir/support/Origin.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/EquivalenceClasses.h"

using namespace mlir;
using namespace fettle::nn;

namespace fettle {

/// More leading tokens than these are no cls or distillation tokens, but a part of the sequence.
static constexpr int64_t maxProtected = 4;

static RankedTensorType typeOf(Value value) { return cast<RankedTensorType>(value.getType()); }
static std::string nameOf(Operation *op) { return "'" + formatOrigins(op->getLoc()) + "'"; }

TokenStreams::TokenStreams(func::FuncOp function, TokenMethod method) {
  findStreams(function);
  checkBatch(function);
  for (TokenStream &stream : list) {
    for (AttentionOp attention : stream.attentions)
      checkAttention(stream, attention);
    if (stream.problems.empty())
      findSites(function, stream);
    if (method == TokenMethod::Drop && !stream.sites.empty())
      checkDropping(function, stream);
    if (!stream.problems.empty())
      stream.sites.clear();
  }
}

/// Joins axes by the ties of all ops, but for constants: one may serve several dimensions.
void TokenStreams::findStreams(func::FuncOp function) {
  using Axis = std::pair<const void *, int64_t>;
  llvm::EquivalenceClasses<Axis> classes;
  auto axisOf = [](Value value, int64_t axis) { return Axis(value.getAsOpaquePointer(), axis); };
  function.walk([&](NnOpInterface op) {
    for (const AxisTie &tie : op.getAxisTies())
      if (!tie.a.getDefiningOp<ConstantOp>() && !tie.b.getDefiningOp<ConstantOp>())
        classes.unionSets(axisOf(tie.a, tie.axisA), axisOf(tie.b, tie.axisB));
  });
  llvm::DenseMap<Axis, int64_t> streamOf; // by leader
  SmallVector<Axis> batchOf;              // leaders
  function.walk([&](AttentionOp op) {
    if (op.getKey().getDefiningOp<ConstantOp>())
      return;
    auto [entry, isNew] = streamOf.try_emplace(classes.getLeaderValue(axisOf(op.getKey(), 2)), int64_t(list.size()));
    if (isNew) {
      list.emplace_back();
      list.back().tokens = op.getKey().getType().getDimSize(2);
      list.back().batch = op.getKey().getType().getDimSize(0);
      batchOf.push_back(classes.getLeaderValue(axisOf(op.getKey(), 0)));
    }
    list[entry->second].attentions.push_back(op);
  });
  auto place = [&](Value value) {
    Place found;
    SmallVector<const Axis *> leaders;
    for (int64_t axis = 0; axis < typeOf(value).getRank(); ++axis) {
      auto leader = classes.findLeader(axisOf(value, axis));
      leaders.push_back(leader == classes.member_end() ? nullptr : &*leader);
      auto stream = leaders.back() ? streamOf.find(*leaders.back()) : streamOf.end();
      if (stream == streamOf.end())
        continue;
      if (found)
        list[stream->second].problems.push_back(
            (value.getDefiningOp() ? nameOf(value.getDefiningOp()) : "an input") +
            " has an entry for each pair of tokens: a mask or bias of their places, or scores outside of an attention");
      else
        found = {stream->second, axis, -1};
    }
    if (!found)
      return;
    for (auto [axis, leader] : llvm::enumerate(leaders))
      if (leader && *leader == batchOf[found.stream])
        found.batch = int64_t(axis);
    places[value] = found;
  };
  for (BlockArgument argument : function.getArguments())
    place(argument);
  for (Operation &op : function.getOps())
    llvm::for_each(op.getResults(), place);
}

/// Where an axis is batch and heads in one, sequences cannot be told apart.
void TokenStreams::checkBatch(func::FuncOp function) {
  llvm::DenseSet<Value> varying; // from sequence to sequence
  auto check = [&](Value value) {
    Place place = placeOf(value);
    if (place && place.batch >= 0)
      varying.insert(value);
    else if (place && list[place.stream].batch > 1 && varying.contains(value) && list[place.stream].problems.empty())
      list[place.stream].problems.push_back(nameOf(value.getDefiningOp()) + " has the batch and another axis as one: bind a batch of 1");
  };
  llvm::for_each(function.getArguments(), check);
  for (Operation &op : function.getOps()) {
    const bool isVarying = llvm::any_of(op.getOperands(), [&](Value operand) { return varying.contains(operand); });
    for (Value result : op.getResults()) {
      if (isVarying)
        varying.insert(result);
      check(result);
    }
  }
}

void TokenStreams::checkAttention(TokenStream &stream, AttentionOp attention) {
  auto refuse = [&](const Twine &reason) { stream.problems.push_back((nameOf(attention) + " " + reason).str()); };
  if (attention.getCausal())
    refuse("is causal: a token must not take part in others before it");
  if (stream.tokens < 4)
    refuse("has only " + Twine(stream.tokens) + " tokens");
  Value mask = attention.getMask();
  if (attention == stream.attentions.front())
    stream.mask = mask;
  else if (mask != stream.mask)
    return refuse("has another mask than " + nameOf(stream.attentions.front()));
  if (!mask)
    return;
  SmallVector<int64_t> extents(4, 1); // [n, heads, s, t]
  llvm::copy(typeOf(mask).getShape(), extents.end() - typeOf(mask).getRank());
  if (extents[1] != 1 || extents[2] != 1)
    refuse("has a mask for each " + Twine(extents[1] != 1 ? "head" : "pair of tokens"));
  else if (extents[3] != stream.tokens)
    refuse("has one mask for all tokens");
}

/// The slice reads leading tokens alone: how many. 0 if it reads others.
static int64_t leadingTokens(SliceOp slice, const TokenStreams &streams) {
  TokenStreams::Place place = streams.placeOf(slice.getInput());
  if (!place || streams.placeOf(slice.getOutput()))
    return 0;
  int64_t first = slice.getStarts()[place.axis], size = slice.getSizes()[place.axis];
  int64_t end = std::max(first, first + (size - 1) * slice.getSteps()[place.axis]) + 1;
  return size > 0 && end <= maxProtected ? end : 0;
}

/// Notes the values of the stream that `ends` are made of: not its masks.
void TokenStreams::addFeatures(const TokenStream &stream, SmallVector<Value> ends) {
  const int64_t index = &stream - list.data();
  while (!ends.empty()) {
    Value value = ends.pop_back_val();
    if (placeOf(value).stream != index || !features.insert(value).second)
      continue;
    if (Operation *op = value.getDefiningOp())
      for (OpOperand &operand : op->getOpOperands())
        if (!isa<AttentionOp>(op) || operand.getOperandNumber() < 3)
          ends.push_back(operand.get());
  }
}

/// Axes with more than one position beside tokens and batch.
static int64_t wideAxes(Value value, TokenStreams::Place place) {
  int64_t count = 0;
  for (auto [axis, extent] : llvm::enumerate(typeOf(value).getShape()))
    count += int64_t(axis) != place.axis && int64_t(axis) != place.batch && extent > 1;
  return count;
}

void TokenStreams::findSites(func::FuncOp function, TokenStream &stream) {
  const int64_t index = &stream - list.data();
  llvm::DenseMap<Operation *, int64_t> order;
  for (auto [i, op] : llvm::enumerate(function.getOps()))
    order[&op] = int64_t(i);
  auto isIn = [](const llvm::DenseSet<Value> &set) { return [&set](Value value) { return set.contains(value); }; };
  llvm::DenseSet<Operation *> ours(stream.attentions.begin(), stream.attentions.end());
  SmallVector<Value> ends;
  for (AttentionOp op : stream.attentions)
    ends.append({op.getQuery(), op.getKey(), op.getValue()});
  addFeatures(stream, ends);
  llvm::DenseSet<Value> attended; // made by attentions of the stream
  llvm::DenseSet<Value> known;    // features of the stream so far
  llvm::DenseSet<Value> past;     // what went past the last attention
  AttentionOp attention;          // the last one met
  AttentionOp ofLastSite;         // the last one before the last site
  bool multiplied = true;         // since the last site
  bool isApart = false;           // what follows an attention meets nothing that went past it
  bool isElsewhere = false;       // the network goes on with other tokens
  bool isBatched = false;         // it does, but there are other sequences beside the tokens
  int64_t reach = -1;             // last use of what is attended and of the stream
  for (Value argument : function.getArguments())
    if (placeOf(argument).stream == index && isOnTheWay(argument))
      known.insert(argument);
  for (auto [i, op] : llvm::enumerate(function.getOps())) {
    const bool isOurs = ours.contains(&op);
    if (isOurs) {
      attention = cast<AttentionOp>(op);
      past = known;
    }
    const bool isAttended = isOurs || llvm::any_of(op.getOperands(), isIn(attended));
    const bool isPast = !isOurs && llvm::any_of(op.getOperands(), isIn(past));
    if (auto slice = dyn_cast<SliceOp>(op); slice && placeOf(slice.getInput()).stream == index)
      stream.protectedTokens = std::max(stream.protectedTokens, leadingTokens(slice, *this));
    auto fact = dyn_cast<NnOpInterface>(op);
    const bool multiplies = isAttended && fact && fact.getMacs() > 0;
    for (Value value : op.getResults()) {
      if (isAttended)
        attended.insert(value);
      Place place = placeOf(value);
      isElsewhere |= multiplies && place.stream != index;
      if (place.stream != index)
        continue;
      if (isPast)
        past.insert(value);
      if (isAttended || isOnTheWay(value))
        known.insert(value);
      if (!isAttended)
        continue;
      multiplied |= multiplies;
      const bool isWhole = op.getNumResults() == 1 && reach <= int64_t(i) && isa<FloatType>(typeOf(value).getElementType());
      const bool isOne = wideAxes(value, place) <= 1 && (place.batch >= 0 || stream.batch == 1);
      isApart |= isWhole && isOne && !isPast;
      isBatched |= isWhole && !isOne && isPast;
      if (isWhole && isOne && isPast) {
        if (multiplied) {
          stream.sites.push_back({value, attention, attention != ofLastSite});
          ofLastSite = attention;
        } else if (!stream.sites.empty()) {
          stream.sites.back().value = value;
        }
        multiplied = false;
      }
      for (Operation *user : value.getUsers())
        reach = std::max(reach, order.lookup(user));
    }
    // An attention of others to these tokens works on each of them.
    multiplied |= isOurs;
  }
  // Behind the last one nothing is left to save.
  if (!multiplied && !stream.sites.empty())
    stream.sites.pop_back();
  for (const TokenSite &site : stream.sites)
    addFeatures(stream, {site.value});
  if (stream.sites.empty())
    stream.problems.push_back(nameOf(stream.attentions.front()) +
                              (isBatched ? " has the batch and another axis as one: bind a batch of 1"
                               : isApart && isElsewhere ? " works on windows, or on other tokens than those it is added to"
                                         : " and what follows leave no place where all tokens lie in one tensor [n, t, c]"));
}

/// Follows what may lack tokens, as TokenRewriter does.
void TokenStreams::checkDropping(func::FuncOp function, TokenStream &stream) {
  const int64_t index = &stream - list.data();
  llvm::DenseSet<Value> fewer;
  for (Operation &op : function.getOps()) {
    TokenUse use = tokenUseOf(&op, *this);
    if (llvm::any_of(op.getOperands(), [&](Value operand) { return fewer.contains(operand); })) {
      const bool needsAll = use == TokenUse::All || (use == TokenUse::Each && llvm::any_of(op.getOpOperands(), [&](OpOperand &operand) {
                                                       return operandPlace(operand, *this).stream == index && !fewer.contains(operand.get()) &&
                                                              !isa<FloatType>(typeOf(operand.get()).getElementType());
                                                     }));
      if (needsAll)
        return stream.problems.push_back((isa<func::ReturnOp>(op) ? "the output" : nameOf(&op)) + " reads each token: they can be merged, not dropped");
      for (Value result : op.getResults())
        if (placeOf(result).stream == index)
          fewer.insert(result);
    }
    if (op.getNumResults() == 1 && op.getResult(0) == stream.sites.front().value)
      fewer.insert(op.getResult(0));
  }
}

TokenStreams::Place operandPlace(OpOperand &operand, const TokenStreams &streams) {
  auto op = dyn_cast<NnOpInterface>(operand.getOwner());
  if (!op)
    return {};
  using Axis = std::pair<Value, int64_t>;
  llvm::SmallDenseMap<Axis, int64_t> known; // the stream of an axis
  for (Value result : op->getResults())
    if (TokenStreams::Place place = streams.placeOf(result); place && !op.mixesAlong(place.axis))
      known[{result, place.axis}] = place.stream;
  SmallVector<AxisTie> ties = op.getAxisTies();
  for (bool isChanged = !known.empty(); isChanged;) {
    isChanged = false;
    for (const AxisTie &tie : ties)
      for (auto [from, to] : {std::pair<Axis, Axis>{{tie.a, tie.axisA}, {tie.b, tie.axisB}}, {{tie.b, tie.axisB}, {tie.a, tie.axisA}}})
        if (auto it = known.find(from); it != known.end())
          isChanged |= known.try_emplace(to, it->second).second;
  }
  for (int64_t axis = 0; axis < typeOf(operand.get()).getRank(); ++axis)
    if (auto it = known.find({operand.get(), axis}); it != known.end())
      return {it->second, axis, streams.placeOf(operand.get()).batch};
  return {};
}

TokenUse tokenUseOf(Operation *op, const TokenStreams &streams) {
  if (isa<AttentionOp>(op))
    return TokenUse::Keys;
  if (auto slice = dyn_cast<SliceOp>(op); slice && leadingTokens(slice, streams) > 0)
    return TokenUse::Leading;
  for (OpOperand &operand : op->getOpOperands())
    if (TokenStreams::Place place = streams.placeOf(operand.get()); place && operandPlace(operand, streams).axis != place.axis)
      return TokenUse::All;
  return TokenUse::Each;
}

} // namespace fettle
