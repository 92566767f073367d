//===- Pipeline.cpp - from an ONNX file to an artifact --------------------===//
//
// compileModel() at the end of this file is the order of things.
//
//===----------------------------------------------------------------------===//

#include "tools/fettle/Pipeline.h"
#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/HostSupport.h"
#include "codegen/artifact/Loader.h"
#include "codegen/artifact/OutputFolder.h"
#include "codegen/cpu/CompileModule.h"
#include "ir/support/Origin.h"
#include "tools/fettle/Calibration.h"
#include "tools/fettle/Diagnostics.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/OutputFile.h"
#include "tools/fettle/Progress.h"
#include "tools/fettle/SavedBindings.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/SHA256.h"
#include <future>

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

/// What progress counts: phases, measuring, code generation, writing the artifact.
static unsigned countSteps(const CompileRequest &request) {
  unsigned ran = request.until ? unsigned(*request.until) + 1 : unsigned(phases().size()) + 2;
  return ran + (request.calibration.empty() ? 0 : 1);
}

namespace {
/// One compilation: the phases share its diagnostics, progress and clock.
class Compilation {
public:
  Compilation(Environment &environment, mlir::MLIRContext &context, const CompileRequest &request)
      : environment(environment), context(context), request(request), diagnostics(context),
        progress(environment, countSteps(request)) {
    result.name = request.name.empty() ? defaultModelName(request.model) : request.name;
  }

  llvm::Error importFile();
  llvm::Error runPhase(const PhaseInfo &phase);
  llvm::Error measure();
  llvm::Error dumpIr(unsigned number, llvm::StringRef phase);
  llvm::Error writeIr();
  llvm::Error generateCode();
  llvm::Error writeFolder();

  Profile takeProfile() {
    progress.finish();
    return std::move(profile);
  }
  CompileResult take() {
    progress.finish();
    for (const PhaseTime &phase : result.phases)
      result.seconds += phase.seconds;
    return std::move(result);
  }

private:
  /// Starts a step of progress; its time is taken when the next begins.
  void begin(llvm::StringRef name) {
    progress.begin(name);
    started = environment.clockSeconds();
    result.phases.push_back({name.str(), 0});
  }
  void end() { result.phases.back().seconds = environment.clockSeconds() - started; }
  llvm::Error reject(llvm::ArrayRef<Problem> problems, ExitCode code);
  void printModule(llvm::raw_ostream &os);
  void countPrecisions();
  llvm::json::Object describe();
  llvm::Expected<std::vector<HostTensor>> answerHere(llvm::ArrayRef<HostTensor> inputs);

  Environment &environment;
  mlir::MLIRContext &context;
  const CompileRequest &request;
  DiagnosticCollector diagnostics;
  Progress progress;
  double started = 0;
  CompileResult result;
  std::future<llvm::Expected<std::string>> modelHash;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  llvm::StringSet<> importedNodes;
  Profile profile;
  llvm::json::Object macsByPrecision;
  std::optional<codegen::CompiledModel> compiled;
};
} // namespace

llvm::Error Compilation::reject(llvm::ArrayRef<Problem> problems, ExitCode code) {
  progress.finish();
  for (const Problem &problem : problems)
    printProblem(environment.err, request.model, problem);
  return makeFailure(code, "");
}

void Compilation::printModule(llvm::raw_ostream &os) {
  mlir::OpPrintingFlags flags;
  flags.elideLargeElementsAttrs(16).elideLargeResourceString(16).enableDebugInfo(true, /*prettyForm=*/false);
  module->print(os, flags);
  os << '\n';
}

llvm::Error Compilation::dumpIr(unsigned number, llvm::StringRef phase) {
  if (request.dumpFolder.empty())
    return llvm::Error::success();
  if (std::error_code error = llvm::sys::fs::create_directories(request.dumpFolder))
    return makeFailure(ExitCode::File, request.dumpFolder + ": " + error.message());
  std::string text;
  llvm::raw_string_ostream os(text);
  printModule(os);
  return writeWholeFile(request.dumpFolder + llvm::formatv("/{0:2}-{1}.mlir", number, phase).str(), text);
}

llvm::Error Compilation::importFile() {
  begin("import");
  uint64_t bytes;
  if (std::error_code error = llvm::sys::fs::file_size(request.model, bytes))
    return makeFailure(ExitCode::File, request.model + ": " + error.message());
  result.modelBytes = bytes;
  ImportResult imported = importModel(context, request.model, request.bindings);
  if (!imported.module)
    return reject(imported.problems, imported.unreadable ? ExitCode::File : ExitCode::Rejected);
  modelHash = std::async(std::launch::async, [path = request.model] { return codegen::hashFile(path); });
  module = std::move(imported.module);
  result.nodes = imported.nodes;
  result.promise = findNumericPromise(*module);
  module->walk([&](nn::NnOpInterface op) {
    if (!llvm::isa<nn::ConstantOp>(op)) // weights are no nodes
      for (const Origin &origin : getOrigins(op->getLoc()))
        importedNodes.insert(origin.node);
  });
  end();
  return llvm::Error::success();
}

llvm::Error Compilation::runPhase(const PhaseInfo &phase) {
  if (phase.phase != Phase::Import)
    begin(phase.name);
  mlir::PassManager passManager(&context);
  Quantization quantization;
  if (request.recipe.quantizes())
    quantization = {&profile, request.recipe.activations, request.recipe.weights};
  buildPhase(passManager, phase.phase, quantization);
  if (mlir::failed(passManager.run(*module)))
    return diagnostics.problems().empty()
               ? makeFailure(ExitCode::InternalBug,
                             request.model + ": phase '" + phase.name + "' failed without a reason")
               : reject(diagnostics.problems(), ExitCode::Rejected);
  if (phase.phase != Phase::Import)
    end();
  return dumpIr(unsigned(phase.phase) + 1, phase.name);
}

llvm::Error Compilation::measure() {
  if (!request.profile.empty()) {
    auto read = readProfile(request.profile);
    if (!read)
      return read.takeError();
    profile = std::move(*read);
    return llvm::Error::success();
  }
  begin("calibrate");
  auto function = module->lookupSymbol<mlir::func::FuncOp>("main");
  auto calibration = Calibration::open(function, request.calibration, request.jobs);
  if (!calibration)
    return calibration.takeError();
  calibration::MeasureOptions options;
  options.grids = request.recipe.activations;
  options.rows = request.recipe.weights.rounding == Rounding::Gptq ? options.rows : 0;
  options.progress = [this](int64_t done, int64_t total) { progress.advance(done, total, "runs"); };
  auto measured = (*calibration)->measure(function, options);
  if (!measured)
    return measured.takeError();
  profile = std::move(*measured);
  end();
  return llvm::Error::success();
}

llvm::Error Compilation::writeIr() {
  std::string text;
  llvm::raw_string_ostream os(text);
  printModule(os);
  progress.finish();
  if (!request.output.empty() && request.output != "-")
    return writeWholeFile(request.output, text);
  environment.out << text;
  return llvm::Error::success();
}

/// Multiply-adds by the type of what is multiplied: "f32", "f16", "int8".
void Compilation::countPrecisions() {
  llvm::StringMap<int64_t> counts;
  module->walk([&](nn::NnOpInterface op) {
    int64_t macs = op.getMacs();
    if (!macs || !op->getNumOperands())
      return;
    mlir::Type element = llvm::cast<mlir::RankedTensorType>(op->getOperand(0).getType()).getElementType();
    std::string name = llvm::isa<mlir::FloatType>(element)
                           ? (element.isBF16() ? "bf16" : "f" + std::to_string(element.getIntOrFloatBitWidth()))
                           : "int" + std::to_string(element.getIntOrFloatBitWidth());
    counts[name] += macs;
  });
  for (const auto &entry : counts)
    macsByPrecision[entry.first().str()] = entry.second; // a StringRef key would not be copied
}

llvm::Error Compilation::generateCode() {
  begin("codegen");
  countPrecisions();
  codegen::CompileOptions options;
  options.jobs = request.jobs;
  options.progress = [this](int64_t done, int64_t total) { progress.advance(done, total, "kernels"); };
  auto model = codegen::compileModule(*module, request.target, options);
  if (!model) {
    std::string reason = llvm::toString(model.takeError());
    std::vector<Problem> problems = diagnostics.problems();
    if (problems.empty())
      problems.push_back({"", "", 0, reason, ""});
    return reject(problems, ExitCode::Rejected);
  }
  compiled = std::move(*model);
  result.steps = compiled->steps.size();
  result.kernels = compiled->kernels.size();
  result.weightsBytes = compiled->weightsBytes;
  result.arenaBytes = compiled->arenaBytes;
  for (const codegen::Step &step : compiled->steps)
    result.macs += step.macs;
  end();
  return llvm::Error::success();
}

llvm::json::Object Compilation::describe() {
  Tolerance tolerance = defaultTolerance(result.promise);
  llvm::StringSet<> inSteps;
  for (const codegen::Step &step : compiled->steps)
    for (llvm::StringRef node : llvm::split(step.name, '+'))
      inSteps.insert(node);
  std::vector<std::string> folded;
  for (const auto &entry : importedNodes)
    if (!inSteps.contains(entry.first()))
      folded.push_back(entry.first().str());
  llvm::sort(folded);
  llvm::json::Array foldedNodes(folded);
  return llvm::json::Object{
      {"bindings", bindingsToJson(request.bindings)},
      {"recipe", llvm::json::Object{{"name", request.recipe.name}, {"precision", request.recipe.precision}}},
      {"numeric", llvm::json::Object{{"class", numericClassName(result.promise.numericClass)},
                                     {"rtol", tolerance.relative},
                                     {"tolerance_of_largest", tolerance.ofLargest}}},
      {"macs_by_precision", llvm::json::Object(macsByPrecision)},
      {"folded_nodes", std::move(foldedNodes)}};
}

/// The answer of the same module compiled for this machine: what a target that
/// cannot run here is checked against there.
llvm::Expected<std::vector<HostTensor>> Compilation::answerHere(llvm::ArrayRef<HostTensor> inputs) {
  auto host = parseCpuTarget("cpu:native");
  if (!host)
    return host.takeError();
  codegen::CompileOptions options;
  options.jobs = request.jobs;
  auto twin = codegen::compileModule(*module, *host, options);
  if (!twin)
    return twin.takeError();
  auto folder = TemporaryPath::makeFolder();
  if (!folder)
    return folder.takeError();
  std::string where = (*folder)->path() + "/twin";
  codegen::ArtifactOptions plain;
  plain.name = "twin";
  if (llvm::Error error = codegen::writeArtifact(where, *twin, plain))
    return std::move(error);
  auto loaded = codegen::LoadedModel::open(where);
  if (!loaded)
    return loaded.takeError();
  return (*loaded)->run(inputs, &context);
}

llvm::Error Compilation::writeFolder() {
  begin("artifact");
  codegen::ArtifactOptions options;
  options.name = result.name;
  auto hash = modelHash.get();
  if (!hash)
    return withExitCode(hash.takeError(), ExitCode::File);
  options.modelHash = *hash;
  auto hashText = [](llvm::StringRef text) {
    return llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(text)), /*LowerCase=*/true);
  };
  options.recipeHash = hashText(request.recipe.text);
  // The profile stands for the samples: the artifact is the same whether they or it were given.
  if (request.recipe.quantizes())
    options.dataHash = hashText(profile.toJson());
  options.details = describe();
  if (request.golden) {
    std::vector<calibration::InputSpec> specs;
    for (const codegen::ModelTensor &input : compiled->inputs)
      specs.push_back({input.name, input.type});
    options.goldenInputs = calibration::Samples::random(specs, 1, request.recipe.goldenSeed).sample(0);
    auto required = codegen::requiredFeatures(request.target);
    if (!required)
      return required.takeError();
    if (llvm::Error cannotRun = codegen::checkHost(request.target.triple, *required)) {
      llvm::consumeError(std::move(cannotRun));
      auto answer = answerHere(options.goldenInputs);
      if (!answer)
        return answer.takeError();
      options.goldenOutputs = std::move(*answer);
    } else {
      options.answerGolden = [&](llvm::StringRef folder) -> llvm::Expected<std::vector<HostTensor>> {
        auto loaded = codegen::LoadedModel::open(folder);
        if (!loaded)
          return loaded.takeError();
        return (*loaded)->run(options.goldenInputs, &context);
      };
    }
  }
  // Where writeArtifact works; known here so that an interrupt removes it.
  TemporaryPath partial(request.output + ".partial-" + std::to_string(llvm::sys::Process::getProcessId()) + "-0");
  llvm::Error error = codegen::writeArtifact(request.output, *compiled, options);
  end();
  return withExitCode(std::move(error), ExitCode::File);
}

llvm::Expected<CompileResult> compileModel(Environment &environment, mlir::MLIRContext &context,
                                           const CompileRequest &request) {
  Compilation compilation(environment, context, request);
  // The file becomes an nn module. After this line every shape is static and no protobuf is left.
  if (llvm::Error error = compilation.importFile())
    return std::move(error);
  // The module is tidied, raised, fused, laid out for the target and cut into kernels (passes/Phases.def),
  // each phase closing with the check of its contract.
  for (const PhaseInfo &phase : phases()) {
    // What a recipe must know about the model is measured on the fused float module, or read from a profile.
    if (phase.phase == Phase::Quantize && request.recipe.quantizes())
      if (llvm::Error error = compilation.measure())
        return std::move(error);
    if (llvm::Error error = compilation.runPhase(phase))
      return std::move(error);
    if (phase.phase == request.until) {
      if (llvm::Error error = compilation.writeIr())
        return std::move(error);
      return compilation.take();
    }
  }
  // Each distinct kernel becomes machine code. After this line memory is planned and the IR is history.
  if (llvm::Error error = compilation.generateCode())
    return std::move(error);
  // Code, packed weights, header and golden vectors become one folder, which appears when it is whole.
  if (llvm::Error error = compilation.writeFolder())
    return std::move(error);
  return compilation.take();
}

llvm::Expected<Profile> measureModel(Environment &environment, mlir::MLIRContext &context,
                                     const CompileRequest &request) {
  CompileRequest fused = request;
  fused.until = Phase::Fuse;
  Compilation compilation(environment, context, fused);
  if (llvm::Error error = compilation.importFile())
    return std::move(error);
  for (const PhaseInfo &phase : phases())
    if (phase.phase <= Phase::Fuse)
      if (llvm::Error error = compilation.runPhase(phase))
        return std::move(error);
  if (llvm::Error error = compilation.measure())
    return std::move(error);
  return compilation.takeProfile();
}

} // namespace fettle::cli
