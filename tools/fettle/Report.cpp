//===- Report.cpp - what is told about a compilation ----------------------===//

#include "tools/fettle/Report.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/HtmlReport.h"

namespace fettle::cli {

llvm::json::Array layersJson(llvm::ArrayRef<LayerReport> layers, bool isMeasured) {
  auto orNull = [](std::optional<double> value) {
    return value ? llvm::json::Value(*value) : llvm::json::Value(nullptr);
  };
  llvm::json::Array json;
  for (const LayerReport &layer : layers) {
    llvm::json::Object entry{
        {"name", layer.name},
        {"macs", layer.macs},
        {"precision", layer.integers ? "int8" : "float"},
        {"input_scale", layer.integers ? llvm::json::Value(layer.input.scale) : llvm::json::Value(nullptr)},
        {"input_zero_point", layer.integers ? llvm::json::Value(layer.input.zeroPoint) : llvm::json::Value(nullptr)}};
    if (isMeasured) {
      entry["sqnr_db"] = orNull(layer.sqnrDecibels);
      entry["sensitivity"] = orNull(layer.sensitivity);
      entry["float_us"] = orNull(layer.floatMicroseconds);
      entry["int8_us"] = orNull(layer.integerMicroseconds);
      entry["reason"] = layer.reason.empty() ? llvm::json::Value(nullptr) : llvm::json::Value(layer.reason);
    }
    json.push_back(std::move(entry));
  }
  return json;
}

llvm::json::Value reportJson(const CompileRequest &request, const CompileResult &result, const Accuracy &accuracy) {
  llvm::json::Array phases;
  for (const PhaseTime &phase : result.phases)
    phases.push_back(llvm::json::Object{{"name", phase.name}, {"seconds", phase.seconds}});
  llvm::json::Array specializations;
  for (const SpecializationFacts &facts : result.specializations)
    specializations.push_back(
        llvm::json::Object{{"inputs", facts.inputs}, {"steps", facts.steps}, {"macs", facts.macs}});
  llvm::json::Object json{{"schema_version", 1},
                          {"fettle", FETTLE_VERSION},
                          {"name", result.name},
                          {"target", targetName(request.target)},
                          {"recipe", request.recipe.name},
                          {"nodes", result.nodes},
                          {"steps", result.steps},
                          {"kernels", result.kernels},
                          {"macs", result.macs},
                          {"macs_by_precision", llvm::json::Object(result.macsByPrecision)},
                          {"model_bytes", result.modelBytes},
                          {"weights_bytes", result.weightsBytes},
                          {"arena_bytes", result.arenaBytes},
                          {"largest_live_bytes", result.largestLiveBytes},
                          {"phases", std::move(phases)},
                          {"seconds", result.seconds},
                          {"specializations", std::move(specializations)},
                          {"layers", layersJson(result.layers, /*isMeasured=*/true)},
                          {"accuracy", nullptr}};
  if (result.tokens)
    json["tokens"] = tokensJson(*result.tokens, /*isMeasured=*/true);
  if (const RoundingRefit *refit = result.roundingRefit())
    json["rounding_refit"] = llvm::json::Object{{"layers", refit->layers},
                                                {"divergence_before", refit->divergenceBefore},
                                                {"divergence_after", refit->divergenceAfter}};
  if (accuracy.evaluation) {
    llvm::json::Object measured = accuracy.evaluation->toJson();
    measured["drop"] = accuracy.drop.points;
    measured["drop_low"] = accuracy.drop.low;
    measured["drop_high"] = accuracy.drop.high;
    measured["before"] = nullptr;
    if (accuracy.before) {
      llvm::json::Object before = accuracy.before->toJson();
      before["drop"] = accuracy.before->drop(accuracy.confidence).points;
      measured["before"] = std::move(before);
    }
    measured["confidence"] = accuracy.confidence;
    measured["max_drop"] = accuracy.allowedDrop ? llvm::json::Value(*accuracy.allowedDrop) : llvm::json::Value(nullptr);
    measured["passed"] = accuracy.passed;
    json["accuracy"] = std::move(measured);
  }
  return json;
}

llvm::Error writeReports(const CompileRequest &request, const CompileResult &result, const Accuracy &accuracy) {
  llvm::json::Value json = reportJson(request, result, accuracy);
  if (llvm::Error error = writeWholeFile(request.output + "/report.json", llvm::formatv("{0:2}\n", json).str()))
    return error;
  auto manifest = codegen::Manifest::read(request.output);
  if (!manifest)
    return withExitCode(manifest.takeError(), ExitCode::File);
  return writeWholeFile(request.output + "/report.html", htmlReport(result, *manifest, accuracy));
}

std::string describeRefit(const RoundingRefit &refit) {
  if (refit.layers == 0)
    return "weights are not fitted to the errors of layers before: outputs were not seen to come closer to the float model's";
  return llvm::formatv("weights of {0} layer{1} fitted to the errors of layers before: divergence {2:e2} -> {3:e2} on samples kept apart", refit.layers,
                       refit.layers == 1 ? "" : "s", refit.divergenceBefore, refit.divergenceAfter)
      .str();
}

/// "1.25 M" and the like.
static std::string shorten(int64_t count) {
  if (count < 10000)
    return std::to_string(count) + " ";
  const char *unit = "k";
  double value = count / 1e3;
  for (const char *next : {"M", "G", "T"})
    if (value >= 1000) {
      value /= 1000;
      unit = next;
    }
  return llvm::formatv("{0:f2} {1}", value, unit).str();
}

/// Which layers stay in float, and why: a few; explain tells all.
static void printReverted(llvm::raw_ostream &os, const CompileResult &result) {
  constexpr size_t most = 5;
  std::vector<const LayerReport *> reverted;
  for (const LayerReport &layer : result.layers)
    if (!layer.reason.empty())
      reverted.push_back(&layer);
  for (const LayerReport *layer : llvm::ArrayRef(reverted).take_front(most))
    os << "  " << layer->name << " stays in float: " << layer->reason << '\n';
  if (reverted.size() > most)
    os << "  and " << reverted.size() - most << " more of " << result.layers.size() << " layers, see fettle explain\n";
}

void printSummary(llvm::raw_ostream &os, const CompileRequest &request, const CompileResult &result,
                  const Accuracy &accuracy) {
  if (request.onnx())
    os << llvm::formatv("{0}: {1} nodes -> {2} nodes of opset {3} in {4:f1} s\n  {5} multiply-adds, weights {6}B\n", result.name,
                        result.nodes, result.steps, request.onnx()->opset, result.seconds, shorten(result.macs),
                        shorten(result.weightsBytes));
  else
    os << llvm::formatv("{0}: {1} nodes -> {2} steps with {3} kernels for {4} in {5:f1} s\n"
                        "  {6} multiply-adds, weights {7}B, arena {8}B\n",
                        result.name, result.nodes, result.steps, result.kernels, targetName(request.target), result.seconds,
                        shorten(result.macs), shorten(result.weightsBytes), shorten(result.arenaBytes));
  if (result.specializations.size() > 1)
    for (const SpecializationFacts &facts : result.specializations)
      os << llvm::formatv("  for {0}: {1} steps, {2} multiply-adds\n", facts.inputs, facts.steps, shorten(facts.macs));
  if (request.recipe.bf16Products) {
    int64_t macs = result.macsByPrecision.getInteger("bf16").value_or(0);
    os << (macs ? llvm::formatv("  {0} of {1} multiply-adds in bf16\n", shorten(macs), shorten(result.macs)).str()
                : std::string("  nothing in bf16: no convolution but depthwise ones, no matrix product with constant weights in float\n"));
  }
  if (result.tokens)
    printTokens(os, *result.tokens);
  if (const RoundingRefit *refit = result.roundingRefit())
    os << "  " << describeRefit(*refit) << '\n';
  printReverted(os, result);
  if (accuracy.evaluation) {
    const Evaluation &measured = *accuracy.evaluation;
    if (measured.top1)
      os << llvm::formatv("  top-1 {0:f2} %, float model {1:f2} %", *measured.top1, *measured.teacherTop1);
    else
      os << llvm::formatv("  agreement with the float model {0:f2} %", *measured.agreement);
    os << llvm::formatv("; drop {0:f2} points ({1:f2} to {2:f2} at {3:f0} % confidence, {4} samples)\n",
                        accuracy.drop.points, accuracy.drop.low, accuracy.drop.high, 100 * accuracy.confidence,
                        measured.samples);
  }
  os << "  -> " << request.output << '\n';
}

} // namespace fettle::cli
