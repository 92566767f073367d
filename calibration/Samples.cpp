//===- Samples.cpp - what a model is run on -------------------------------===//

#include "calibration/Samples.h"
#include "llvm/ADT/STLExtras.h"
#include <cmath>

using namespace mlir;

namespace fettle::calibration {

/// How many samples of `type` an array of `arrayType` holds, or why none.
static llvm::Expected<int64_t> countIn(RankedTensorType type, RankedTensorType arrayType) {
  auto refuse = [&](const llvm::Twine &why) {
    return llvm::createStringError("is " + describeTensorType(arrayType) + ", the input is " +
                                   describeTensorType(type) + why);
  };
  if (type.getElementType() != arrayType.getElementType())
    return refuse("");
  ArrayRef<int64_t> shape = type.getShape(), arrayShape = arrayType.getShape();
  if (arrayShape.size() == shape.size() + 1 && arrayShape.drop_front() == shape)
    return arrayShape.front();
  if (arrayShape == shape)
    return 1;
  if (arrayShape.size() != shape.size() || shape.empty() || arrayShape.drop_front() != shape.drop_front())
    return refuse("");
  if (shape.front() == 0 || arrayShape.front() % shape.front() != 0)
    return refuse("; its first axis is no multiple of " + llvm::Twine(shape.front()));
  return arrayShape.front() / shape.front();
}

llvm::Expected<int64_t> countSamples(ArrayRef<InputSpec> inputs, ArrayRef<RankedTensorType> types) {
  int64_t count = inputs.empty() ? 1 : -1;
  bool isEmpty = !inputs.empty();
  std::string problems;
  auto add = [&](const llvm::Twine &problem) { problems += (problems.empty() ? "" : "; ") + problem.str(); };
  for (auto [input, type] : llvm::zip_equal(inputs, types)) {
    isEmpty &= input.type.getNumElements() == 0;
    if (!type) {
      add("there is no array '" + input.name + "' (" + describeTensorType(input.type) + ")");
      continue;
    }
    auto held = countIn(input.type, type);
    if (!held) {
      add("array '" + input.name + "' " + llvm::toString(held.takeError()));
      continue;
    }
    if (count >= 0 && *held != count)
      add("array '" + input.name + "' holds " + llvm::Twine(*held) + " samples, others " + llvm::Twine(count));
    count = *held;
  }
  if (problems.empty() && count == 0)
    add("there are no samples");
  // A few bytes may claim 2^62 of them.
  if (problems.empty() && isEmpty && count > 1)
    add("inputs without elements do not tell how many samples there are");
  if (!problems.empty())
    return llvm::createStringError(problems);
  return count;
}

llvm::Expected<Samples> Samples::cut(ArrayRef<InputSpec> inputs, std::vector<NamedTensor> arrays) {
  Samples samples;
  samples.specs.assign(inputs.begin(), inputs.end());
  auto find = [&](StringRef name) {
    auto array = llvm::find_if(arrays, [&](const NamedTensor &candidate) { return candidate.name == name; });
    return array == arrays.end() ? nullptr : &*array;
  };
  SmallVector<RankedTensorType> types;
  for (const InputSpec &input : inputs) {
    const NamedTensor *array = find(input.name);
    types.push_back(array ? array->tensor.type() : nullptr);
    if (array)
      samples.arrays.push_back({std::make_shared<HostTensor>(array->tensor), array->spool});
  }
  if (llvm::Error error = countSamples(inputs, types).moveInto(samples.count))
    return std::move(error);
  if (const NamedTensor *labels = find("labels")) {
    if (!labels->tensor.elementType().isIntOrIndex())
      return llvm::createStringError("array 'labels' is " + describeTensorType(labels->tensor.type()) + ", labels are integers");
    if (int64_t(labels->tensor.numElements()) % samples.count != 0)
      return llvm::createStringError("there are " + llvm::Twine(labels->tensor.numElements()) + " labels for " + llvm::Twine(samples.count) +
                                     " samples");
    samples.labelValues = labels->tensor.integers();
  }
  return samples;
}

namespace {
/// SplitMix64 (Steele, Lea and Flood 2014): the same numbers on every machine,
/// which the distributions of <random> do not promise.
class Noise {
public:
  explicit Noise(uint64_t seed) : state(seed) {}
  uint64_t bits() {
    uint64_t z = state += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  /// In (-1, 1), exact in a float.
  double uniform() { return (int64_t(bits() >> 40) - (1 << 23)) / double(1 << 23); }
  /// Nearly normal (the sum of 12 uniforms, Irwin and Hall), by exact arithmetic alone.
  double normal() {
    double sum = 0;
    for (int i = 0; i < 12; ++i)
      sum += uniform();
    return sum / 2;
  }

private:
  uint64_t state;
};
} // namespace

Samples Samples::random(ArrayRef<InputSpec> inputs, uint64_t seed) {
  Samples samples;
  samples.specs.assign(inputs.begin(), inputs.end());
  samples.count = 1;
  Noise noise(seed);
  for (const InputSpec &input : inputs) {
    SmallVector<int64_t> shape{1};
    llvm::append_range(shape, input.type.getShape());
    auto array = std::make_shared<HostTensor>(RankedTensorType::get(shape, input.type.getElementType()));
    Type element = input.type.getElementType();
    for (int64_t i = 0; i < array->numElements(); ++i) {
      if (isa<FloatType>(element))
        array->setDouble(i, noise.normal());
      else
        array->setInteger(i, element.isInteger(1) ? 1 : int64_t(noise.bits() % uint64_t(input.limit)));
    }
    samples.arrays.push_back({std::move(array), nullptr});
  }
  return samples;
}

llvm::Error Samples::checkFinite() const {
  for (auto [spec, array] : llvm::zip_equal(specs, arrays)) {
    if (!isa<FloatType>(spec.type.getElementType()))
      continue;
    for (int64_t i = 0; i < count; ++i) {
      HostTensor tensor = sampleOf(spec, array, i);
      for (int64_t k = 0; k < tensor.numElements(); ++k)
        if (!std::isfinite(tensor.doubleAt(k)))
          return llvm::createStringError("array '" + spec.name + "' holds NaN or infinity in sample " + llvm::Twine(i));
    }
  }
  return llvm::Error::success();
}

HostTensor Samples::sampleOf(const InputSpec &spec, const Array &array, int64_t i) const {
  size_t size = spec.type.getNumElements() * elementBytes(spec.type.getElementType());
  ArrayRef<char> bytes = array.tensor->bytes().slice(i * size, size);
  if (!array.spool)
    return HostTensor(spec.type, bytes, array.tensor);
  HostTensor copy(spec.type);
  llvm::copy(bytes, copy.mutableBytes().begin());
  array.spool->forget(bytes);
  return copy;
}

std::vector<HostTensor> Samples::sample(int64_t i) const {
  std::vector<HostTensor> tensors;
  for (auto [spec, array] : llvm::zip_equal(specs, arrays))
    tensors.push_back(sampleOf(spec, array, i));
  return tensors;
}

} // namespace fettle::calibration
