//===- Evaluation.cpp - accuracy on labelled or unlabelled samples --------===//

#include "tools/fettle/Evaluation.h"
#include "tools/fettle/ExitCode.h"
#include <cmath>

namespace fettle::cli {

llvm::json::Object Evaluation::toJson() const {
  auto orNull = [](std::optional<double> value) {
    return value ? llvm::json::Value(*value) : llvm::json::Value(nullptr);
  };
  return llvm::json::Object{{"samples", samples},
                            {"top1", orNull(top1)},
                            {"teacher_top1", orNull(teacherTop1)},
                            {"agreement", orNull(agreement)},
                            {"sqnr_db", orNull(sqnrDecibels)}};
}

calibration::AccuracyDrop Evaluation::drop(double confidence) const {
  using calibration::LossKind;
  return calibration::estimateDrop(losses, top1 ? LossKind::Labelled : LossKind::Agreement, confidence);
}

/// Classes of the rows of an output.
static std::vector<int64_t> classify(const HostTensor &output, int64_t rows) {
  int64_t width = output.numElements() / rows;
  std::vector<int64_t> classes;
  for (int64_t row = 0; row < rows; ++row)
    classes.push_back(argmax(output, row * width, (row + 1) * width));
  return classes;
}

llvm::Expected<Evaluation> evaluateModel(mlir::MLIRContext &context, codegen::LoadedModel &student, Teacher *teacher,
                                         const calibration::Samples &samples,
                                         llvm::function_ref<void(int64_t, int64_t)> progress) {
  auto describe = [&](codegen::LoadedModel &model) -> llvm::Expected<const codegen::Manifest::Specialization *> {
    auto specialization = model.select(samples.sample(0));
    if (!specialization)
      return makeFailure(ExitCode::Usage, llvm::toString(specialization.takeError()));
    return &model.manifest().specializations[*specialization];
  };
  auto manifest = describe(student);
  if (!manifest)
    return manifest.takeError();
  if ((*manifest)->outputs.empty())
    return makeFailure(ExitCode::Rejected, "the model has no output to be judged by");
  const codegen::Manifest::Tensor &judged = (*manifest)->outputs.front();
  if (teacher) {
    auto other = describe(teacher->model());
    if (!other)
      return other.takeError();
    if ((*other)->outputs.empty() || (*other)->outputs.front().shape != judged.shape)
      return makeFailure(ExitCode::Usage, "the teacher's first output has another shape than '" + judged.name + "'");
  }
  llvm::ArrayRef<int64_t> labels = samples.labels();
  llvm::ArrayRef<codegen::Manifest::Tensor> inputs = (*manifest)->inputs;
  int64_t batch = inputs.empty() || inputs.front().shape.empty() ? 1 : inputs.front().shape.front();
  int64_t rowsPerSample = 1;
  if (!labels.empty())
    rowsPerSample = labels.size() / samples.size();
  else if (!judged.shape.empty() && judged.shape.front() == batch && batch > 1)
    rowsPerSample = batch;
  if (judged.shape.empty() ? rowsPerSample != 1
                           : judged.bytes == 0 || (rowsPerSample > 1 && judged.shape.front() != rowsPerSample))
    return makeFailure(ExitCode::Rejected, llvm::Twine(labels.size()) + " labels for " + llvm::Twine(samples.size()) +
                                               " samples do not fit output '" + judged.name + "'");

  Evaluation result;
  result.samples = samples.size();
  int64_t right = 0, teacherRight = 0, agreeing = 0;
  Difference difference;
  for (int64_t i = 0; i < samples.size(); ++i) {
    if (progress)
      progress(i, samples.size());
    std::vector<HostTensor> inputs = samples.sample(i);
    auto answer = student.run(inputs, &context);
    if (!answer)
      return answer.takeError();
    std::vector<int64_t> classes = classify(answer->front(), rowsPerSample), teacherClasses;
    if (teacher) {
      auto reference = teacher->answer(samples, i);
      if (!reference)
        return reference.takeError();
      difference.add(answer->front(), *reference, Tolerance());
      teacherClasses = classify(*reference, rowsPerSample);
    }
    for (int64_t row = 0; row < rowsPerSample; ++row) {
      bool isRight = !labels.empty() && classes[row] == labels[i * rowsPerSample + row];
      right += isRight;
      if (!teacher)
        continue;
      bool agrees = classes[row] == teacherClasses[row];
      bool teacherIsRight = labels.empty() || teacherClasses[row] == labels[i * rowsPerSample + row];
      agreeing += agrees;
      teacherRight += teacherIsRight;
      result.losses.push_back(int(teacherIsRight) - int(labels.empty() ? agrees : isRight));
    }
  }
  result.rows = samples.size() * rowsPerSample;
  if (!labels.empty())
    result.top1 = 100.0 * right / result.rows;
  if (teacher) {
    if (!labels.empty())
      result.teacherTop1 = 100.0 * teacherRight / result.rows;
    result.agreement = 100.0 * agreeing / result.rows;
    result.sqnrDecibels = difference.sqnrDecibels();
  }
  return result;
}

/// Natural logarithms of the classes' probabilities in `row`: of a softmax over it, unless it holds probabilities.
static std::vector<double> logProbabilities(const HostTensor &output, int64_t begin, int64_t width) {
  constexpr double least = 1e-12; // a probability of 0 would make the divergence infinite
  std::vector<double> row(width);
  double sum = 0, largest = -INFINITY;
  bool areProbabilities = true;
  for (int64_t i = 0; i < width; ++i) {
    row[i] = output.doubleAt(begin + i);
    sum += row[i];
    largest = std::max(largest, row[i]);
    areProbabilities &= row[i] >= 0;
  }
  if (areProbabilities && std::fabs(sum - 1) < 1e-3) {
    for (double &value : row)
      value = std::log(std::max(value, least));
    return row;
  }
  sum = 0;
  for (double value : row)
    sum += std::exp(value - largest);
  for (double &value : row)
    value -= largest + std::log(sum);
  return row;
}

double outputDivergence(const HostTensor &student, const HostTensor &teacher) {
  const int64_t width = teacher.shape().empty() ? 1 : teacher.shape().back(), count = teacher.numElements();
  double sum = 0, power = 0;
  if (width > 1) {
    for (int64_t row = 0; row < count; row += width) {
      std::vector<double> ours = logProbabilities(student, row, width), theirs = logProbabilities(teacher, row, width);
      for (int64_t i = 0; i < width; ++i)
        sum += std::exp(theirs[i]) * (theirs[i] - ours[i]);
    }
    return sum * double(width) / double(count);
  }
  for (int64_t i = 0; i < count; ++i) {
    sum += std::pow(student.doubleAt(i) - teacher.doubleAt(i), 2);
    power += std::pow(teacher.doubleAt(i), 2);
  }
  return power > 0 ? sum / power : sum;
}

} // namespace fettle::cli
