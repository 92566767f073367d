//===- CalibrateCommand.cpp - fettle calibrate -----------------------------===//

#include "tools/fettle/CalibrateCommand.h"
#include "tools/fettle/ModelContext.h"
#include "tools/fettle/OutputFile.h"
#include "tools/fettle/Pipeline.h"
#include "tools/fettle/Report.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void CalibrateCommand::addOptions(CLI::App &app) {
  app.add_option("MODEL", model, "an ONNX model")->type_name("")->required();
  app.add_option("C.npz|DIR", samples, "one array per input, as many samples as are to be measured on; or a folder\nof images or tensors")
      ->type_name("")
      ->required();
  app.add_option("-o,--output", output, "the profile, for compile --profile")->type_name("FILE")->required();
  app.add_option("--recipe", recipe, "the recipe that is to use it: a built-in one (fettle recipes) or a YAML file")
      ->type_name("NAME|FILE")
      ->capture_default_str();
  app.add_option("--set", settings, "override a key of the recipe (repeatable)")
      ->type_name("KEY=VALUE")
      ->allow_extra_args(false);
  app.add_option("-j,--jobs", jobs, "threads of code generation; default: all cores. The result is the same")
      ->type_name("N")
      ->check(CLI::Range(1, 1024));
  modelOptions.addOptions(app);
}

llvm::Expected<ExitCode> CalibrateCommand::run(Environment &environment) {
  ModelContext modelContext(jobs ? jobs : environment.cores);
  mlir::MLIRContext &context = *modelContext;
  CompileRequest request;
  request.model = model;
  request.calibration = samples;
  request.jobs = jobs ? jobs : environment.cores;
  auto parsedRecipe = readRecipe(recipe, settings);
  if (!parsedRecipe)
    return parsedRecipe.takeError();
  request.recipe = std::move(*parsedRecipe);
  if (!request.recipe.measures())
    return makeFailure(ExitCode::Usage, "recipe '" + request.recipe.name + "' measures nothing",
                       "--recipe int8, for example");
  auto target = parseTarget("cpu:native");
  if (!target)
    return target.takeError();
  request.target = std::move(*target);
  auto bindings = modelOptions.parse(context);
  if (!bindings)
    return bindings.takeError();
  request.bindings = std::move(*bindings);
  auto result = measureModel(environment, context, request);
  if (!result)
    return result.takeError();
  const Profile &profile = *result->profile;
  if (output == "-")
    environment.out << profile.toJson();
  else if (llvm::Error error = writeWholeFile(output, profile.toJson()))
    return std::move(error);
  if (wantsText() && output != "-") {
    environment.out << output << ": ";
    if (request.recipe.quantizes())
      environment.out << profile.tensors.size() << " tensors" << (profile.tokens.empty() ? "" : " and ");
    environment.out << (profile.tokens.empty() ? "" : "a plan of tokens") << " on " << profile.samples << " samples\n";
    if (result->tokens)
      printTokens(environment.out, *result->tokens);
    if (const RoundingRefit *refit = result->roundingRefit())
      environment.out << "  " << describeRefit(*refit) << '\n';
  }
  llvm::json::Object json{{"schema_version", 1}, {"samples", profile.samples}, {"tensors", int64_t(profile.tensors.size())}};
  if (result->tokens)
    json["tokens"] = tokensJson(*result->tokens, /*isMeasured=*/true);
  if (llvm::Error error = writeJson(environment, std::move(json)))
    return std::move(error);
  return ExitCode::Done;
}

} // namespace fettle::cli
