//===- StudentMaker.cpp - artifacts of one model, made to be judged --------===//

#include "tools/fettle/StudentMaker.h"
#include "llvm/Support/FileSystem.h"

namespace fettle::cli {

llvm::Expected<StudentMaker> StudentMaker::create(Environment &environment, mlir::MLIRContext &context, const CompileRequest &request,
                                                  const std::string &name) {
  StudentMaker maker(environment, context, request);
  maker.request.name = name;
  maker.request.golden = maker.request.layerErrors = maker.request.tokenErrors = false;
  maker.request.dumpFolder.clear();
  maker.request.pictureFolder.clear();
  if (request.bindings.numCombinations() == 1) {
    maker.kernels = std::make_unique<codegen::KernelCache>();
    maker.request.kernels = maker.kernels.get();
  }
  auto scratch = TemporaryPath::makeFolder();
  if (!scratch)
    return scratch.takeError();
  maker.scratch = std::move(*scratch);
  return std::move(maker);
}

llvm::Error StudentMaker::make(llvm::function_ref<void(CompileRequest &)> change,
                               llvm::function_ref<llvm::Error(llvm::StringRef, const CompileResult &)> judge) {
  CompileRequest student = request;
  change(student);
  // Names are not used again: the loader of the system knows libraries by their names.
  student.output = scratch->path() + "/student" + std::to_string(made++);
  // What it says about its progress would interrupt that of the caller.
  std::string talk;
  llvm::raw_string_ostream stream(talk);
  Environment quiet{environment.out, stream, false, environment.cores, environment.clockSeconds};
  auto result = compileModel(quiet, context, student);
  if (!result) {
    environment.err << talk;
    return result.takeError();
  }
  llvm::Error error = judge(student.output, *result);
  llvm::sys::fs::remove_directories(student.output);
  return error;
}

} // namespace fettle::cli
