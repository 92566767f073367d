//===- Twins.cpp - two functions side by side on samples -------------------===//

#include "calibration/Twins.h"

namespace fettle::calibration {

llvm::Error runTwins(Executor &executor, const Twins &twins, llvm::ArrayRef<int64_t> samples,
                     llvm::function_ref<void(int64_t, llvm::ArrayRef<HostTensor>, llvm::ArrayRef<HostTensor>)> see) {
  auto teacher = executor.prepare(twins.teacher, twins.teacherValues);
  if (!teacher)
    return teacher.takeError();
  auto student = executor.prepare(twins.student, twins.studentValues);
  if (!student)
    return student.takeError();
  for (int64_t sample : samples) {
    auto wanted = (*teacher)->run(sample);
    if (!wanted)
      return wanted.takeError();
    auto given = (*student)->run(sample);
    if (!given)
      return given.takeError();
    see(sample, *wanted, *given);
  }
  return llvm::Error::success();
}

} // namespace fettle::calibration
