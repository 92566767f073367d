//===- DotProduct.cpp - four byte products in one instruction -------------===//

#include "codegen/cpu/DotProduct.h"
#include "codegen/common/Lanes.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/Vector/IR/VectorOps.h"
#include "llvm/TargetParser/Triple.h"
#include <algorithm>
#include <cstring>

using namespace mlir;

namespace fettle::codegen {

std::optional<DotProduct> DotProduct::choose(const CpuTarget &target, Type input, Type weight) {
  bool isUnsigned = input.isUnsignedInteger(8);
  // Signed bytes are i8 or si8 in nn types.
  auto isSigned = [](Type type) { return type.isInteger(8) && !type.isUnsignedInteger(8); };
  bool isWide = weight.isSignlessInteger(16);
  if (!(isUnsigned || isSigned(input)) || !(isSigned(weight) || isWide))
    return std::nullopt;
  DotProduct dot;
  dot.isWide = isWide;
  dot.laneCount = target.vectorBytes / 4;
  dot.inputIsUnsigned = isUnsigned;
  if (llvm::Triple(target.triple).isX86()) {
    dot.form = target.hasVnni ? Form::busd : Form::pairs;
  } else {
    if (!target.hasI8mm && !target.hasDotProduct)
      return std::nullopt;
    dot.form = target.hasI8mm && isUnsigned ? Form::usdot : target.hasDotProduct ? Form::sdot : Form::usdot;
  }
  bool takesUnsigned = dot.form == Form::busd || dot.form == Form::usdot;
  if (dot.form != Form::pairs && takesUnsigned != isUnsigned)
    dot.offset = takesUnsigned ? 128 : -128;
  return dot;
}

std::string DotProduct::name() const {
  static constexpr const char *names[] = {"busd", "usdot", "sdot", "pairs"};
  return names[int(form)] + std::to_string(laneCount) + (isWide ? " wide" : "");
}

void DotProduct::packWeights(char *out, llvm::function_ref<int16_t(int64_t lane, int64_t i)> weight) const {
  if (form != Form::pairs) {
    for (int64_t plane = 0; plane < parts(); ++plane)
      for (int64_t lane = 0; lane < laneCount; ++lane)
        for (int64_t i = 0; i < 4; ++i) {
          int w = weight(lane, i), first = std::clamp(w, -128, 127);
          *out++ = char(plane == 0 ? first : w - first);
        }
    return;
  }
  for (int64_t part = 0; part < 2; ++part)
    for (int64_t lane = 0; lane < laneCount; ++lane)
      for (int64_t i : {part, part + 2}) {
        int16_t wide = weight(lane, i);
        std::memcpy(out, &wide, 2);
        out += 2;
      }
}

static Value bitcast(ImplicitLocOpBuilder &b, Value value, unsigned bits) {
  auto type = cast<VectorType>(value.getType());
  int64_t lanes = type.getNumElements() * type.getElementTypeBitWidth() / bits;
  return vector::BitCastOp::create(b, VectorType::get({lanes}, b.getIntegerType(bits)), value);
}

DotProduct::Parts DotProduct::emitWeights(ImplicitLocOpBuilder &b, Value buffer, Value at) const {
  auto type = VectorType::get({laneCount * 4}, b.getI8Type());
  Parts weights{vector::LoadOp::create(b, type, buffer, at)};
  if (parts() == 2) {
    Value second = arith::AddIOp::create(b, at, arith::ConstantIndexOp::create(b, laneCount * 4));
    weights.push_back(vector::LoadOp::create(b, type, buffer, second));
  }
  if (form == Form::pairs)
    for (Value &part : weights)
      part = bitcast(b, part, 16);
  return weights;
}

DotProduct::Parts DotProduct::emitInput(ImplicitLocOpBuilder &b, Value quads) const {
  if (form != Form::pairs) {
    Lanes x(b, quads);
    return {bitcast(b, offset == 0 ? x : x ^ x.integerConstant(0x80808080), 8)};
  }
  Lanes pairs(b, bitcast(b, quads, 16));
  if (inputIsUnsigned)
    return {pairs & pairs.integerConstant(0xff), shiftRightLogical(pairs, 8)};
  return {(pairs << 8) >> 8, pairs >> 8};
}

Value DotProduct::emitStep(ImplicitLocOpBuilder &b, const Parts &inputs, const Parts &weights, Value sum) const {
  auto call = [&](StringRef name, ValueRange operands) -> Value {
    return LLVM::CallIntrinsicOp::create(b, sum.getType(), b.getStringAttr(name), operands).getResult(0);
  };
  auto addPlanes = [&](StringRef name) {
    for (Value plane : weights)
      sum = call(name, {sum, inputs[0], plane});
    return sum;
  };
  switch (form) {
  case Form::busd:
    return addPlanes("llvm.x86.avx512.vpdpbusd." + std::to_string(laneCount * 32));
  case Form::usdot:
    return addPlanes("llvm.aarch64.neon.usdot.v4i32.v16i8");
  case Form::sdot:
    return addPlanes("llvm.aarch64.neon.sdot.v4i32.v16i8");
  case Form::pairs:
    break;
  }
  StringRef name = laneCount == 16 ? "llvm.x86.avx512.pmaddw.d.512" : laneCount == 8 ? "llvm.x86.avx2.pmadd.wd" : "llvm.x86.sse2.pmadd.wd";
  for (int64_t part = 0; part < 2; ++part)
    sum = arith::AddIOp::create(b, sum, call(name, {inputs[part], weights[part]}));
  return sum;
}

} // namespace fettle::codegen
