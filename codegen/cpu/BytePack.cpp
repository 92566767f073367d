//===- BytePack.cpp - four vectors of reals to one of bytes ---------------===//

#include "codegen/cpu/BytePack.h"
#include "codegen/common/Lanes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/TargetParser/Triple.h"

using namespace mlir;

namespace fettle::codegen {

bool hasBytePack(const CpuTarget &target) { return llvm::Triple(target.triple).isX86(); }

Value joinRuns(ImplicitLocOpBuilder &b, ArrayRef<Value> runs) {
  if (runs.size() == 1)
    return runs[0];
  auto type = VectorType::get({int64_t(runs.size()) * runLanes}, getElementTypeOrSelf(runs[0].getType()));
  Value joined = arith::ConstantOp::create(b, b.getZeroAttr(type));
  for (auto [i, run] : llvm::enumerate(runs))
    joined = vector::InsertStridedSliceOp::create(b, run, joined, ArrayRef<int64_t>{int64_t(i) * runLanes}, ArrayRef<int64_t>{1});
  return joined;
}

Value emitBytePack(ImplicitLocOpBuilder &b, ArrayRef<Value> vectors, int64_t zeroPoint, PackOrder order) {
  int64_t lanes = cast<VectorType>(vectors[0].getType()).getNumElements(), parts = lanes / 4;
  auto vectorOf = [&](int64_t count, unsigned bits) { return VectorType::get({count}, b.getIntegerType(bits)); };
  auto call = [&](StringRef name, Type type, ValueRange operands) -> Value {
    return LLVM::CallIntrinsicOp::create(b, type, b.getStringAttr(name), operands).getResult(0);
  };
  // Above 2^31 the conversion gives the least integer instead of the greatest. NaN gives it too, and so 0.
  auto toIntegers = [&](Value value) {
    Lanes x(b, value), most = x.constant(32767);
    return call("llvm.lrint", vectorOf(lanes, 32), Value(select(most < x, most, x)));
  };
  StringRef prefix = parts == 4 ? "llvm.x86.avx512." : parts == 2 ? "llvm.x86.avx2." : "llvm.x86.sse2.";
  StringRef suffix = parts == 4 ? ".512" : parts == 2 ? "" : ".128";
  Value pairs[2];
  for (int i = 0; i < 2; ++i) {
    auto type = vectorOf(2 * lanes, 16);
    pairs[i] = call((prefix + "packssdw" + suffix).str(), type, {toIntegers(vectors[2 * i]), toIntegers(vectors[2 * i + 1])});
    if (zeroPoint != 0)
      pairs[i] = call("llvm.sadd.sat", type, {pairs[i], emitIntegerConstant(b, type, zeroPoint)});
  }
  Value bytes = call((prefix + "packuswb" + suffix).str(), vectorOf(4 * lanes, 8), {pairs[0], pairs[1]});
  if (parts == 1 || order == PackOrder::runs)
    return bytes;
  SmallVector<int64_t> dwordOrder;
  for (int64_t vector = 0; vector < packedVectors; ++vector)
    for (int64_t part = 0; part < parts; ++part)
      dwordOrder.push_back(part * packedVectors + vector);
  Value dwords = vector::BitCastOp::create(b, vectorOf(lanes, 32), bytes);
  return vector::BitCastOp::create(b, bytes.getType(), vector::ShuffleOp::create(b, dwords, dwords, dwordOrder));
}

} // namespace fettle::codegen
