//===- DotProduct.cpp - several products in one instruction ---------------===//

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
  DotProduct dot;
  dot.laneCount = target.vectorBytes / 4;
  dot.isX86 = llvm::Triple(target.triple).isX86();
  if (input.isBF16() && weight.isBF16()) {
    dot.form = Form::bf16;
    return target.hasBf16DotProduct ? std::optional(dot) : std::nullopt;
  }
  bool isUnsigned = input.isUnsignedInteger(8);
  // Signed bytes are i8 or si8 in nn types.
  auto isSigned = [](Type type) { return type.isInteger(8) && !type.isUnsignedInteger(8); };
  bool isWide = weight.isSignlessInteger(16);
  if (!(isUnsigned || isSigned(input)) || !(isSigned(weight) || isWide))
    return std::nullopt;
  dot.isWide = isWide;
  dot.inputIsUnsigned = isUnsigned;
  if (dot.isX86) {
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
  static constexpr const char *names[] = {"busd", "usdot", "sdot", "pairs", "bf16"};
  return names[int(form)] + std::to_string(laneCount) + (isWide ? " wide" : "");
}

void DotProduct::packWeights(char *out, llvm::function_ref<int16_t(int64_t lane, int64_t i)> weight) const {
  if (form == Form::bf16) {
    for (int64_t lane = 0; lane < laneCount; ++lane)
      for (int64_t i = 0; i < 2; ++i, out += 2) {
        int16_t bits = weight(lane, i);
        std::memcpy(out, &bits, 2);
      }
    return;
  }
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

static Value bitcast(ImplicitLocOpBuilder &b, Value value, Type element) {
  auto type = cast<VectorType>(value.getType());
  int64_t lanes = type.getNumElements() * type.getElementTypeBitWidth() / element.getIntOrFloatBitWidth();
  return vector::BitCastOp::create(b, VectorType::get({lanes}, element), value);
}

DotProduct::Parts DotProduct::emitWeights(ImplicitLocOpBuilder &b, Value buffer, Value at) const {
  auto type = VectorType::get({laneCount * 4}, b.getI8Type());
  Parts weights{vector::LoadOp::create(b, type, buffer, at)};
  if (parts() == 2) {
    Value second = arith::AddIOp::create(b, at, arith::ConstantIndexOp::create(b, laneCount * 4));
    weights.push_back(vector::LoadOp::create(b, type, buffer, second));
  }
  if (form == Form::pairs || form == Form::bf16)
    for (Value &part : weights)
      part = bitcast(b, part, form == Form::bf16 ? Type(b.getBF16Type()) : b.getI16Type());
  return weights;
}

DotProduct::Parts DotProduct::emitInput(ImplicitLocOpBuilder &b, Value words) const {
  if (form == Form::bf16)
    return {bitcast(b, words, b.getBF16Type())};
  if (form != Form::pairs) {
    Lanes x(b, words);
    return {bitcast(b, offset == 0 ? x : x ^ x.integerConstant(0x80808080), b.getI8Type())};
  }
  Lanes pairs(b, bitcast(b, words, b.getI16Type()));
  if (inputIsUnsigned)
    return {pairs & pairs.integerConstant(0xff), shiftRightLogical(pairs, 8)};
  return {(pairs << 8) >> 8, pairs >> 8};
}

Value DotProduct::emitStep(ImplicitLocOpBuilder &b, const Parts &inputs, const Parts &weights, Value sum) const {
  auto call = [&](const Twine &name, ValueRange operands) -> Value {
    return LLVM::CallIntrinsicOp::create(b, sum.getType(), b.getStringAttr(name), operands).getResult(0);
  };
  auto addPlanes = [&](const Twine &name) {
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
  case Form::bf16:
    // The inputs last: x86 then broadcasts them from memory within the step.
    return call(isX86 ? "llvm.x86.avx512bf16.dpbf16ps." + std::to_string(laneCount * 32) : "llvm.aarch64.neon.bfdot.v4f32.v8bf16",
                {sum, weights[0], inputs[0]});
  case Form::pairs:
    break;
  }
  StringRef name = laneCount == 16 ? "llvm.x86.avx512.pmaddw.d.512" : laneCount == 8 ? "llvm.x86.avx2.pmadd.wd" : "llvm.x86.sse2.pmadd.wd";
  for (int64_t part = 0; part < 2; ++part)
    sum = arith::AddIOp::create(b, sum, call(name, {inputs[part], weights[part]}));
  return sum;
}

} // namespace fettle::codegen
