//===- RunCommand.cpp - fettle run ----------------------------------------===//

#include "tools/fettle/RunCommand.h"
#include "tools/fettle/ModelContext.h"
#include "tools/fettle/Progress.h"
#include "tools/fettle/Spelling.h"
#include "llvm/Support/MemoryBuffer.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void RunCommand::addOptions(CLI::App &app) {
  app.add_option("MODEL|DIR", path, "a model, or a compiled artifact")->type_name("")->required();
  auto *input = app.add_option("--input", inputs, "one input from a .npy, .npz or .pb file (repeatable)")
                    ->type_name("NAME=FILE")
                    ->allow_extra_args(false);
  app.add_option("--data", dataPath, "samples: a .npz file with one array per input, or a folder of\nimages or tensors")
      ->type_name("FILE|DIR")
      ->excludes(input);
  app.add_option("-o,--output", outputPath, "the outputs, as .npz; with --data they have a leading sample axis")
      ->type_name("FILE")
      ->required();
  app.add_option("--threads", threads, "threads of the run")
      ->type_name("N")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  imageRecipe.addOptions(app);
  modelOptions.addOptions(app);
}

llvm::Expected<std::vector<HostTensor>> RunCommand::readInputs(mlir::MLIRContext &context,
                                                               const Subject &subject) const {
  std::vector<calibration::InputSpec> specs = subject.inputs(subject.specializations().front());
  bool isOne = subject.specializations().size() == 1;
  std::vector<std::string> names;
  for (const calibration::InputSpec &spec : specs)
    names.push_back(spec.name);
  std::vector<HostTensor> tensors(names.size());
  for (llvm::StringRef text : inputs) {
    // Names may hold '=': the longest name that fits wins, so split where the rest is a file.
    auto [name, file] = text.split('=');
    if (!text.contains('='))
      return makeFailure(ExitCode::Usage, "--input takes NAME=FILE, got '" + text + "'",
                         "for example --input x=photo.npy");
    auto known = llvm::find(names, name);
    if (known == names.end())
      return makeFailure(ExitCode::Usage, "no input '" + name + "'", suggestSpelling(name, names));
    size_t index = known - names.begin();
    if (tensors[index].type())
      return makeFailure(ExitCode::Usage, "--input gives '" + name + "' twice");
    auto tensor = calibration::readTensorFile(context, file, name);
    if (!tensor)
      return withExitCode(tensor.takeError(), ExitCode::File);
    mlir::RankedTensorType type = specs[index].type;
    if (isOne ? tensor->type() != type : tensor->elementType() != type.getElementType())
      return makeFailure(ExitCode::Rejected, file + ": is " + calibration::describeTensorType(tensor->type()) +
                                                 ", input '" + name + "' is " + calibration::describeTensorType(type));
    tensors[index] = std::move(*tensor);
  }
  std::string missing;
  for (auto [name, tensor] : llvm::zip(names, tensors))
    if (!tensor.type())
      missing += (missing.empty() ? "'" : ", '") + name + "'";
  if (!missing.empty())
    return makeFailure(ExitCode::Usage, "no data for input " + missing,
                       "give --input NAME=FILE for each, or --data FILE.npz");
  llvm::SmallVector<mlir::RankedTensorType> types;
  for (const HostTensor &tensor : tensors)
    types.push_back(tensor.type());
  if (auto specialization = subject.select(types); !specialization)
    return specialization.takeError();
  return tensors;
}

llvm::Error RunCommand::writeOutputs(Environment &environment, llvm::ArrayRef<calibration::NpzArray> arrays) const {
  auto write = [&](llvm::StringRef file) { return calibration::writeNpz(file, arrays); };
  if (outputPath != "-")
    return writeWholeFile(outputPath, write);
  auto folder = TemporaryPath::makeFolder();
  if (!folder)
    return folder.takeError();
  std::string file = (*folder)->path() + "/outputs.npz";
  if (llvm::Error error = write(file))
    return withExitCode(std::move(error), ExitCode::File);
  auto buffer = llvm::MemoryBuffer::getFile(file);
  if (!buffer)
    return makeFailure(ExitCode::File, file + ": " + buffer.getError().message());
  environment.out << (*buffer)->getBuffer();
  return llvm::Error::success();
}

llvm::Expected<ExitCode> RunCommand::run(Environment &environment) {
  if (outputPath == "-" && !wantsText())
    return makeFailure(ExitCode::Usage, "--output and --json cannot both be standard output");
  ModelContext modelContext(environment.cores);
  mlir::MLIRContext &context = *modelContext;
  auto bindings = modelOptions.parse(context);
  if (!bindings)
    return bindings.takeError();
  auto images = imageRecipe.parse({path}, dataPath);
  if (!images)
    return images.takeError();
  auto subject = Subject::open(environment, context, path, *bindings);
  if (!subject)
    return subject.takeError();

  std::vector<std::vector<HostTensor>> calls;
  std::optional<calibration::Samples> samples;
  if (!dataPath.empty()) {
    auto data = readSamples(context, **subject, dataPath, *images);
    if (!data)
      return data.takeError();
    samples = std::move(data->samples);
  } else {
    auto tensors = readInputs(context, **subject);
    if (!tensors)
      return tensors.takeError();
    calls.push_back(std::move(*tensors));
  }
  auto model = (*subject)->load(threads);
  if (!model)
    return model.takeError();

  std::vector<calibration::NpzArray> outputs;
  for (const codegen::Manifest::Tensor &output : (*subject)->manifest().first().outputs)
    outputs.push_back({output.name, {}, samples.has_value()});
  int64_t count = samples ? samples->size() : 1;
  Progress progress(environment, 1);
  progress.begin("run");
  for (int64_t i = 0; i < count; ++i) {
    progress.advance(i, count, "samples");
    auto results = (*model)->run(samples ? samples->sample(i) : calls.front(), &context);
    if (!results)
      return results.takeError();
    for (auto [output, result] : llvm::zip_equal(outputs, *results))
      output.samples.push_back(std::move(result));
  }
  progress.finish();
  if (llvm::Error error = writeOutputs(environment, outputs))
    return std::move(error);

  llvm::json::Array list;
  for (const calibration::NpzArray &output : outputs)
    list.push_back(
        llvm::json::Object{{"name", output.name}, {"shape", llvm::json::Array(output.samples.front().shape())}});
  if (wantsText() && outputPath != "-")
    environment.err << count << (count == 1 ? " sample" : " samples") << " -> " << outputPath << '\n';
  if (llvm::Error error = writeJson(
          environment, llvm::json::Object{{"schema_version", 1}, {"samples", count}, {"outputs", std::move(list)}}))
    return std::move(error);
  return ExitCode::Done;
}

} // namespace fettle::cli
