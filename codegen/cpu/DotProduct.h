//===- DotProduct.h - several products in one instruction -----------------===//
//
// Contractions of narrow elements advance a *word* at a time: neighbouring elements
// of the left-hand side that fill 32 bits, four bytes or two bf16. One lane of a sum
// is as wide, and one step adds to each lane the products of its word of inputs with
// its word of weights. What the machine offers for that step differs:
//
//   busd   x86 VNNI       vpdpbusd: unsigned inputs, signed weights
//   usdot  AArch64 i8mm   the same
//   sdot   AArch64 dotprod: both signed
//   pairs  other x86      bytes widened to 16 bits, vpmaddwd on the even and on the
//                         odd bytes (vpmaddubsw would saturate and is never used)
//   bf16   x86 AVX512-BF16, AArch64 bf16: vdpbf16ps and bfdot, sums in f32
//
// Example (pairs): the word 1 2 3 4 is split by a mask and a shift into the 16-bit
// pairs (1, 3) and (2, 4); the weights are packed as the same pairs.
//
// Weights of nine bits (a full unsigned range around its zero point, held in 16) are two planes of bytes, w = a + b, and take
// two steps; pairs hold them as they are.
//
// Inputs of the other signedness are moved by 128, which flips their top bit:
// sum (x + 128 - (z + 128)) w is the same integer. All forms of bytes are exact modulo 2^32.
//
// Products of two bf16 are exact in f32; what is added is rounded as by other sums in f32, in an order of the
// machine's (bfdot may round to odd). Denormal inputs and results count as 0.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_CODEGEN_CPU_DOTPRODUCT_H
#define FETTLE_CODEGEN_CPU_DOTPRODUCT_H

#include "ir/target/CpuTarget.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"

namespace fettle::codegen {

class DotProduct {
public:
  enum class Form { busd, usdot, sdot, pairs, bf16 };

  /// The form for inputs of ui8 or si8 and weights of si8, or of i16 within [-256, 254], or for bf16 and bf16; none where
  /// the types are others or the target has nothing better than ordinary multiplications.
  static std::optional<DotProduct> choose(const CpuTarget &target, mlir::Type input, mlir::Type weight);

  /// Names the form and the width: what packed weights depend on.
  std::string name() const;
  /// i32 or f32 lanes of a sum, each fed by one word.
  int64_t lanes() const { return laneCount; }
  /// Elements of a word.
  int64_t elements() const { return form == Form::bf16 ? 2 : 4; }
  /// Whether 0 times any element is 0: not with floats, where it may be infinite.
  bool hasExactZero() const { return form != Form::bf16; }
  /// Registers that the words of one vector of weights, or one vector of inputs, take.
  int64_t parts() const { return form == Form::pairs || isWide ? 2 : 1; }
  /// Registers that a step wants besides sums and weights. None of the forms of bytes reads its inputs from memory, and LLVM
  /// moves their broadcasts together: too few registers here and it spills the sums.
  int64_t temporaries() const { return form == Form::pairs ? 4 : form == Form::bf16 ? 1 : laneCount == 16 ? 8 : 2; }
  /// Bytes of the packed weights of one vector of sums.
  int64_t weightBytes() const { return laneCount * 4 * parts(); }
  /// What emitInput adds to every input: the zero point moves with it.
  int64_t inputOffset() const { return offset; }

  /// Writes the words of `lanes` columns as emitWeights reads them; `weight(lane, i)` is element i of a word (of bf16,
  /// the bits).
  void packWeights(char *out, llvm::function_ref<int16_t(int64_t lane, int64_t i)> weight) const;

  using Parts = llvm::SmallVector<mlir::Value, 2>;
  /// The weights of one vector of sums, at `at` of a flat i8 memref.
  Parts emitWeights(mlir::ImplicitLocOpBuilder &b, mlir::Value buffer, mlir::Value at) const;
  /// Words as the machine multiplies them, from a vector of `lanes` i32.
  Parts emitInput(mlir::ImplicitLocOpBuilder &b, mlir::Value words) const;
  /// sum + inputs * weights, lane by lane.
  mlir::Value emitStep(mlir::ImplicitLocOpBuilder &b, const Parts &inputs, const Parts &weights, mlir::Value sum) const;

private:
  Form form = Form::busd;
  int64_t laneCount = 0, offset = 0;
  bool isX86 = true, inputIsUnsigned = true;
  bool isWide = false; ///< weights of nine bits
};

} // namespace fettle::codegen

#endif
