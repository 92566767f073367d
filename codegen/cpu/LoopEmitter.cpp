//===- LoopEmitter.cpp - loops and index arithmetic -----------------------===//

#include "codegen/cpu/LoopEmitter.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"

using namespace mlir;

namespace fettle::codegen {

Value indexConstant(ImplicitLocOpBuilder &b, int64_t value) { return arith::ConstantIndexOp::create(b, value); }

Value addIndex(ImplicitLocOpBuilder &b, Value x, Value y) { return b.createOrFold<arith::AddIOp>(x, y); }

Value addIndex(ImplicitLocOpBuilder &b, Value x, int64_t y) { return y == 0 ? x : addIndex(b, x, indexConstant(b, y)); }

Value mulIndex(ImplicitLocOpBuilder &b, Value x, int64_t y) {
  return y == 1 ? x : b.createOrFold<arith::MulIOp>(x, indexConstant(b, y));
}

Value minIndex(ImplicitLocOpBuilder &b, Value x, Value y) { return b.createOrFold<arith::MinSIOp>(x, y); }

/// Code of no instructions that LLVM takes to have effects.
static LLVM::InlineAsmOp emitEmptyAssembly(ImplicitLocOpBuilder &b, TypeRange results, ValueRange operands, llvm::StringRef constraints) {
  return LLVM::InlineAsmOp::create(b, results, operands, /*asm_string=*/"", constraints, /*has_side_effects=*/true, /*is_align_stack=*/false,
                                   LLVM::TailCallKind::None, LLVM::AsmDialectAttr(), ArrayAttr());
}

Value emitOpaque(ImplicitLocOpBuilder &b, Value index) {
  Type i64 = b.getI64Type();
  Value word = arith::IndexCastOp::create(b, i64, index);
  return arith::IndexCastOp::create(b, b.getIndexType(), emitEmptyAssembly(b, i64, word, "=r,0").getRes());
}

void emitSchedulingBarrier(ImplicitLocOpBuilder &b) { emitEmptyAssembly(b, {}, {}, ""); }

CarriedValues emitFor(ImplicitLocOpBuilder &b, Value low, Value high, int64_t step, ValueRange initial,
                      llvm::function_ref<CarriedValues(Value, ValueRange)> body) {
  std::optional<int64_t> first = getConstantIntValue(low), end = getConstantIntValue(high);
  if (first && end && *first >= *end)
    return CarriedValues(initial);
  if (first && end && *first + step >= *end)
    return body(low, initial);
  auto loop = scf::ForOp::create(b, low, high, indexConstant(b, step), initial);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(loop.getBody());
  CarriedValues next = body(loop.getInductionVar(), loop.getRegionIterArgs());
  if (!initial.empty()) // without results the builder made the yield
    scf::YieldOp::create(b, next);
  return CarriedValues(loop.getResults());
}

CarriedValues emitFor(ImplicitLocOpBuilder &b, int64_t low, int64_t high, int64_t step, ValueRange initial,
                      llvm::function_ref<CarriedValues(Value, ValueRange)> body) {
  return emitFor(b, indexConstant(b, low), indexConstant(b, high), step, initial, body);
}

void emitFor(ImplicitLocOpBuilder &b, Value low, Value high, int64_t step, llvm::function_ref<void(Value)> body) {
  emitFor(b, low, high, step, ValueRange(), [&](Value i, ValueRange) {
    body(i);
    return CarriedValues();
  });
}

void emitFor(ImplicitLocOpBuilder &b, int64_t low, int64_t high, int64_t step, llvm::function_ref<void(Value)> body) {
  emitFor(b, indexConstant(b, low), indexConstant(b, high), step, body);
}

void forbidUnrolling(scf::ForOp loop) {
  MLIRContext *context = loop.getContext();
  auto unroll = LLVM::LoopUnrollAttr::get(context, /*disable=*/BoolAttr::get(context, true), {}, {}, {}, {}, {}, {});
  // The name under which the branch that the loop becomes reads it.
  loop->setAttr("loop_annotation",
                LLVM::LoopAnnotationAttr::get(context, {}, {}, {}, unroll, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}));
}

void emitIf(ImplicitLocOpBuilder &b, Value condition, llvm::function_ref<void()> body) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/false);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
}

void emitIf(ImplicitLocOpBuilder &b, Value condition, llvm::function_ref<void()> body, llvm::function_ref<void()> otherwise) {
  auto branch = scf::IfOp::create(b, condition, /*withElseRegion=*/true);
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(branch.thenBlock());
  body();
  b.setInsertionPointToStart(branch.elseBlock());
  otherwise();
}

SmallVector<Value> delinearize(ImplicitLocOpBuilder &b, Value index, ArrayRef<int64_t> extents) {
  SmallVector<Value> coordinates(extents.size());
  for (int64_t i = extents.size(); i-- > 0;) {
    if (i == 0) {
      coordinates[i] = index;
    } else if (extents[i] == 1) {
      coordinates[i] = indexConstant(b, 0);
    } else {
      coordinates[i] = b.createOrFold<arith::RemUIOp>(index, indexConstant(b, extents[i]));
      index = b.createOrFold<arith::DivUIOp>(index, indexConstant(b, extents[i]));
    }
  }
  return coordinates;
}

FlatFrame::FlatFrame(nn::KernelOp kernel, OpBuilder &moduleBuilder, ArrayRef<MemRefType> packedTypes)
    : KernelFrame(kernel, moduleBuilder, packedTypes), numInputs(kernel.getInputs().size()) {
  for (Value argument : function.getArguments().drop_back(2)) {
    auto type = cast<MemRefType>(argument.getType());
    auto flatType = MemRefType::get({type.getNumElements()}, type.getElementType());
    flats.push_back(type == flatType ? argument
                                     : memref::ReinterpretCastOp::create(b, flatType, argument, /*offset=*/int64_t(0),
                                                                         ArrayRef<int64_t>{type.getNumElements()},
                                                                         ArrayRef<int64_t>{1}));
  }
}

Value FlatFrame::scratch(Type element, int64_t elements) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointToStart(&function.getBody().front());
  return memref::AllocaOp::create(b, MemRefType::get({elements}, element), b.getI64IntegerAttr(64));
}

} // namespace fettle::codegen
