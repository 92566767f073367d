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
#include "ir/profile/ValueNames.h"
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
  bool measures = !request.calibration.empty() && !request.measured;
  return ran + (measures ? 1 + request.recipe.quantization.equalize : 0) + request.layerErrors;
}

namespace {
/// The model for one combination of bindings.
struct Specialized {
  Bindings bindings;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<calibration::InputSpec> noise; ///< what golden inputs are made of
};

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
  llvm::Error describeLayers();
  llvm::Error measureLayerErrors();
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
    if (request.recipe.quantizes())
      result.profile = std::make_shared<const Profile>(std::move(profile));
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
  llvm::Error openCalibration();
  PhaseOptions phaseOptions() const;
  llvm::Error runPasses(mlir::PassManager &passManager, llvm::StringRef phase);
  llvm::Error checkShapes();
  std::vector<mlir::ModuleOp> modules();
  std::vector<mlir::func::FuncOp> functions();
  void printModules(llvm::raw_ostream &os);
  void countPrecisions();
  llvm::json::Object describe();
  llvm::Expected<codegen::ArtifactOptions> describeArtifact();
  llvm::Error addGolden(const CpuTarget &target, codegen::ArtifactOptions &options);
  llvm::Error answer(llvm::StringRef folder, llvm::MutableArrayRef<codegen::GoldenSample> golden);
  llvm::Error answerBy(const codegen::CompiledModel &model, llvm::MutableArrayRef<codegen::GoldenSample> golden);

  Environment &environment;
  mlir::MLIRContext &context;
  const CompileRequest &request;
  DiagnosticCollector diagnostics;
  Progress progress;
  double started = 0;
  CompileResult result;
  std::future<llvm::Expected<std::string>> modelHash;
  std::vector<Specialized> specializations;
  llvm::StringSet<> importedNodes;
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
  result.promise = findNumericPromise(modules());
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
  if (request.recipe.quantizes())
    options.quantization = {&profile, request.recipe.quantization};
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

bool Compilation::measuresBefore(Phase phase) const {
  const Recipe &recipe = request.recipe;
  return recipe.quantizes() &&
         (phase == Phase::Quantize || (phase == Phase::Equalize && recipe.quantization.equalize));
}

llvm::Error Compilation::openCalibration() {
  if (calibration)
    return llvm::Error::success();
  auto opened = Calibration::open(functions(), request.calibration, request.jobs);
  if (!opened)
    return opened.takeError();
  calibration = std::move(*opened);
  return llvm::Error::success();
}

llvm::Error Compilation::measure(Phase phase) {
  if (request.measured) {
    profile = *request.measured;
    return llvm::Error::success();
  }
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
  if (llvm::Error error = openCalibration())
    return error;
  auto tell = [this](int64_t done, int64_t total) { progress.advance(done, total, "runs"); };
  if (llvm::Error error = calibration->measureFor(phase, functions(), request.recipe.quantization, tell, profile))
    return error;
  end();
  return llvm::Error::success();
}

/// What the quantize phase will make of the layers, which have the same names in all specializations.
llvm::Error Compilation::describeLayers() {
  const QuantizationOptions &recipe = request.recipe.quantization;
  auto layers = fettle::describeLayers(functions().front(), profile, recipe.activations, recipe.floatLayers);
  if (!layers) {
    // A profile of another model: the phase will say so, with the place.
    llvm::consumeError(layers.takeError());
    return llvm::Error::success();
  }
  for (LayerFacts &facts : *layers)
    result.layers.push_back({std::move(facts), {}, {}, {}});
  return request.layerErrors ? measureLayerErrors() : llvm::Error::success();
}

/// Layers of the module as it is beside those of a quantized copy, whose pairs of quantize and dequantize compute in float what
/// the integers will.
llvm::Error Compilation::measureLayerErrors() {
  constexpr int64_t samples = 32;
  begin("layers");
  if (llvm::Error error = openCalibration())
    return error;
  mlir::func::FuncOp function = functions()[calibration->specialization()];
  mlir::OwningOpRef<mlir::ModuleOp> copy(function->getParentOfType<mlir::ModuleOp>().clone());
  mlir::PassManager passManager(&context);
  PhaseOptions options = phaseOptions();
  options.keepsPairs = true;
  buildPhase(passManager, Phase::Quantize, options);
  if (mlir::failed(passManager.run(*copy)))
    return reject(diagnostics.problems(), ExitCode::Rejected);
  calibration::Twins twins{function, copy->lookupSymbol<mlir::func::FuncOp>("main"), {}, {}};
  ValueNames teacher(twins.teacher), student(twins.student);
  for (const LayerReport &layer : result.layers) {
    twins.teacherValues.push_back(teacher.find(layer.name));
    twins.studentValues.push_back(student.find(layer.name));
  }
  auto decibels = calibration->compareValues(twins, samples);
  if (!decibels)
    return decibels.takeError();
  for (auto [layer, value] : llvm::zip_equal(result.layers, *decibels))
    layer.sqnrDecibels = value;
  end();
  return llvm::Error::success();
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

/// Multiply-adds by the type of what is multiplied: "f32", "f16", "int8"; of the first specialization.
void Compilation::countPrecisions() {
  llvm::StringMap<int64_t> counts;
  specializations.front().module->walk([&](nn::NnOpInterface op) {
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
  auto model = codegen::compileModule(modules(), target, options);
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
  result.kernels = compiled->kernels.size();
  result.weightsBytes = compiled->weightsBytes;
  for (const codegen::Specialization &specialization : compiled->specializations) {
    result.arenaBytes = std::max(result.arenaBytes, specialization.arenaBytes);
    result.largestLiveBytes = std::max(result.largestLiveBytes, specialization.largestLiveBytes);
  }
  return llvm::Error::success();
}

llvm::Error Compilation::exportGraph(const OnnxTarget &target) {
  begin("export");
  ExportOptions options;
  options.opset = target.opset;
  options.name = result.name;
  options.producerVersion = FETTLE_VERSION;
  ExportResult written = exportModule(*specializations.front().module, options);
  if (!written.model)
    return reject(written.problems, ExitCode::Rejected);
  exported.target = target;
  for (const onnx::Tensor &weight : written.model->graph.initializers)
    exported.weightsBytes += weight.bytes.size();
  for (auto [node, macs] : llvm::zip_equal(written.model->graph.nodes, written.macs))
    exported.steps.push_back({node.name, node.op, "", 0, macs, 0});
  exported.model = std::move(written.model);
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
  exported.inputs = compiled->first().inputs;
  exported.outputs = compiled->first().outputs;
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
  for (const codegen::Specialization &specialization : compiled->specializations)
    for (const codegen::Step &step : specialization.steps)
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

/// Fills in the answers of the artifact in `folder`.
llvm::Error Compilation::answer(llvm::StringRef folder, llvm::MutableArrayRef<codegen::GoldenSample> golden) {
  auto loaded = codegen::LoadedModel::open(folder);
  if (!loaded)
    return loaded.takeError();
  for (codegen::GoldenSample &sample : golden) {
    auto outputs = (*loaded)->run(sample.inputs, &context);
    if (!outputs)
      return outputs.takeError();
    sample.outputs = std::move(*outputs);
  }
  return llvm::Error::success();
}

/// Fills in the answers of code for this machine.
llvm::Error Compilation::answerBy(const codegen::CompiledModel &model,
                                  llvm::MutableArrayRef<codegen::GoldenSample> golden) {
  auto folder = TemporaryPath::makeFolder();
  if (!folder)
    return folder.takeError();
  std::string where = (*folder)->path() + "/twin";
  codegen::ArtifactOptions plain;
  plain.name = "twin";
  if (llvm::Error error = codegen::writeArtifact(where, model, plain))
    return error;
  return answer(where, golden);
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
    for (const Specialized &specialized : specializations) {
      auto samples = calibration::Samples::random(specialized.noise, 1, request.recipe.goldenSeed);
      options.golden.push_back({samples.sample(0), {}});
    }
  return options;
}

/// The answers to the golden inputs: of the artifact itself where this machine can run it, else of the same modules
/// compiled for this machine.
llvm::Error Compilation::addGolden(const CpuTarget &target, codegen::ArtifactOptions &options) {
  auto required = codegen::requiredFeatures(target);
  if (!required)
    return required.takeError();
  llvm::Error cannotRun = codegen::checkHost(target.triple, *required);
  if (!cannotRun) {
    options.answerGolden = [this](llvm::StringRef folder, llvm::MutableArrayRef<codegen::GoldenSample> golden) {
      return answer(folder, golden);
    };
    return llvm::Error::success();
  }
  llvm::consumeError(std::move(cannotRun));
  auto host = parseCpuTarget("cpu:native");
  if (!host)
    return host.takeError();
  codegen::CompileOptions compileOptions;
  compileOptions.jobs = request.jobs;
  auto twin = codegen::compileModule(modules(), *host, compileOptions);
  if (!twin)
    return twin.takeError();
  return answerBy(*twin, options.golden);
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
    } else if (llvm::Error error = answerBy(*compiled, options->golden)) {
      return error;
    }
  }
  // Where the folder is written; known here so that an interrupt removes it.
  TemporaryPath partial(request.output + ".partial-" + std::to_string(llvm::sys::Process::getProcessId()) + "-0");
  llvm::Error error = request.onnx() ? codegen::writeOnnxArtifact(request.output, exported, *options)
                                     : codegen::writeArtifact(request.output, *compiled, *options);
  if (error)
    return withExitCode(std::move(error), ExitCode::File);
  auto manifest = codegen::Manifest::read(request.output);
  if (!manifest)
    return withExitCode(manifest.takeError(), ExitCode::File);
  for (auto [index, specialization] : llvm::enumerate(manifest->specializations))
    result.specializations.push_back(
        {manifest->shapesOf(index), int64_t(specialization.steps.size()), specialization.macs()});
  result.steps = result.specializations.front().steps;
  result.macs = result.specializations.front().macs;
  end();
  return llvm::Error::success();
}

llvm::Expected<CompileResult> compileModel(Environment &environment, mlir::MLIRContext &context,
                                           const CompileRequest &request) {
  Compilation compilation(environment, context, request);
  // The file becomes an nn module, one for each choice of sizes. After this line every shape is static and no
  // protobuf is left.
  if (llvm::Error error = compilation.importFile())
    return std::move(error);
  // Each module is tidied, raised, fused, laid out for the target and cut into kernels (passes/Phases.def),
  // each phase closing with the check of its contract.
  for (const PhaseInfo &phase : phases()) {
    // The rest of the phases is about code, and the same ops in ONNX are channels-first.
    if (request.onnx() && phase.phase == Phase::Layout)
      break;
    // What a recipe must know about the float module is measured on samples, or read from a profile.
    if (compilation.measuresBefore(phase.phase))
      if (llvm::Error error = compilation.measure(phase.phase))
        return std::move(error);
    if (phase.phase == Phase::Quantize && request.recipe.quantizes())
      if (llvm::Error error = compilation.describeLayers())
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
