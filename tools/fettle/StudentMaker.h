//===- StudentMaker.h - artifacts of one model, made to be judged ----------===//
#ifndef FETTLE_TOOLS_STUDENTMAKER_H
#define FETTLE_TOOLS_STUDENTMAKER_H

#include "codegen/cpu/CompileModule.h"
#include "tools/fettle/OutputFile.h"
#include "tools/fettle/Pipeline.h"

namespace fettle::cli {

/// Makes artifacts that differ from what `request` asks for in a few choices, one after the other, in a scratch folder.
class StudentMaker {
public:
  /// `name` is that of all artifacts.
  static llvm::Expected<StudentMaker> create(Environment &environment, mlir::MLIRContext &context, const CompileRequest &request,
                                             const std::string &name);

  /// Gives `judge` the folder of an artifact made with `change` to the request, and what compiling it told.
  llvm::Error make(llvm::function_ref<void(CompileRequest &)> change,
                   llvm::function_ref<llvm::Error(llvm::StringRef folder, const CompileResult &result)> judge);

private:
  StudentMaker(Environment &environment, mlir::MLIRContext &context, const CompileRequest &request)
      : environment(environment), context(context), request(request) {}

  Environment &environment;
  mlir::MLIRContext &context;
  CompileRequest request;
  std::unique_ptr<codegen::KernelCache> kernels; ///< students share most of theirs
  std::unique_ptr<TemporaryPath> scratch;
  unsigned made = 0;
};

} // namespace fettle::cli

#endif
