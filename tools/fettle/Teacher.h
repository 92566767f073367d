//===- Teacher.h - the float model that students are measured against ------===//
#ifndef FETTLE_TOOLS_TEACHER_H
#define FETTLE_TOOLS_TEACHER_H

#include "calibration/Samples.h"
#include "codegen/artifact/Loader.h"
#include <map>

namespace fettle::cli {

/// A loaded model whose answers are asked for again and again, for one student after the other.
class Teacher {
public:
  Teacher(mlir::MLIRContext &context, std::unique_ptr<codegen::LoadedModel> loaded) : context(context), loaded(std::move(loaded)) {}

  codegen::LoadedModel &model() { return *loaded; }
  /// Its first output for sample `i` of `samples`, always the same ones: computed once, as long as all that is kept takes few bytes.
  llvm::Expected<HostTensor> answer(const calibration::Samples &samples, int64_t i);

private:
  mlir::MLIRContext &context;
  std::unique_ptr<codegen::LoadedModel> loaded;
  std::map<int64_t, HostTensor> kept;
  size_t keptBytes = 0;
};

} // namespace fettle::cli

#endif
