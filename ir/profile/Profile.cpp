//===- Profile.cpp - what was measured on a model, and its file ------------===//

#include "ir/profile/Profile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <numeric>

namespace fettle {

static constexpr int64_t schemaVersion = 1;

int64_t TensorStatistics::count() const { return std::accumulate(histogram.begin(), histogram.end(), int64_t(0)); }

std::string Profile::toJson() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("schema_version", schemaVersion);
    json.attribute("samples", samples);
    json.attributeObject("tensors", [&] {
      for (const auto &[name, tensor] : tensors)
        json.attributeObject(name, [&, &tensor = tensor] {
          json.attribute("min", tensor.min);
          json.attribute("max", tensor.max);
          // One line: thousands of numbers.
          json.attributeBegin("histogram");
          json.rawValue([&](llvm::raw_ostream &os) {
            os << '[';
            llvm::interleave(tensor.histogram, os, ",");
            os << ']';
          });
          json.attributeEnd();
        });
    });
  });
  return text + "\n";
}

static llvm::Error refuse(const llvm::Twine &what) { return llvm::createStringError(what); }

static llvm::Expected<TensorStatistics> readTensor(const llvm::Twine &where, const llvm::json::Object *entry) {
  if (!entry)
    return refuse(where + " is no object");
  std::optional<double> min = entry->getNumber("min"), max = entry->getNumber("max");
  if (!min || !max || !std::isfinite(*min) || !std::isfinite(*max) || *min > *max)
    return refuse(where + " has no finite min and max");
  TensorStatistics tensor;
  tensor.min = *min;
  tensor.max = *max;
  const llvm::json::Array *bins = entry->getArray("histogram");
  if (!bins || bins->empty())
    return refuse(where + " has no histogram");
  int64_t total = 0;
  for (const llvm::json::Value &bin : *bins) {
    std::optional<int64_t> count = bin.getAsInteger();
    if (!count || *count < 0 || *count > INT64_MAX - total)
      return refuse(where + ": a bin of the histogram is no count");
    total += *count;
    tensor.histogram.push_back(*count);
  }
  if (total == 0)
    return refuse(where + ": the histogram is empty");
  return tensor;
}

llvm::Expected<Profile> Profile::fromJson(llvm::StringRef text) {
  llvm::Expected<llvm::json::Value> root = llvm::json::parse(text);
  if (!root)
    return refuse("is no JSON: " + llvm::toString(root.takeError()));
  const llvm::json::Object *object = root->getAsObject();
  std::optional<int64_t> version = object ? object->getInteger("schema_version") : std::nullopt;
  if (!version)
    return refuse("is no profile: there is no schema_version");
  if (*version != schemaVersion)
    return refuse("is a profile of schema version " + llvm::Twine(*version) + ", this is version " +
                  llvm::Twine(schemaVersion));
  Profile profile;
  std::optional<int64_t> samples = object->getInteger("samples");
  const llvm::json::Object *tensors = object->getObject("tensors");
  if (!samples || *samples < 1 || !tensors)
    return refuse("is no profile: samples or tensors are missing");
  profile.samples = *samples;
  for (const auto &[name, value] : *tensors) {
    auto tensor = readTensor("tensor '" + llvm::StringRef(name) + "'", value.getAsObject());
    if (!tensor)
      return tensor.takeError();
    profile.tensors[name.str()] = std::move(*tensor);
  }
  return profile;
}

} // namespace fettle
