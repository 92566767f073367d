//===- EvaluateCommand.cpp - fettle evaluate ------------------------------===//

#include "tools/fettle/EvaluateCommand.h"
#include "tools/fettle/Evaluation.h"
#include "tools/fettle/ModelContext.h"
#include "tools/fettle/Progress.h"
#include <CLI/CLI.hpp>

namespace fettle::cli {

void EvaluateCommand::addOptions(CLI::App &app) {
  app.add_option("MODEL|DIR", path, "a model, or a compiled artifact")->type_name("")->required();
  app.add_option("E.npz|DIR", dataPath, "one array per input, and 'labels' (integers) for accuracy; or a folder of\nimages for each class, or one of tensors")
      ->type_name("")
      ->required();
  app.add_option("--teacher", teacherPath, "the model it was made from; takes the artifact's bindings")
      ->type_name("MODEL");
  app.add_option("--threads", threads, "threads of a run")
      ->type_name("N")
      ->check(CLI::Range(1, 1024))
      ->capture_default_str();
  imageRecipe.addOptions(app);
  modelOptions.addOptions(app);
}

llvm::Expected<ExitCode> EvaluateCommand::run(Environment &environment) {
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
  auto data = readSamples(context, **subject, dataPath, *images);
  if (!data)
    return data.takeError();
  if (llvm::Error error = data->checkFinite(dataPath))
    return std::move(error);
  auto student = (*subject)->load(threads);
  if (!student)
    return student.takeError();

  std::unique_ptr<Subject> teacherSubject;
  std::optional<Teacher> teacher;
  if (!teacherPath.empty()) {
    auto opened = Subject::open(environment, context, teacherPath,
                                (*subject)->teacherBindings(*bindings, data->specialization));
    if (!opened)
      return opened.takeError();
    teacherSubject = std::move(*opened);
    auto loaded = teacherSubject->load(threads);
    if (!loaded)
      return loaded.takeError();
    teacher.emplace(context, std::move(*loaded));
  }
  Progress progress(environment, 1);
  progress.begin("evaluate");
  auto result = evaluateModel(context, **student, teacher ? &*teacher : nullptr, data->samples,
                              [&](int64_t done, int64_t total) { progress.advance(done, total, "samples"); });
  progress.finish();
  if (!result)
    return result.takeError();

  if (wantsText()) {
    llvm::raw_ostream &os = environment.out;
    os << "samples       " << result->samples << '\n';
    if (result->top1)
      os << llvm::formatv("top-1         {0:f2} %\n", *result->top1);
    if (result->teacherTop1)
      os << llvm::formatv("teacher top-1 {0:f2} %\n", *result->teacherTop1);
    if (result->agreement)
      os << llvm::formatv("agreement     {0:f2} %\nSQNR          {1:f1} dB\n", *result->agreement,
                          *result->sqnrDecibels);
    if (!result->top1 && !result->agreement)
      os << "no labels and no teacher: nothing to judge by\n";
  }
  llvm::json::Object json = result->toJson();
  json["schema_version"] = 1;
  if (llvm::Error error = writeJson(environment, std::move(json)))
    return std::move(error);
  return ExitCode::Done;
}

} // namespace fettle::cli
