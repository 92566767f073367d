//===- CompilationOutput.cpp - code, graph, folder ------------------------===//

#include "tools/fettle/Compilation.h"
#include "codegen/artifact/HostSupport.h"
#include "codegen/artifact/Loader.h"
#include "codegen/artifact/OutputFolder.h"
#include "codegen/cpu/CompileModule.h"
#include "ir/export/Export.h"
#include "tools/fettle/Report.h"
#include "tools/fettle/SavedBindings.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/SHA256.h"

namespace fettle::cli {

/// Multiply-adds by the type of what is multiplied, of the first specialization.
static llvm::json::Object countPrecisions(const codegen::CompiledModel &model) {
  std::map<std::string, int64_t> counts;
  for (const codegen::Step &step : model.first().steps)
    if (step.macs > 0)
      counts[model.kernels[step.kernel].multiplies] += step.macs;
  llvm::json::Object json;
  for (const auto &[type, macs] : counts)
    json[type] = macs;
  return json;
}

/// Where values become 8 bits, by the rule; the network's inputs among them.
void Compilation::countRequantizations() {
  int64_t ieee = 0, tosa = 0;
  specializations.front().module->walk([&](mlir::Operation *op) {
    ieee += llvm::isa<nn::QuantizeOp>(op);
    auto rescale = llvm::dyn_cast<nn::RescaleOp>(op);
    tosa += rescale && rescale.getOutput().getType().getElementTypeBitWidth() == 8;
  });
  requantizations = llvm::json::Object{{"ieee_f32", ieee}, {"tosa", tosa}};
}

llvm::Error Compilation::generateCode(const CpuTarget &target) {
  begin("codegen");
  countRequantizations();
  codegen::CompileOptions options;
  options.jobs = request.jobs;
  options.cache = request.kernels;
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
  result.macsByPrecision = countPrecisions(*compiled);
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
  llvm::json::Object details{
      {"bindings", bindingsToJson(request.bindings)},
      {"recipe", llvm::json::Object{{"name", request.recipe.name}, {"precision", request.recipe.precision}}},
      {"numeric", llvm::json::Object{{"class", numericClassName(result.promise.numericClass)},
                                     {"rtol", tolerance.relative},
                                     {"tolerance_of_largest", tolerance.ofLargest}}},
      {"macs_by_precision", llvm::json::Object(result.macsByPrecision)},
      {"requantizations", llvm::json::Object(requantizations)},
      {"folded_nodes", std::move(foldedNodes)}};
  if (!images.empty())
    details["images"] = llvm::json::Object(images);
  if (result.tokens)
    details["tokens"] = tokensJson(*result.tokens, /*isMeasured=*/false);
  if (!result.layers.empty())
    details["layers"] = layersJson(result.layers, /*isMeasured=*/false);
  return details;
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

/// Beyond it a sample, of which golden/ has one, would not fit where the rest does.
static constexpr int64_t largestSampleBytes = int64_t(1) << 30;

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
  if (request.recipe.measures())
    options.dataHash = hashText(profile.toJson());
  options.details = describe();
  if (request.golden)
    for (const Specialized &specialized : specializations) {
      int64_t bytes = 0;
      for (const calibration::InputSpec &input : specialized.noise)
        bytes += input.type.getNumElements() * llvm::divideCeil(input.type.getElementTypeBitWidth(), 8);
      if (bytes > largestSampleBytes)
        return makeFailure(ExitCode::Rejected, request.model + ": the inputs of one call take " + llvm::Twine(bytes >> 20) + " MiB, more than 1024",
                           "give smaller sizes with --dim or --shape");
      auto samples = calibration::Samples::random(specialized.noise, request.recipe.goldenSeed);
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

} // namespace fettle::cli
