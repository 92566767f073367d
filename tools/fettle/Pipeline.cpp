//===- Pipeline.cpp - from an ONNX file to an artifact --------------------===//
//
// compileModel() at the end of this file is the order of things.
//
//===----------------------------------------------------------------------===//

#include "tools/fettle/Pipeline.h"
#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/HostSupport.h"
#include "codegen/artifact/Loader.h"
#include "codegen/artifact/OnnxArtifact.h"
#include "codegen/artifact/OutputFolder.h"
#include "codegen/cpu/CompileModule.h"
#include "ir/export/Export.h"
#include "ir/support/Origin.h"
#include "tools/fettle/Calibration.h"
#include "tools/fettle/Diagnostics.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/GoldenInputs.h"
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

/// What progress counts: phases, measuring, code generation (of an ONNX model the export, and the twin's), writing the
/// artifact.
static unsigned countSteps(const CompileRequest &request) {
  unsigned whole = request.onnx() ? unsigned(Phase::Layout) + 3 : unsigned(phases().size()) + 2;
  unsigned ran = request.until ? unsigned(*request.until) + 1 : whole;
  return ran + (request.calibration.empty() ? 0 : 1 + request.recipe.quantization.equalize);
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
  bool measuresBefore(Phase phase) const;
  llvm::Error measure(Phase phase);
  llvm::Error dumpIr(unsigned number, llvm::StringRef phase);
  llvm::Error writeIr();
  llvm::Error generateCode(const CpuTarget &target);
  llvm::Error exportGraph(const OnnxTarget &target);
  llvm::Error makeTwin();
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
  llvm::Error runPasses(mlir::PassManager &passManager, llvm::StringRef phase);
  void printModule(llvm::raw_ostream &os);
  void countPrecisions();
  llvm::json::Object describe();
  llvm::Expected<codegen::ArtifactOptions> describeArtifact();
  llvm::Error addGolden(const CpuTarget &target, codegen::ArtifactOptions &options);
  llvm::Expected<std::vector<HostTensor>> answerOf(const codegen::CompiledModel &model, llvm::ArrayRef<HostTensor> inputs);

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
  std::vector<calibration::InputSpec> noise; ///< what golden inputs are made of
  std::unique_ptr<Calibration> calibration; ///< open from the first measurement on
  Profile profile;
  llvm::json::Object macsByPrecision;
  std::optional<codegen::CompiledModel> compiled; ///< the artifact's code; of an ONNX model its twin on this machine
  codegen::OnnxArtifact exported;
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
  noise = describeNoise(module->lookupSymbol<mlir::func::FuncOp>("main"));
  module->walk([&](nn::NnOpInterface op) {
    if (!llvm::isa<nn::ConstantOp>(op)) // weights are no nodes
      for (const Origin &origin : getOrigins(op->getLoc()))
        importedNodes.insert(origin.node);
  });
  end();
  return llvm::Error::success();
}

llvm::Error Compilation::runPasses(mlir::PassManager &passManager, llvm::StringRef phase) {
  if (mlir::succeeded(passManager.run(*module)))
    return llvm::Error::success();
  if (diagnostics.problems().empty())
    return makeFailure(ExitCode::InternalBug, request.model + ": phase '" + phase + "' failed without a reason");
  return reject(diagnostics.problems(), ExitCode::Rejected);
}

llvm::Error Compilation::runPhase(const PhaseInfo &phase) {
  if (phase.phase != Phase::Import)
    begin(phase.name);
  mlir::PassManager passManager(&context);
  PhaseOptions options;
  if (request.recipe.quantizes())
    options.quantization = {&profile, request.recipe.quantization};
  if (request.onnx()) {
    options.keepsPairs = true;
    options.unsignedActivations = request.recipe.unsignedActivations;
  }
  buildPhase(passManager, phase.phase, options);
  if (llvm::Error error = runPasses(passManager, phase.name))
    return error;
  if (phase.phase != Phase::Import)
    end();
  return dumpIr(unsigned(phase.phase) + 1, phase.name);
}

bool Compilation::measuresBefore(Phase phase) const {
  const Recipe &recipe = request.recipe;
  return recipe.quantizes() &&
         (phase == Phase::Quantize || (phase == Phase::Equalize && recipe.quantization.equalize));
}

llvm::Error Compilation::measure(Phase phase) {
  if (!request.profile.empty()) {
    if (profile.samples) // read before an earlier phase
      return llvm::Error::success();
    auto read = readProfile(request.profile);
    if (!read)
      return read.takeError();
    profile = std::move(*read);
    return llvm::Error::success();
  }
  begin("calibrate");
  auto function = module->lookupSymbol<mlir::func::FuncOp>("main");
  if (!calibration) {
    auto opened = Calibration::open(function, request.calibration, request.jobs);
    if (!opened)
      return opened.takeError();
    calibration = std::move(*opened);
  }
  auto tell = [this](int64_t done, int64_t total) { progress.advance(done, total, "runs"); };
  if (llvm::Error error = calibration->measureFor(phase, function, request.recipe.quantization, tell, profile))
    return error;
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

llvm::Error Compilation::generateCode(const CpuTarget &target) {
  begin("codegen");
  countPrecisions();
  codegen::CompileOptions options;
  options.jobs = request.jobs;
  options.progress = [this](int64_t done, int64_t total) { progress.advance(done, total, "kernels"); };
  auto model = codegen::compileModule(*module, target, options);
  if (!model) {
    std::string reason = llvm::toString(model.takeError());
    std::vector<Problem> problems = diagnostics.problems();
    if (problems.empty())
      problems.push_back({"", "", 0, reason, ""});
    return reject(problems, ExitCode::Rejected);
  }
  compiled = std::move(*model);
  end();
  if (request.onnx())
    return llvm::Error::success();
  result.steps = compiled->steps.size();
  result.kernels = compiled->kernels.size();
  result.weightsBytes = compiled->weightsBytes;
  result.arenaBytes = compiled->arenaBytes;
  for (const codegen::Step &step : compiled->steps)
    result.macs += step.macs;
  return llvm::Error::success();
}

llvm::Error Compilation::exportGraph(const OnnxTarget &target) {
  begin("export");
  ExportOptions options;
  options.opset = target.opset;
  options.name = result.name;
  options.producerVersion = FETTLE_VERSION;
  ExportResult written = exportModule(*module, options);
  if (!written.model)
    return reject(written.problems, ExitCode::Rejected);
  exported.target = target;
  for (const onnx::Tensor &weight : written.model->graph.initializers)
    exported.weightsBytes += weight.bytes.size();
  for (auto [node, macs] : llvm::zip_equal(written.model->graph.nodes, written.macs)) {
    exported.steps.push_back({node.name, node.op, "", 0, macs, 0});
    result.macs += macs;
  }
  exported.model = std::move(written.model);
  result.steps = exported.steps.size();
  result.weightsBytes = exported.weightsBytes;
  end();
  return llvm::Error::success();
}

/// The exported module, compiled for this machine: the rest of the phases, and code. Weights that the exported model
/// refers to live as long as the context.
llvm::Error Compilation::makeTwin() {
  mlir::PassManager passManager(&context);
  buildIntegerIslands(passManager);
  for (const PhaseInfo &phase : phases())
    if (phase.phase >= Phase::Layout)
      buildPhase(passManager, phase.phase);
  if (llvm::Error error = runPasses(passManager, "kernels"))
    return error;
  auto host = parseCpuTarget("cpu:native");
  if (!host)
    return host.takeError();
  if (llvm::Error error = generateCode(*host))
    return error;
  exported.inputs = compiled->inputs;
  exported.outputs = compiled->outputs;
  return llvm::Error::success();
}

llvm::json::Object Compilation::describe() {
  Tolerance tolerance = defaultTolerance(result.promise);
  llvm::StringSet<> inSteps;
  auto addStep = [&](llvm::StringRef step) {
    for (llvm::StringRef node : llvm::split(step, '+'))
      inSteps.insert(node);
  };
  for (const codegen::Manifest::Step &node : exported.steps)
    addStep(node.name);
  for (const codegen::Step &step : compiled->steps)
    if (!request.onnx())
      addStep(step.name);
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

/// The answer of code for this machine.
llvm::Expected<std::vector<HostTensor>> Compilation::answerOf(const codegen::CompiledModel &model,
                                                              llvm::ArrayRef<HostTensor> inputs) {
  auto folder = TemporaryPath::makeFolder();
  if (!folder)
    return folder.takeError();
  std::string where = (*folder)->path() + "/twin";
  codegen::ArtifactOptions plain;
  plain.name = "twin";
  if (llvm::Error error = codegen::writeArtifact(where, model, plain))
    return std::move(error);
  auto loaded = codegen::LoadedModel::open(where);
  if (!loaded)
    return loaded.takeError();
  return (*loaded)->run(inputs, &context);
}

llvm::Expected<codegen::ArtifactOptions> Compilation::describeArtifact() {
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
  if (request.golden)
    options.goldenInputs = calibration::Samples::random(noise, 1, request.recipe.goldenSeed).sample(0);
  return options;
}

/// The answer to the golden inputs: of the artifact itself where this machine can run it, else of the same module
/// compiled for this machine.
llvm::Error Compilation::addGolden(const CpuTarget &target, codegen::ArtifactOptions &options) {
  auto required = codegen::requiredFeatures(target);
  if (!required)
    return required.takeError();
  llvm::Error cannotRun = codegen::checkHost(target.triple, *required);
  if (!cannotRun) {
    options.answerGolden = [&](llvm::StringRef folder) -> llvm::Expected<std::vector<HostTensor>> {
      auto loaded = codegen::LoadedModel::open(folder);
      if (!loaded)
        return loaded.takeError();
      return (*loaded)->run(options.goldenInputs, &context);
    };
    return llvm::Error::success();
  }
  llvm::consumeError(std::move(cannotRun));
  auto host = parseCpuTarget("cpu:native");
  if (!host)
    return host.takeError();
  codegen::CompileOptions compileOptions;
  compileOptions.jobs = request.jobs;
  auto twin = codegen::compileModule(*module, *host, compileOptions);
  if (!twin)
    return twin.takeError();
  auto answer = answerOf(*twin, options.goldenInputs);
  if (!answer)
    return answer.takeError();
  options.goldenOutputs = std::move(*answer);
  return llvm::Error::success();
}

llvm::Error Compilation::writeFolder() {
  begin("artifact");
  auto options = describeArtifact();
  if (!options)
    return options.takeError();
  if (request.golden) {
    if (const auto *cpu = std::get_if<CpuTarget>(&request.target)) {
      if (llvm::Error error = addGolden(*cpu, *options))
        return error;
    } else {
      auto answer = answerOf(*compiled, options->goldenInputs);
      if (!answer)
        return answer.takeError();
      options->goldenOutputs = std::move(*answer);
    }
  }
  // Where the folder is written; known here so that an interrupt removes it.
  TemporaryPath partial(request.output + ".partial-" + std::to_string(llvm::sys::Process::getProcessId()) + "-0");
  llvm::Error error = request.onnx() ? codegen::writeOnnxArtifact(request.output, exported, *options)
                                     : codegen::writeArtifact(request.output, *compiled, *options);
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
    // The rest of the phases is about code, and the same ops in ONNX are channels-first.
    if (request.onnx() && phase.phase == Phase::Layout)
      break;
    // What a recipe must know about the float module is measured on samples, or read from a profile.
    if (compilation.measuresBefore(phase.phase))
      if (llvm::Error error = compilation.measure(phase.phase))
        return std::move(error);
    if (llvm::Error error = compilation.runPhase(phase))
      return std::move(error);
    if (phase.phase == request.until) {
      if (llvm::Error error = compilation.writeIr())
        return std::move(error);
      return compilation.take();
    }
  }
  if (const OnnxTarget *target = request.onnx()) {
    // The module becomes a graph of ONNX, and then code for this machine, whose answer the graph can be checked against.
    if (llvm::Error error = compilation.exportGraph(*target))
      return std::move(error);
    if (llvm::Error error = compilation.makeTwin())
      return std::move(error);
  } else if (llvm::Error error = compilation.generateCode(std::get<CpuTarget>(request.target))) {
    // Each distinct kernel becomes machine code. After this line memory is planned and the IR is history.
    return std::move(error);
  }
  // Code or graph, weights and golden vectors become one folder, which appears when it is whole.
  if (llvm::Error error = compilation.writeFolder())
    return std::move(error);
  return compilation.take();
}

llvm::Expected<Profile> measureModel(Environment &environment, mlir::MLIRContext &context,
                                     const CompileRequest &request) {
  CompileRequest upToThere = request;
  upToThere.until = Phase::Quantize;
  Compilation compilation(environment, context, upToThere);
  if (llvm::Error error = compilation.importFile())
    return std::move(error);
  for (const PhaseInfo &phase : phases()) {
    if (phase.phase > Phase::Quantize)
      break;
    if (compilation.measuresBefore(phase.phase))
      if (llvm::Error error = compilation.measure(phase.phase))
        return std::move(error);
    if (phase.phase < Phase::Quantize)
      if (llvm::Error error = compilation.runPhase(phase))
        return std::move(error);
  }
  return compilation.takeProfile();
}

} // namespace fettle::cli
