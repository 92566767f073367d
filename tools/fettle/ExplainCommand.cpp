//===- ExplainCommand.cpp - fettle explain --------------------------------===//

#include "tools/fettle/ExplainCommand.h"
#include "codegen/artifact/Manifest.h"
#include "ir/support/JsonText.h"
#include "tools/fettle/Spelling.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void ExplainCommand::addOptions(CLI::App &app) {
  app.add_option("DIR", folder, "a compiled artifact")->type_name("")->required();
  app.add_option("NODE", node, "an ONNX node's name; all steps are listed without it")->type_name("");
}

/// ONNX node names of a step, which joins them with '+'.
static std::vector<std::string> nodesOf(const codegen::Manifest::Step &step) {
  std::vector<std::string> nodes;
  for (llvm::StringRef name : llvm::split(step.name, '+'))
    nodes.push_back(name.str());
  return nodes;
}

static llvm::json::Object describeStep(const codegen::Manifest::Step &step, size_t index) {
  return llvm::json::Object{{"step", index},      {"nodes", llvm::json::Array(nodesOf(step))},
                            {"kind", step.kind},  {"kernel", step.kernel},
                            {"macs", step.macs},  {"bytes", step.bytes},
                            {"tiles", step.tiles}, {"multiplies", step.multiplies}};
}

/// "conv", or "conv bf16" where it does not multiply single precision.
static std::string kindOf(const codegen::Manifest::Step &step) {
  return step.multiplies.empty() || step.multiplies == "f32" ? step.kind : step.kind + " " + step.multiplies;
}

/// One line for a step; where `node` is asked for, what it shares the step with.
static void printStep(llvm::raw_ostream &os, const codegen::Manifest::Step &step, size_t index, size_t numSteps,
                      llvm::StringRef node) {
  std::vector<std::string> nodes = nodesOf(step);
  if (node.empty()) {
    os << llvm::formatv("{0,4}  {1,-10} {2,-14} {3,12} MACs {4,12} bytes  {5}\n", index, step.kernel, kindOf(step),
                        step.macs, step.bytes, llvm::join(nodes, " + "));
    return;
  }
  llvm::erase(nodes, node);
  os << node << ": runs in step " << index << " of " << numSteps << ", " << step.kernel << " (" << kindOf(step) << ")\n"
     << "  fused with  " << (nodes.empty() ? "nothing" : llvm::join(nodes, ", ")) << '\n'
     << "  the step    " << step.macs << " multiply-adds, " << step.bytes << " bytes read and written, " << step.tiles
     << " tiles\n";
}

/// A member of report.json, else of the manifest, where nothing measured is told; none if the manifest does not have it.
static llvm::Expected<std::optional<llvm::json::Value>> readDecisions(const std::string &folder, const codegen::Manifest &manifest,
                                                                      llvm::StringRef member) {
  const llvm::json::Value *told = manifest.details.get(member);
  if (!told)
    return std::nullopt;
  const std::string path = folder + "/report.json";
  if (!llvm::sys::fs::exists(path))
    return *told;
  auto buffer = llvm::MemoryBuffer::getFile(path);
  if (!buffer)
    return makeFailure(ExitCode::File, path + ": " + buffer.getError().message());
  auto report = parseJson((*buffer)->getBuffer());
  if (!report)
    return makeFailure(ExitCode::File, path + ": " + llvm::toString(report.takeError()));
  const llvm::json::Object *object = report->getAsObject();
  const llvm::json::Value *measured = object ? object->get(member) : nullptr;
  if (!measured || measured->kind() != told->kind())
    return makeFailure(ExitCode::File, path + " tells nothing of the " + member + ", the manifest does", "remove it, or compile again");
  return *measured;
}

static std::string text(const llvm::json::Object &object, llvm::StringRef key) { return object.getString(key).value_or("").str(); }

static std::string number(const llvm::json::Object &object, llvm::StringRef key, const char *format) {
  std::optional<double> value = object.getNumber(key);
  return value ? llvm::formatv(format, *value).str() : std::string("-");
}

/// Layers that `node` is a part of; all, if it is empty.
static llvm::json::Array layersWith(const llvm::json::Array &layers, llvm::StringRef node) {
  llvm::json::Array chosen;
  for (const llvm::json::Value &value : layers)
    if (const llvm::json::Object *layer = value.getAsObject())
      if (node.empty() || llvm::is_contained(llvm::split(layer->getString("name").value_or(""), '+'), node))
        chosen.push_back(value);
  return chosen;
}

/// A row for each layer that could be quantized: its precision, what was measured there, and why it stays in float, if it does.
static void printLayerTable(llvm::raw_ostream &os, const llvm::json::Array &layers) {
  os << "  layer in     SQNR dB  sensitivity    float us     int8 us  nodes\n";
  for (const llvm::json::Value &value : layers) {
    const llvm::json::Object &layer = *value.getAsObject();
    std::string reason = text(layer, "reason");
    os << llvm::formatv("  {0,-8} {1,11} {2,12} {3,11} {4,11}  {5}{6}\n", text(layer, "precision"), number(layer, "sqnr_db", "{0:f1}"),
                        number(layer, "sensitivity", "{0:e2}"), number(layer, "float_us", "{0:f2}"), number(layer, "int8_us", "{0:f2}"),
                        text(layer, "name"), reason.empty() ? "" : ": " + reason);
  }
}

/// A row for each place where tokens may go: how many come and stay, and what their going brought and cost.
static void printTokenTable(llvm::raw_ostream &os, const llvm::json::Object &tokens) {
  const bool drops = text(tokens, "method") == "drop";
  os << (drops ? "tokens dropped" : "tokens merged by " + text(tokens, "metric") + ", " + text(tokens, "matching")) << ": "
     << llvm::formatv("{0} of {1} multiply-adds\n", tokens.getInteger("macs_after").value_or(0), tokens.getInteger("macs_before").value_or(0));
  const llvm::json::Array *sites = tokens.getArray("sites");
  if (sites && !sites->empty())
    os << "  tokens in  out    saved us  divergence  behind\n";
  for (const llvm::json::Value &value : sites ? *sites : llvm::json::Array())
    if (const llvm::json::Object *site = value.getAsObject())
      os << llvm::formatv("  {0,9} {1,4} {2,11} {3,11}  {4}\n", number(*site, "tokens_in", "{0:f0}"), number(*site, "tokens_out", "{0:f0}"),
                          number(*site, "saved_us", "{0:f1}"), number(*site, "divergence", "{0:f5}"), text(*site, "name"));
  if (const llvm::json::Array *problems = tokens.getArray("problems"))
    for (const llvm::json::Value &problem : *problems)
      os << "  tokens stay: " << problem.getAsString().value_or("") << '\n';
}

llvm::Expected<ExitCode> ExplainCommand::run(Environment &environment) {
  auto manifest = codegen::Manifest::read(folder);
  if (!manifest)
    return withExitCode(manifest.takeError(), ExitCode::File);
  std::vector<std::string> folded, known;
  if (const llvm::json::Array *names = manifest->details.getArray("folded_nodes"))
    for (const llvm::json::Value &name : *names)
      folded.push_back(name.getAsString().value_or("").str());
  known = folded;

  llvm::json::Array steps;
  std::string text;
  llvm::raw_string_ostream os(text);
  for (auto [number, specialization] : llvm::enumerate(manifest->specializations)) {
    if (manifest->specializations.size() > 1)
      os << "for " << manifest->shapesOf(number) << ":\n";
    for (auto [index, step] : llvm::enumerate(specialization.steps)) {
      std::vector<std::string> nodes = nodesOf(step);
      llvm::append_range(known, nodes);
      if (!node.empty() && !llvm::is_contained(nodes, node))
        continue;
      printStep(os, step, index, specialization.steps.size(), node);
      llvm::json::Object json = describeStep(step, index);
      if (manifest->specializations.size() > 1)
        json["specialization"] = number;
      steps.push_back(std::move(json));
    }
  }
  bool isFolded = !node.empty() && steps.empty() && llvm::is_contained(folded, node);
  if (!node.empty() && steps.empty() && !isFolded)
    return makeFailure(ExitCode::Usage, "no node '" + node + "' in " + folder,
                       known.size() > 40 ? "fettle explain " + folder + " lists all" : suggestSpelling(node, known));
  if (isFolded)
    os << node
       << ": left no code: it was computed at compile time, or became part of weights or of how data are read\n";
  if (node.empty() && !folded.empty())
    os << folded.size() << " nodes left no code of their own: " << llvm::join(folded, ", ") << '\n';
  std::optional<llvm::json::Value> tokens, decided;
  if (node.empty())
    if (llvm::Error error = readDecisions(folder, *manifest, "tokens").moveInto(tokens))
      return std::move(error);
  if (tokens && tokens->getAsObject())
    printTokenTable(os, *tokens->getAsObject());
  if (llvm::Error error = readDecisions(folder, *manifest, "layers").moveInto(decided))
    return std::move(error);
  llvm::json::Array layers;
  if (decided && decided->getAsArray())
    layers = layersWith(*decided->getAsArray(), node);
  if (!layers.empty())
    printLayerTable(os, layers);
  if (wantsText())
    environment.out << text;
  llvm::json::Object json{{"schema_version", 1}, {"target", manifest->targetName}, {"steps", std::move(steps)}};
  if (tokens)
    json["tokens"] = std::move(*tokens);
  if (!layers.empty())
    json["layers"] = std::move(layers);
  if (node.empty())
    json["folded_nodes"] = llvm::json::Array(folded);
  else
    json["folded"] = isFolded;
  if (llvm::Error error = writeJson(environment, std::move(json)))
    return std::move(error);
  return ExitCode::Done;
}

} // namespace fettle::cli
