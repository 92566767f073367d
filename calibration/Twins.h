//===- Twins.h - two functions side by side on samples ---------------------===//
#ifndef FETTLE_CALIBRATION_TWINS_H
#define FETTLE_CALIBRATION_TWINS_H

#include "ir/profile/Executor.h"
#include "llvm/ADT/STLFunctionalExtras.h"

namespace fettle::calibration {

/// Two functions, and values in them that are meant to be the same.
struct Twins {
  mlir::func::FuncOp teacher, student;
  llvm::SmallVector<mlir::Value> teacherValues, studentValues;
};

/// Runs both on each of `samples` in their order, and shows the values of each. They are valid during the call.
llvm::Error runTwins(Executor &executor, const Twins &twins, llvm::ArrayRef<int64_t> samples,
                     llvm::function_ref<void(int64_t sample, llvm::ArrayRef<HostTensor> teacher, llvm::ArrayRef<HostTensor> student)> see);

} // namespace fettle::calibration

#endif
