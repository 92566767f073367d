//===- Cast.cpp - conversion of element types -----------------------------===//
//
// Every conversion rounds once. Floats outside an integer's range saturate (ONNX
// leaves them undefined), NaN gives 0; integers wrap; anything but 0 is true.
//
//===----------------------------------------------------------------------===//

#include "ir/reference/eval/Elements.h"
#include "ir/reference/eval/Eval.h"
#include "llvm/ADT/APFloat.h"
#include <cmath>

using namespace mlir;

namespace fettle::reference {

/// A 64-bit integer to any float. A double would round once too often between a
/// large integer and the narrower result, so the conversion is done in one step.
static double roundInteger(int64_t value, bool isUnsigned, const llvm::fltSemantics &semantics) {
  llvm::APFloat rounded(semantics);
  rounded.convertFromAPInt(llvm::APInt(64, uint64_t(value)), !isUnsigned, llvm::APFloat::rmNearestTiesToEven);
  bool lossy;
  rounded.convert(llvm::APFloat::IEEEdouble(), llvm::APFloat::rmNearestTiesToEven, &lossy);
  return rounded.convertToDouble();
}

Results evaluateOp(nn::CastOp op, Operands operands) {
  const HostTensor &input = operands[0];
  HostTensor result(op.getOutput().getType());
  Type to = result.elementType();
  int64_t count = input.numElements();
  if (input.elementType() == to)
    return {input};
  if (isFloat(input) && isFloat(result)) {
    DoubleReader read(input);
    DoubleWriter write(result);
    for (int64_t i = 0; i < count; ++i)
      write.set(i, read[i]);
  } else if (isFloat(input)) {
    DoubleReader read(input);
    IntegerWriter write(result);
    for (int64_t i = 0; i < count; ++i)
      write.set(i, to.isSignlessInteger(1) ? read[i] != 0 : saturate(read[i], to));
  } else if (isFloat(result)) {
    const llvm::fltSemantics &semantics = cast<FloatType>(to).getFloatSemantics();
    IntegerReader read(input);
    DoubleWriter write(result);
    for (int64_t i = 0; i < count; ++i) {
      int64_t value = read[i];
      bool isExact = std::abs(double(value)) < double(int64_t(1) << 53) && !(isUnsigned64(input) && value < 0);
      write.set(i, isExact ? double(value) : roundInteger(value, isUnsigned64(input), semantics));
    }
  } else {
    IntegerReader read(input);
    IntegerWriter write(result);
    for (int64_t i = 0; i < count; ++i)
      write.set(i, to.isSignlessInteger(1) ? read[i] != 0 : read[i]);
  }
  return {result};
}

} // namespace fettle::reference
