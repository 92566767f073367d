//===- CompileCommand.cpp - fettle compile --------------------------------===//

#include "tools/fettle/CompileCommand.h"
#include "codegen/artifact/HostSupport.h"
#include "codegen/artifact/OutputFolder.h"
#include "tools/fettle/ModelContext.h"
#include "tools/fettle/Progress.h"
#include "tools/fettle/Report.h"
#include "tools/fettle/Spelling.h"
#include "tools/fettle/TokenFront.h"
#include "llvm/Support/FileSystem.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void CompileCommand::addOptions(CLI::App &app) {
  app.add_option("MODEL", model, "an ONNX model")->type_name("")->required();
  app.add_option("-o,--output", output,
                 "the artifact's folder; an older artifact there is replaced.\nWith --until: a file for the IR, "
                 "standard output if left out")
      ->type_name("DIR");
  app.add_option("--name", modelName, "name in the artifact; default: the file's, for model.onnx the folder's")
      ->type_name("NAME");
  app.add_option("--target", target, "cpu:native, cpu:x86-64-v2|v3[+vnni]|v4[+vnni][+bf16],\ncpu:aarch64[+dotprod][+i8mm][+bf16], onnx[:opset=13..21]")
      ->type_name("TARGET")
      ->capture_default_str();
  app.add_option("--recipe", recipe, "a built-in recipe (fettle recipes) or a YAML file")
      ->type_name("NAME|FILE")
      ->capture_default_str();
  app.add_option("--set", settings, "override a key of the recipe (repeatable)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_option("-j,--jobs", jobs, "threads of code generation; default: all cores. The result is the same")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  auto group = [&](CLI::Option *option, const char *type, const char *name) { option->type_name(type)->group(name); };
  group(
      app.add_option("--evaluation", evaluation, "samples on which the accuracy is measured, against the float model:\n.npz, or a folder of images or tensors"),
      "FILE|DIR", "Accuracy");
  group(app.add_option("--max-drop", maxDrop, "points of accuracy that may be lost, e.g. 1%: layers go back to float until\nthat holds; beyond it: exit code 3"),
        "P%", "Accuracy");
  group(app.add_option("--confidence", confidence, "let the bound of this confidence interval decide, e.g. 95%"), "P%",
        "Accuracy");
  group(app.add_option("--calibration", calibration, "samples for recipes that measure the model: .npz, or a folder of images\nor tensors"), "FILE|DIR", "Accuracy");
  group(app.add_option("--profile", profile, "what was measured before, for such recipes"), "FILE", "Accuracy");
  std::vector<std::string> names;
  for (const PhaseInfo &phase : phases())
    names.push_back(phase.name.str());
  group(app.add_option("--until", until, "stop after a phase and write the IR: " + llvm::join(names, ", ")), "PHASE",
        "Insight");
  group(app.add_option("--dump-ir", dumpFolder, "write the IR after each phase to numbered files"), "DIR", "Insight");
  group(app.add_option("--dump-tokens", pictureFolder,
                       "draw which patches of images became one token: an SVG file for each of\nthe first samples of --calibration, else of --evaluation"),
        "DIR", "Insight");
  modelOptions.addOptions(app);
}

/// "1%" or "1" as 1.0.
static llvm::Expected<double> parsePercent(llvm::StringRef flag, llvm::StringRef text) {
  double value;
  llvm::StringRef number = text;
  number.consume_back("%");
  if (number.getAsDouble(value) || !(value >= 0 && value <= 100))
    return makeFailure(ExitCode::Usage, flag + " takes a percentage, got '" + text + "'",
                       "for example " + flag + " 1%");
  return value;
}

llvm::Error CompileCommand::checkOptions() const {
  auto usage = [](const llvm::Twine &message, const llvm::Twine &hint) {
    return makeFailure(ExitCode::Usage, message, hint);
  };
  if (output.empty() && until.empty())
    return usage("where shall the artifact go?", "-o DIR");
  if (!maxDrop.empty() && evaluation.empty())
    return usage("--max-drop needs data to measure on", "--evaluation E.npz");
  if (!confidence.empty() && maxDrop.empty())
    return usage("--confidence is about the bound of --max-drop, which is not given", "--max-drop 1%");
  if (!pictureFolder.empty() && calibration.empty() && evaluation.empty())
    return usage("--dump-tokens draws samples, which there are none of", "--calibration C.npz, or --evaluation E.npz");
  if (!until.empty() && !evaluation.empty())
    return usage("--until makes no artifact, so --evaluation cannot be measured", "leave one of them out");
  return llvm::Error::success();
}

/// Layers are timed here, unless a profile has their times.
static llvm::Error checkTimed(const CompileRequest &request) {
  if (request.onnx())
    return makeFailure(ExitCode::Usage, "layers of an ONNX model cannot be timed", "--set budget.latency=any, or another target");
  if (!request.profile.empty())
    return llvm::Error::success();
  const auto &cpu = std::get<CpuTarget>(request.target);
  auto required = codegen::requiredFeatures(cpu);
  if (!required)
    return required.takeError();
  if (llvm::Error cannotRun = codegen::checkHost(cpu.triple, *required))
    return makeFailure(ExitCode::Usage, "budget.latency=measured times layers, and this machine cannot: " + llvm::toString(std::move(cannotRun)),
                       "--set budget.latency=any");
  return llvm::Error::success();
}

/// Products of bf16 need a target that has them: nothing is computed in another way than was asked for.
static llvm::Error checkProducts(const CompileRequest &request) {
  if (!request.recipe.bf16Products)
    return llvm::Error::success();
  if (request.onnx())
    return makeFailure(ExitCode::Usage, "products=bf16 is for CPU targets; the runtime of an ONNX model has its own way to ask for it",
                       "--set products=f32, or another target");
  const auto &target = std::get<CpuTarget>(request.target);
  if (target.hasBf16DotProduct)
    return llvm::Error::success();
  std::string other = "--target cpu:x86-64-v4+bf16";
  if (llvm::StringRef(target.triple).starts_with("aarch64"))
    other = "--target " + target.name + "+bf16";
  else if (llvm::StringRef(target.name).contains("x86-64-v4"))
    other = "--target " + target.name + "+bf16";
  return makeFailure(ExitCode::Usage, "products=bf16: target '" + target.name + "' has no dot product of bf16", other + ", or --set products=f32");
}

llvm::Expected<CompileRequest> CompileCommand::makeRequest(Environment &environment, mlir::MLIRContext &context) const {
  CompileRequest request;
  request.model = model;
  request.output = output;
  while (request.output.size() > 1 && request.output.back() == '/')
    request.output.pop_back();
  request.name = modelName;
  request.jobs = jobs ? jobs : environment.cores;
  request.dumpFolder = dumpFolder;
  auto parsedTarget = parseTarget(target);
  if (!parsedTarget)
    return makeFailure(ExitCode::Usage, llvm::toString(parsedTarget.takeError()));
  request.target = std::move(*parsedTarget);
  auto parsedRecipe = readRecipe(recipe, settings);
  if (!parsedRecipe)
    return parsedRecipe.takeError();
  request.recipe = std::move(*parsedRecipe);
  if (request.onnx() && request.recipe.integerRule != IntegerRule::IeeeF32)
    return makeFailure(ExitCode::Usage, "an ONNX model has ONNX's rule for integers", "--set integers.rule=ieee_f32, or another target");
  if (llvm::Error error = checkProducts(request))
    return std::move(error);
  request.calibration = calibration;
  request.profile = profile;
  if (request.recipe.tokens.macs > 0 && request.recipe.tokens.latency > 0)
    return makeFailure(ExitCode::Usage, "recipe '" + request.recipe.name + "' has two goals for tokens",
                       "leave out tokens.macs or tokens.latency");
  if (request.recipe.measures() && calibration.empty() && profile.empty())
    return makeFailure(ExitCode::Usage, "recipe '" + request.recipe.name + "' measures the model, on what?",
                       "--calibration C.npz, or --profile P made by fettle calibrate");
  for (auto [flag, value] : {std::pair("--calibration", &calibration), std::pair("--profile", &profile)})
    if (!value->empty() && !request.recipe.measures() && (value != &calibration || pictureFolder.empty()))
      return makeFailure(ExitCode::Usage,
                         "recipe '" + request.recipe.name + "' measures nothing, so " + flag + " has no use",
                         llvm::Twine("leave ") + flag + " out");
  if (request.recipe.refusesSlower && request.recipe.quantizes())
    if (llvm::Error error = checkTimed(request))
      return std::move(error);
  request.pictureFolder = pictureFolder;
  request.pictureSamples = calibration.empty() ? evaluation : calibration;
  if (!pictureFolder.empty() && !request.recipe.reducesTokens())
    return makeFailure(ExitCode::Usage, "recipe '" + request.recipe.name + "' removes no tokens, so --dump-tokens has no use",
                       "--recipe tokens, or leave --dump-tokens out");
  if (!until.empty()) {
    request.until = findPhase(until);
    std::vector<std::string> names;
    for (const PhaseInfo &phase : phases())
      names.push_back(phase.name.str());
    if (!request.until)
      return makeFailure(ExitCode::Usage, "no phase '" + until + "'", suggestSpelling(until, names));
    if (!pictureFolder.empty() && *request.until < Phase::Tokens)
      return makeFailure(ExitCode::Usage, "phase '" + until + "' comes before tokens are removed, so --dump-tokens has no use",
                         "leave one of them out");
    if (request.onnx() && *request.until >= Phase::Layout)
      return makeFailure(ExitCode::Usage, "phase '" + until + "' is about code; an ONNX model is made before it",
                         "--until " + phases()[unsigned(Phase::Layout) - 1].name + ", or another target");
  }
  // Said now, not after a minute of compiling.
  if (!request.until)
    if (llvm::Error error = codegen::OutputFolder::check(request.output))
      return withExitCode(std::move(error), ExitCode::File);
  auto bindings = modelOptions.parse(context);
  if (!bindings)
    return bindings.takeError();
  if (request.onnx() && bindings->numCombinations() > 1)
    return makeFailure(ExitCode::Usage, "an ONNX model is written for one size",
                       "give --dim and --shape one value each, or make several artifacts");
  request.bindings = std::move(*bindings);
  return request;
}

llvm::Expected<std::optional<AccuracyGate>> CompileCommand::makeGate() const {
  std::optional<AccuracyGate> gate;
  if (maxDrop.empty())
    return gate;
  auto allowed = parsePercent("--max-drop", maxDrop);
  if (!allowed)
    return allowed.takeError();
  gate.emplace();
  gate->allowedDrop = *allowed;
  if (confidence.empty())
    return gate;
  auto level = parsePercent("--confidence", confidence);
  if (!level)
    return level.takeError();
  if (*level >= 100)
    return makeFailure(ExitCode::Usage, "--confidence 100% would take infinitely many samples", "for example 95%");
  gate->confidence = *level / 100;
  gate->boundDecides = true;
  return gate;
}

/// Compiles again with layers in float, if there are any that make the gate hold, or at least make it fail by less: says whether there were.
llvm::Expected<bool> CompileCommand::search(Environment &environment, mlir::MLIRContext &context, CompileRequest &request,
                                   CompileResult &result, AccuracyJudge &judge, const AccuracyGate &gate) const {
  std::vector<size_t> candidates;
  for (auto [index, layer] : llvm::enumerate(result.layers))
    if (layer.integers)
      candidates.push_back(index);
  auto found = searchPrecisions(environment, context, request, result, candidates, judge, gate);
  if (!found)
    return found.takeError();
  if (found->reverted.empty())
    return false;
  for (size_t layer : found->reverted)
    request.recipe.quantization.floatLayers.push_back(result.layers[candidates[layer]].name);
  request.measured = result.profile;
  auto again = compileModel(environment, context, request);
  if (!again)
    return again.takeError();
  again->tokens = std::move(result.tokens); // the same plan
  for (auto [layer, before] : llvm::zip_equal(again->layers, result.layers)) {
    layer.floatMicroseconds = before.floatMicroseconds;
    layer.integerMicroseconds = before.integerMicroseconds;
  }
  result = std::move(*again);
  for (auto [layer, sensitivity] : llvm::zip_equal(candidates, found->sensitivity))
    result.layers[layer].sensitivity = sensitivity;
  for (auto [rank, layer] : llvm::enumerate(found->reverted))
    result.layers[candidates[layer]].reason =
        llvm::formatv("number {0} by sensitivity, the first {1} are reverted", rank + 1, found->reverted.size()).str();
  return true;
}

/// Layers in floats and in integers by the clock, where that costs no compilation: the artifact beside the teacher, both for this machine.
static llvm::Error timeLayers(const CompileRequest &request, CompileResult &result, AccuracyJudge &judge) {
  std::vector<LayerFacts> layers;
  for (const LayerReport &layer : result.layers)
    if (layer.integers && !layer.integerMicroseconds)
      layers.push_back(layer);
  if (layers.empty() || targetName(request.target) != "cpu:native")
    return llvm::Error::success();
  auto latencies = judge.timeLayers(request.output, layers);
  if (!latencies)
    return latencies.takeError();
  for (LayerReport &layer : result.layers)
    if (auto found = latencies->find(layer.name); found != latencies->end()) {
      layer.floatMicroseconds = found->second.floatMicroseconds;
      layer.integerMicroseconds = found->second.integerMicroseconds;
    }
  return llvm::Error::success();
}

/// Compiles again with so few tokens removed that the gate holds, if there are such plans.
llvm::Error CompileCommand::searchTokens(Environment &environment, mlir::MLIRContext &context, CompileRequest &request,
                                         CompileResult &result, StudentMaker &students, AccuracyJudge &judge,
                                         const AccuracyGate &gate) const {
  auto plan = searchTokenBudget(environment, students, *result.tokens, judge, gate);
  if (!plan)
    return plan.takeError();
  request.tokenPlan = std::move(*plan);
  request.tokenErrors = true;
  auto again = compileModel(environment, context, request);
  request.tokenErrors = false;
  if (!again)
    return again.takeError();
  again->tokens->path = std::move(result.tokens->path);
  again->tokens->front = std::move(result.tokens->front);
  if (llvm::all_of(request.tokenPlan->steps, [](const TokenStep &step) { return step.removed == 0; }))
    again->tokens->problems.push_back("the accuracy budget does not bear the fewest removals that were tried");
  result = std::move(*again);
  return llvm::Error::success();
}

llvm::Expected<ExitCode> CompileCommand::run(Environment &environment) {
  if (llvm::Error error = checkOptions())
    return std::move(error);
  auto gate = makeGate();
  if (!gate)
    return gate.takeError();
  ModelContext modelContext(jobs ? jobs : environment.cores);
  mlir::MLIRContext &context = *modelContext;
  auto request = makeRequest(environment, context);
  if (!request)
    return request.takeError();
  const auto *cpu = std::get_if<CpuTarget>(&request->target);
  if (!evaluation.empty() && cpu) {
    auto required = codegen::requiredFeatures(*cpu);
    if (!required)
      return required.takeError();
    if (llvm::Error cannotRun = codegen::checkHost(cpu->triple, *required))
      return makeFailure(ExitCode::Usage,
                         "--evaluation runs the artifact, and this machine cannot: " +
                             llvm::toString(std::move(cannotRun)),
                         "evaluate the model compiled for cpu:native");
  }
  request->layerErrors = request->recipe.quantizes() && !evaluation.empty() && !calibration.empty();
  request->evaluation = evaluation;
  auto result = compileModel(environment, context, *request);
  if (!result)
    return result.takeError();
  auto tellPictures = [&] {
    if (!result->pictures.empty())
      environment.err << result->pictures << '\n';
  };
  if (request->until) {
    tellPictures();
    if (llvm::Error error = writeJson(environment, reportJson(*request, *result, {})))
      return std::move(error);
    return ExitCode::Done;
  }

  Accuracy accuracy;
  if (!evaluation.empty()) {
    request->evaluation.clear(); // read once, whatever else is compiled
    auto judge = AccuracyJudge::open(environment, context, *request, *std::exchange(result->evaluation, nullptr));
    if (!judge)
      return judge.takeError();
    auto evaluate = [&]() -> llvm::Error {
      Progress progress(environment, 1);
      progress.begin("evaluate");
      auto measured = (*judge)->evaluate(request->output, [&](int64_t done, int64_t total) { progress.advance(done, total, "samples"); });
      if (!measured)
        return measured.takeError();
      accuracy.evaluation = std::move(*measured);
      accuracy.confidence = gate->value_or(AccuracyGate()).confidence;
      accuracy.drop = accuracy.evaluation->drop(accuracy.confidence);
      accuracy.passed = !*gate || (*gate)->holds(accuracy.drop);
      return llvm::Error::success();
    };
    if (llvm::Error error = evaluate())
      return std::move(error);
    const Evaluation first = *accuracy.evaluation;
    if (result->tokens && result->tokens->path.size() > 1) {
      auto students = StudentMaker::create(environment, context, *request, result->name);
      if (!students)
        return students.takeError();
      TokenReport &tokens = *result->tokens;
      if (llvm::Error error = measureTokenFront(environment, *students, tokens.path, **judge).moveInto(tokens.front))
        return std::move(error);
      request->tokenPlan = tokens.path.back().plan;
      if (!accuracy.passed) {
        if (llvm::Error error = searchTokens(environment, context, *request, *result, *students, **judge, **gate))
          return std::move(error);
        accuracy.before = first;
        if (llvm::Error error = evaluate())
          return std::move(error);
      }
    }
    if (llvm::Error error = timeLayers(*request, *result, **judge))
      return std::move(error);
    if (!accuracy.passed && request->recipe.quantizes()) {
      auto isOther = search(environment, context, *request, *result, **judge, **gate);
      if (!isOther)
        return isOther.takeError();
      if (*isOther)
        accuracy.before = first;
      if (llvm::Error error = evaluate())
        return std::move(error);
    }
    if (*gate)
      accuracy.allowedDrop = (*gate)->allowedDrop;
  }
  tellPictures();
  if (llvm::Error error = writeReports(*request, *result, accuracy))
    return std::move(error);
  if (wantsText())
    printSummary(environment.out, *request, *result, accuracy);
  if (llvm::Error error = writeJson(environment, reportJson(*request, *result, accuracy)))
    return std::move(error);
  if (accuracy.passed)
    return ExitCode::Done;
  std::string reverted;
  if (request->recipe.quantizes())
    reverted = llvm::formatv(" with {0} of {1} layers in float, the most that budget.integers={2} allows",
                             llvm::count_if(result->layers, [](const LayerReport &layer) { return !layer.integers; }),
                             result->layers.size(), request->recipe.leastIntegers)
                   .str();
  return makeFailure(
      ExitCode::GateFailed,
      llvm::formatv("accuracy dropped by {0:f2} points ({1:f2} to {2:f2} at {3:f0} % confidence){4}, allowed are {5:f2}",
                    accuracy.drop.points, accuracy.drop.low, accuracy.drop.high, 100 * accuracy.confidence, reverted,
                    *accuracy.allowedDrop)
          .str(),
      "the artifact is in " + request->output + ", see report.json");
}

} // namespace fettle::cli
