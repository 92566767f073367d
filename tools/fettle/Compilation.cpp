//===- Compilation.cpp - import, phases, IR -------------------------------===//

#include "tools/fettle/Compilation.h"
#include "codegen/artifact/HostSupport.h"
#include "ir/support/Origin.h"
#include "tools/fettle/GoldenInputs.h"
#include "tools/fettle/OutputFile.h"
#include "tools/fettle/SavedImages.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"

namespace fettle::cli {

std::string defaultModelName(llvm::StringRef path) {
  llvm::SmallString<128> full(path);
  llvm::sys::fs::make_absolute(full);
  llvm::sys::path::remove_dots(full, /*remove_dot_dot=*/true);
  llvm::StringRef stem = llvm::sys::path::stem(full);
  if (llvm::sys::path::filename(full) != "model.onnx")
    return stem.str();
  llvm::StringRef folder = llvm::sys::path::filename(llvm::sys::path::parent_path(full));
  return folder.empty() || folder == "/" ? stem.str() : folder.str();
}

/// What progress counts: phases, measuring, code generation (of an ONNX model the export, and the twin's), writing the
/// artifact.
static unsigned countSteps(const CompileRequest &request) {
  unsigned whole = request.onnx() ? unsigned(Phase::Layout) + 3 : unsigned(phases().size()) + 2;
  unsigned ran = request.until ? unsigned(*request.until) + 1 : whole;
  bool measures = request.recipe.quantizes() && !request.calibration.empty() && !request.measured;
  bool searches = request.recipe.searchesTokens() && (!request.tokenPlan || request.tokenErrors);
  bool times = measures && request.recipe.refusesSlower;
  bool refits = request.recipe.refitsProducts() && !request.calibration.empty() && !request.measured;
  bool weights = measures && request.recipe.refitsWeights();
  return ran + searches + refits + weights + times + !request.pictureFolder.empty() + (measures ? 1 + request.recipe.quantization.equalize : 0) + request.layerErrors;
}

Compilation::Compilation(Environment &environment, mlir::MLIRContext &context, const CompileRequest &request)
    : environment(environment), context(context), request(request), diagnostics(context),
      progress(environment, countSteps(request)) {
  result.name = request.name.empty() ? defaultModelName(request.model) : request.name;
}

CompileResult Compilation::take() {
  progress.finish();
  for (const PhaseTime &phase : result.phases)
    result.seconds += phase.seconds;
  if (request.recipe.measures())
    result.profile = std::make_shared<const Profile>(std::move(profile));
  return std::move(result);
}

llvm::Error Compilation::reject(llvm::ArrayRef<Problem> problems, ExitCode code) {
  progress.finish();
  for (const Problem &problem : problems)
    printProblem(environment.err, request.model, problem);
  return makeFailure(code, "");
}

std::vector<mlir::ModuleOp> Compilation::modules() {
  std::vector<mlir::ModuleOp> list;
  for (Specialized &specialized : specializations)
    list.push_back(*specialized.module);
  return list;
}

std::vector<mlir::func::FuncOp> Compilation::functions() {
  std::vector<mlir::func::FuncOp> list;
  for (mlir::ModuleOp module : modules())
    list.push_back(module.lookupSymbol<mlir::func::FuncOp>("main"));
  return list;
}

/// One module after the other, as MLIR's tools split them (-split-input-file).
void Compilation::printModules(llvm::raw_ostream &os) {
  mlir::OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(16).elideLargeResourceString(16).enableDebugInfo(true, /*prettyForm=*/false);
  for (Specialized &specialized : specializations) {
    if (specializations.size() > 1)
      os << (&specialized == &specializations.front() ? "" : "// -----\n") << "// "
         << describeBindings(specialized.bindings) << '\n';
    specialized.module->print(os, flags);
    os << '\n';
  }
}

llvm::Error Compilation::dumpIr(unsigned number, llvm::StringRef phase) {
  if (request.dumpFolder.empty())
    return llvm::Error::success();
  if (std::error_code error = llvm::sys::fs::create_directories(request.dumpFolder))
    return makeFailure(ExitCode::File, request.dumpFolder + ": " + error.message());
  std::string text;
  llvm::raw_string_ostream os(text);
  printModules(os);
  return writeWholeFile(request.dumpFolder + llvm::formatv("/{0:2}-{1}.mlir", number, phase).str(), text);
}

/// Adds the problems of another specialization: most are the same, and told once.
static void addProblems(std::vector<Problem> &problems, llvm::ArrayRef<Problem> more) {
  for (const Problem &problem : more)
    if (llvm::none_of(problems, [&](const Problem &other) {
          return other.node == problem.node && other.op == problem.op && other.reason == problem.reason;
        }))
      problems.push_back(problem);
}

/// A call must be able to tell the specializations apart by the shapes of the inputs.
llvm::Error Compilation::checkShapes() {
  llvm::DenseMap<mlir::TypeRange, const Bindings *> seen;
  for (Specialized &specialized : specializations) {
    auto main = specialized.module->lookupSymbol<mlir::func::FuncOp>("main");
    auto [it, isNew] = seen.try_emplace(main.getArgumentTypes(), &specialized.bindings);
    if (!isNew)
      return makeFailure(ExitCode::Usage,
                         "the inputs have the same shapes with " + describeBindings(*it->second) + " and with " +
                             describeBindings(specialized.bindings),
                         "several values are of use only for what the shape of an input depends on");
  }
  return llvm::Error::success();
}

llvm::Error Compilation::describeImages() {
  if (!request.recipe.images)
    return llvm::Error::success();
  std::vector<std::vector<calibration::InputSpec>> inputs;
  for (const Specialized &specialized : specializations)
    inputs.push_back(specialized.noise);
  return imagesToJson(*request.recipe.images, inputs).moveInto(images);
}

llvm::Error Compilation::importFile() {
  begin("import");
  uint64_t bytes;
  if (std::error_code error = llvm::sys::fs::file_size(request.model, bytes))
    return makeFailure(ExitCode::File, request.model + ": " + error.message());
  result.modelBytes = bytes;
  std::vector<Problem> problems;
  for (const Bindings &bindings : request.bindings.combinations()) {
    ImportResult imported = importModel(context, request.model, bindings);
    if (imported.unreadable)
      return reject(imported.problems, ExitCode::File);
    addProblems(problems, imported.problems);
    if (!imported.module)
      continue;
    result.nodes = imported.nodes;
    if (specializations.empty())
      result.importedMacs = countMacs(imported.module->lookupSymbol<mlir::func::FuncOp>("main"));
    imported.module->walk([&](nn::NnOpInterface op) {
      if (!llvm::isa<nn::ConstantOp>(op)) // weights are no nodes
        for (const Origin &origin : getOrigins(op->getLoc()))
          importedNodes.insert(origin.node);
    });
    auto noise = describeNoise(imported.module->lookupSymbol<mlir::func::FuncOp>("main"));
    specializations.push_back({bindings, std::move(imported.module), std::move(noise)});
  }
  if (!problems.empty())
    return reject(problems, ExitCode::Rejected);
  if (llvm::Error error = checkShapes())
    return error;
  if (llvm::Error error = describeImages())
    return error;
  result.promise = findNumericPromise(modules());
  result.promise.roundsProducts = request.recipe.bf16Products;
  modelHash = std::async(std::launch::async, [path = request.model] { return codegen::hashFile(path); });
  end();
  return llvm::Error::success();
}

llvm::Error Compilation::runPasses(mlir::PassManager &passManager, llvm::StringRef phase) {
  if (llvm::all_of(modules(), [&](mlir::ModuleOp module) { return mlir::succeeded(passManager.run(module)); }))
    return llvm::Error::success();
  if (diagnostics.problems().empty())
    return makeFailure(ExitCode::InternalBug, request.model + ": phase '" + phase + "' failed without a reason");
  return reject(diagnostics.problems(), ExitCode::Rejected);
}

PhaseOptions Compilation::phaseOptions() const {
  PhaseOptions options;
  if (request.recipe.quantizes()) {
    options.quantization = {&profile, request.recipe.quantization};
    options.quantization.options.floatLayers = floatLayers();
  }
  if (tokenPlan)
    options.tokens = &*tokenPlan;
  if (request.recipe.refitsProducts())
    options.refits = &profile;
  options.integerRule = request.recipe.integerRule;
  options.bf16Products = request.recipe.bf16Products;
  if (request.onnx()) {
    options.keepsPairs = true;
    options.unsignedActivations = request.recipe.unsignedActivations;
  }
  return options;
}

llvm::Error Compilation::runPhase(const PhaseInfo &phase) {
  if (phase.phase != Phase::Import)
    begin(phase.name);
  mlir::PassManager passManager(&context);
  buildPhase(passManager, phase.phase, phaseOptions());
  if (llvm::Error error = runPasses(passManager, phase.name))
    return error;
  if (phase.phase != Phase::Import)
    end();
  return dumpIr(unsigned(phase.phase) + 1, phase.name);
}

llvm::Error Compilation::writeIr() {
  std::string text;
  llvm::raw_string_ostream os(text);
  printModules(os);
  progress.finish();
  if (!request.output.empty() && request.output != "-")
    return writeWholeFile(request.output, text);
  environment.out << text;
  return llvm::Error::success();
}

} // namespace fettle::cli
