//===- CompareCommand.cpp - fettle compare --------------------------------===//

#include "tools/fettle/CompareCommand.h"
#include "tools/fettle/ModelContext.h"
#include "tools/fettle/Progress.h"
#include "tools/fettle/SavedBindings.h"
#include "tools/fettle/Subject.h"
#include "llvm/Support/FileSystem.h"
#include <CLI/CLI.hpp>
#include <cmath>

namespace fettle::cli {

void CompareCommand::addOptions(CLI::App &app) {
  app.add_option("A", first, "a model (run in float, compiled for this machine) or an artifact")
      ->type_name("")
      ->required();
  app.add_option("B", second, "what A is measured against; a model next to an artifact takes its bindings")
      ->type_name("")
      ->required();
  auto *data = app.add_option("--data", dataPath, "samples: a .npz file with one array per input, or a folder of\nimages or tensors")->type_name("FILE|DIR");
  app.add_option("--random", randomSamples, "compare on N random samples")
      ->type_name("N")
      ->check(CLI::Range(int64_t(1), int64_t(1) << 30))
      ->capture_default_str()
      ->excludes(data);
  app.add_option("--seed", seed, "of the first random sample; the next one has the next seed")->type_name("N")->capture_default_str();
  app.add_option("--rtol", relative, "allowed |a-b| per |b|; default: by the numeric class of the ops")
      ->type_name("R")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--atol", absolute, "allowed |a-b|")->type_name("A")->check(CLI::NonNegativeNumber);
  imageRecipe.addOptions(app);
  modelOptions.addOptions(app);
}

/// What of the two sides is not alike, "inputs" or "outputs"; empty where they take and give the same tensors.
static llvm::StringRef findDifference(const codegen::Manifest::Specialization &a,
                                      const codegen::Manifest::Specialization &b) {
  auto alike = [](llvm::ArrayRef<codegen::Manifest::Tensor> left, llvm::ArrayRef<codegen::Manifest::Tensor> right) {
    return left.size() == right.size() && llvm::all_of(llvm::zip(left, right), [](const auto &pair) {
             const auto &[l, r] = pair;
             return l.name == r.name && l.dtype == r.dtype && l.shape == r.shape;
           });
  };
  return !alike(a.inputs, b.inputs) ? "inputs" : !alike(a.outputs, b.outputs) ? "outputs" : "";
}

/// Specializations of B that take and give the same tensors as one of A; only `wanted`, where it is given.
static llvm::Expected<std::vector<size_t>> findCommon(const Subject &a, const Subject &b, std::optional<size_t> wanted) {
  std::vector<size_t> common;
  llvm::StringRef difference;
  for (size_t ofB : wanted ? llvm::ArrayRef(*wanted) : b.specializations())
    for (size_t ofA : a.specializations()) {
      llvm::StringRef found = findDifference(a.manifest().specializations[ofA], b.manifest().specializations[ofB]);
      if (found.empty())
        common.push_back(ofB);
      else if (difference.empty())
        difference = found;
    }
  if (common.empty())
    return makeFailure(ExitCode::Usage, "A and B have different " + difference,
                       "names, types and shapes must agree; see fettle inspect");
  return common;
}

/// Without what an artifact was not compiled with: it is the model's beside it.
static BindingChoices choicesWithin(const BindingChoices &choices, const BindingChoices &saved) {
  BindingChoices result;
  for (const auto &[name, values] : choices.dims)
    if (saved.dims.count(name))
      result.dims[name] = values;
  for (const auto &[name, values] : choices.shapes)
    if (saved.shapes.count(name))
      result.shapes[name] = values;
  return result;
}

static llvm::json::Value finiteOrNull(double value) {
  return std::isfinite(value) ? llvm::json::Value(value) : llvm::json::Value(nullptr);
}

llvm::Expected<ExitCode> CompareCommand::run(Environment &environment) {
  ModelContext modelContext(environment.cores);
  mlir::MLIRContext &context = *modelContext;
  auto bindings = modelOptions.parse(context);
  if (!bindings)
    return bindings.takeError();
  auto images = imageRecipe.parse({second, first}, dataPath);
  if (!images)
    return images.takeError();
  BindingChoices merged = *bindings, saved[2];
  for (auto [path, own] : llvm::zip_equal(std::array{first, second}, saved))
    if (llvm::sys::fs::is_directory(path)) {
      auto manifest = codegen::Manifest::read(path);
      if (!manifest)
        return withExitCode(manifest.takeError(), ExitCode::File);
      if (const llvm::json::Object *object = manifest->details.getObject("bindings")) {
        inheritBindings(context, *object, own);
        inheritBindings(context, *object, merged);
      }
    }
  auto open = [&](const std::string &path, const BindingChoices &own) {
    bool isArtifact = llvm::sys::fs::is_directory(path);
    return Subject::open(environment, context, path, isArtifact ? choicesWithin(*bindings, own) : merged);
  };
  auto a = open(first, saved[0]);
  if (!a)
    return a.takeError();
  auto b = open(second, saved[1]);
  if (!b)
    return b.takeError();

  std::optional<SampleData> data;
  if (!dataPath.empty()) {
    auto read = readSamples(context, **b, dataPath, *images);
    if (!read)
      return read.takeError();
    data = std::move(*read);
  }
  auto common = findCommon(**a, **b, data ? std::optional(data->specialization) : std::nullopt);
  if (!common)
    return common.takeError();
  auto modelA = (*a)->load(1);
  if (!modelA)
    return modelA.takeError();
  auto modelB = (*b)->load(1);
  if (!modelB)
    return modelB.takeError();

  Tolerance tolerance = (*a)->tolerance(), other = (*b)->tolerance();
  tolerance.relative = std::max(tolerance.relative, other.relative);
  tolerance.ofLargest = std::max(tolerance.ofLargest, other.ofLargest);
  if (relative >= 0 || absolute >= 0)
    tolerance = {std::max(relative, 0.0), std::max(absolute, 0.0), 0};

  const auto &outputs = (*b)->manifest().first().outputs;
  std::vector<Difference> differences(outputs.size());
  int64_t agreeing = 0, count = 0;
  llvm::json::Array shapes;
  Progress progress(environment, common->size());
  for (size_t specialization : *common) {
    progress.begin("compare");
    const std::vector<calibration::InputSpec> specs = (*b)->inputs(specialization);
    const int64_t size = data ? data->samples.size() : randomSamples;
    shapes.push_back((*b)->manifest().shapesOf(specialization));
    count += size;
    for (int64_t i = 0; i < size; ++i) {
      progress.advance(i, size, "samples");
      std::vector<HostTensor> inputs = data ? data->samples.sample(i) : calibration::Samples::random(specs, seed + uint64_t(i)).sample(0);
      auto answerA = (*modelA)->run(inputs, &context);
      if (!answerA)
        return answerA.takeError();
      auto answerB = (*modelB)->run(inputs, &context);
      if (!answerB)
        return answerB.takeError();
      for (auto [difference, value, reference] : llvm::zip_equal(differences, *answerA, *answerB))
        difference.add(value, reference, tolerance);
      if (!answerA->empty())
        agreeing += argmax(answerA->front(), 0, answerA->front().numElements()) ==
                    argmax(answerB->front(), 0, answerB->front().numElements());
    }
  }
  progress.finish();

  bool within = true;
  double agreement = 100.0 * agreeing / count;
  llvm::json::Array list;
  if (wantsText())
    environment.out << llvm::formatv("{0,-28} {1,12} {2,12} {3,10} {4}\n", "output", "max abs", "max rel", "SQNR dB",
                                     "outside");
  for (auto [difference, output] : llvm::zip_equal(differences, outputs)) {
    within &= difference.outside == 0;
    if (wantsText())
      environment.out << llvm::formatv("{0,-28} {1,12:e3} {2,12:e3} {3,10:f1} {4} of {5}\n", output.name,
                                       difference.maxAbsolute, difference.maxRelative, difference.sqnrDecibels(),
                                       difference.outside, difference.elements);
    list.push_back(llvm::json::Object{{"name", output.name},
                                      {"max_abs", finiteOrNull(difference.maxAbsolute)},
                                      {"max_rel", finiteOrNull(difference.maxRelative)},
                                      {"relative_norm", finiteOrNull(difference.relativeNorm())},
                                      {"sqnr_db", difference.sqnrDecibels()},
                                      {"elements", difference.elements},
                                      {"outside", difference.outside}});
  }
  if (wantsText())
    environment.out << llvm::formatv("{0} samples{1}, same top class in {2:f2} %; {3} the tolerance (relative {4:e1}, "
                                     "absolute {5:e1}, of the largest {6:e1})\n",
                                     count, shapes.size() > 1 ? llvm::formatv(" of {0} shapes", shapes.size()).str() : "",
                                     agreement, within ? "inside" : "OUTSIDE", tolerance.relative,
                                     tolerance.absolute, tolerance.ofLargest);
  if (llvm::Error error = writeJson(environment, llvm::json::Object{{"schema_version", 1},
                                                                    {"samples", count},
                                                                    {"shapes", std::move(shapes)},
                                                                    {"within", within},
                                                                    {"agreement", agreement},
                                                                    {"rtol", tolerance.relative},
                                                                    {"atol", tolerance.absolute},
                                                                    {"tolerance_of_largest", tolerance.ofLargest},
                                                                    {"outputs", std::move(list)}}))
    return std::move(error);
  return within ? ExitCode::Done : ExitCode::GateFailed;
}

} // namespace fettle::cli
