//===- Profile.cpp - what was measured on a model, and its file ------------===//

#include "ir/profile/Profile.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>
#include <numeric>

namespace fettle {

static constexpr int64_t schemaVersion = 1;

int64_t TensorStatistics::count() const { return std::accumulate(histogram.begin(), histogram.end(), int64_t(0)); }

static llvm::Error refuse(const llvm::Twine &what) { return llvm::createStringError(what); }

/// Little-endian floats in base64: numbers by the million.
static std::string encode(const std::vector<float> &numbers) {
  std::string bytes(numbers.size() * 4, '\0');
  for (size_t i = 0; i < numbers.size(); ++i)
    llvm::support::endian::write32le(&bytes[4 * i], llvm::bit_cast<uint32_t>(numbers[i]));
  return llvm::encodeBase64(bytes);
}

static llvm::Expected<std::vector<float>> decode(const llvm::Twine &where, const llvm::json::Object &entry,
                                                 llvm::StringRef key, int64_t count) {
  std::vector<char> bytes;
  std::optional<llvm::StringRef> text = entry.getString(key);
  llvm::Error error = llvm::decodeBase64(text.value_or(""), bytes);
  bool wrong = bool(error) || int64_t(bytes.size()) != 4 * count;
  llvm::consumeError(std::move(error));
  std::vector<float> numbers(wrong ? 0 : count);
  for (size_t i = 0; i < numbers.size(); ++i) {
    numbers[i] = llvm::bit_cast<float>(llvm::support::endian::read32le(&bytes[4 * i]));
    wrong |= !std::isfinite(numbers[i]);
  }
  if (wrong)
    return llvm::createStringError(where + ": '" + key + "' does not hold " + llvm::Twine(count) + " finite numbers");
  return numbers;
}

std::string Profile::toJson() const {
  std::string text;
  llvm::raw_string_ostream stream(text);
  llvm::json::OStream json(stream, /*IndentSize=*/1);
  json.object([&] {
    json.attribute("schema_version", schemaVersion);
    json.attribute("samples", samples);
    json.attributeObject("channels", [&] {
      for (const auto &[name, entry] : channels)
        json.attributeObject(name, [&, &entry = entry] {
          json.attribute("low", encode(entry.low));
          json.attribute("high", encode(entry.high));
          json.attribute("mean_square", encode(entry.meanSquare));
        });
    });
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
    json.attributeObject("rows", [&] {
      for (const auto &[name, entry] : rows)
        json.attributeObject(name, [&, &entry = entry] {
          json.attribute("scale", double(entry.scale));
          json.attribute("zero_point", entry.zeroPoint);
          json.attribute("groups", entry.groups);
          json.attribute("width", entry.width);
          json.attribute("mean", encode(entry.mean));
          json.attribute("rounded_mean", encode(entry.roundedMean));
          json.attribute("covariance", encode(entry.covariance));
        });
    });
    // Absent where nothing is timed, no tokens are removed or nothing is fitted to fewer of them, as in all profiles of older versions.
    if (!latencies.empty())
      json.attributeObject("latencies", [&] {
        for (const auto &[target, layers] : latencies)
          json.attributeObject(target, [&, &layers = layers] {
            for (const auto &[name, entry] : layers)
              json.attributeObject(name, [&, &entry = entry] {
                json.attribute("float_us", entry.floatMicroseconds);
                json.attribute("int8_us", entry.integerMicroseconds);
                json.attribute("refused", entry.refused);
              });
          });
      });
    if (!refits.empty())
      json.attributeObject("refits", [&] {
        for (const auto &[name, entry] : refits)
          json.attributeObject(name, [&, &entry = entry] {
            json.attribute("width", entry.width);
            json.attribute("outputs", entry.outputs);
            json.attribute("mean", encode(entry.mean));
            json.attribute("target_mean", encode(entry.targetMean));
            json.attribute("covariance", encode(entry.covariance));
            json.attribute("cross", encode(entry.cross));
          });
      });
    if (tokens.empty())
      return;
    json.attributeObject("tokens", [&] {
      for (const auto &[name, entry] : tokens)
        json.attributeObject(name, [&, &entry = entry] {
          json.attribute("method", entry.method);
          json.attribute("metric", entry.metric);
          json.attribute("matching", entry.matching);
          json.attribute("rounds", entry.rounds);
          json.attributeArray("removed", [&] {
            for (const auto &[site, count] : entry.removed)
              json.object([&, &site = site, &count = count] {
                json.attribute("site", site);
                json.attribute("count", count);
              });
          });
        });
    });
  });
  return text + "\n";
}

static llvm::Expected<ChannelStatistics> readChannels(const llvm::Twine &where, const llvm::json::Object *entry) {
  if (!entry)
    return refuse(where + " is no object");
  // Four thirds of a character for each byte: how many there are follows from the text.
  int64_t count = llvm::StringRef(entry->getString("low").value_or("")).rtrim('=').size() * 3 / 16;
  auto low = decode(where, *entry, "low", count);
  if (!low)
    return low.takeError();
  auto high = decode(where, *entry, "high", count);
  if (!high)
    return high.takeError();
  auto meanSquare = decode(where, *entry, "mean_square", count);
  if (!meanSquare)
    return meanSquare.takeError();
  if (llvm::any_of(*low, [](float value) { return value > 0; }) ||
      llvm::any_of(*high, [](float value) { return value < 0; }) ||
      llvm::any_of(*meanSquare, [](float value) { return value < 0; }))
    return refuse(where + ": a number has the wrong sign");
  return ChannelStatistics{std::move(*low), std::move(*high), std::move(*meanSquare)};
}

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

static llvm::Expected<RowStatistics> readRows(const llvm::Twine &where, const llvm::json::Object *object) {
  if (!object)
    return refuse(where + " is no object");
  RowStatistics rows;
  rows.scale = static_cast<float>(object->getNumber("scale").value_or(0));
  rows.zeroPoint = object->getInteger("zero_point").value_or(-1);
  rows.groups = object->getInteger("groups").value_or(0);
  rows.width = object->getInteger("width").value_or(0);
  constexpr int64_t most = 1 << 20;
  if (!(rows.scale > 0) || !std::isfinite(rows.scale) || rows.zeroPoint < 0 || rows.zeroPoint > 255 || rows.groups < 1 ||
      rows.groups > most || rows.width < 1 || rows.width > most)
    return refuse(where + " has no grid, groups or width");
  for (auto [key, count, into] : {std::tuple("mean", rows.groups * rows.width, &rows.mean),
                                  {"rounded_mean", rows.groups * rows.width, &rows.roundedMean},
                                  {"covariance", rows.groups * rows.triangle(), &rows.covariance}}) {
    auto numbers = decode(where, *object, key, count);
    if (!numbers)
      return numbers.takeError();
    *into = std::move(*numbers);
  }
  return rows;
}

static llvm::Expected<ProductMoments> readMoments(const llvm::Twine &where, const llvm::json::Object *object) {
  if (!object)
    return refuse(where + " is no object");
  ProductMoments moments;
  moments.width = object->getInteger("width").value_or(0);
  moments.outputs = object->getInteger("outputs").value_or(0);
  constexpr int64_t most = 1 << 20;
  if (moments.width < 1 || moments.width > most || moments.outputs < 1 || moments.outputs > most)
    return refuse(where + " has no width or outputs");
  for (auto [key, count, into] : {std::tuple("mean", moments.width, &moments.mean),
                                  {"target_mean", moments.outputs, &moments.targetMean},
                                  {"covariance", moments.triangle(), &moments.covariance},
                                  {"cross", moments.width * moments.outputs, &moments.cross}}) {
    auto numbers = decode(where, *object, key, count);
    if (!numbers)
      return numbers.takeError();
    *into = std::move(*numbers);
  }
  return moments;
}

static llvm::Expected<TokenDecision> readTokens(const llvm::Twine &where, const llvm::json::Object *object) {
  const llvm::json::Array *removed = object ? object->getArray("removed") : nullptr;
  if (!removed)
    return refuse(where + " have no list of what is removed");
  TokenDecision tokens;
  for (auto [key, into] : {std::pair("method", &tokens.method), {"metric", &tokens.metric}, {"matching", &tokens.matching}})
    *into = object->getString(key).value_or("").str();
  tokens.rounds = object->getInteger("rounds").value_or(0);
  for (const llvm::json::Value &value : *removed) {
    const llvm::json::Object *entry = value.getAsObject();
    std::optional<llvm::StringRef> site = entry ? entry->getString("site") : std::nullopt;
    int64_t count = entry ? entry->getInteger("count").value_or(-1) : -1;
    if (!site || count < 0)
      return refuse(where + ": an entry has no site or no count");
    tokens.removed.emplace_back(site->str(), count);
  }
  return tokens;
}

static llvm::Expected<std::map<std::string, LayerLatency>> readLatencies(const llvm::Twine &where, const llvm::json::Object *object) {
  if (!object)
    return refuse(where + " are no object");
  std::map<std::string, LayerLatency> layers;
  for (const auto &[name, value] : *object) {
    const llvm::json::Object *entry = value.getAsObject();
    auto number = [&](llvm::StringRef key) { return entry ? entry->getNumber(key).value_or(-1) : -1; };
    LayerLatency latency{number("float_us"), number("int8_us"), entry && entry->getBoolean("refused").value_or(false)};
    if (!(latency.floatMicroseconds >= 0) || !(latency.integerMicroseconds >= 0) || !entry->getBoolean("refused"))
      return refuse(where + ": that of '" + llvm::StringRef(name) + "' has no float_us, int8_us or refused");
    layers[name.str()] = latency;
  }
  return layers;
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
  const llvm::json::Object *tensors = object->getObject("tensors"), *rows = object->getObject("rows"),
                           *channels = object->getObject("channels");
  if (!samples || *samples < 1 || !channels || !tensors || !rows)
    return refuse("is no profile: samples, channels, tensors or rows are missing");
  profile.samples = *samples;
  for (const auto &[name, value] : *channels) {
    auto entry = readChannels("channels of '" + llvm::StringRef(name) + "'", value.getAsObject());
    if (!entry)
      return entry.takeError();
    profile.channels[name.str()] = std::move(*entry);
  }
  for (const auto &[name, value] : *tensors) {
    auto tensor = readTensor("tensor '" + llvm::StringRef(name) + "'", value.getAsObject());
    if (!tensor)
      return tensor.takeError();
    profile.tensors[name.str()] = std::move(*tensor);
  }
  for (const auto &[name, value] : *rows) {
    auto entry = readRows("rows of '" + llvm::StringRef(name) + "'", value.getAsObject());
    if (!entry)
      return entry.takeError();
    profile.rows[name.str()] = std::move(*entry);
  }
  if (const llvm::json::Object *refits = object->getObject("refits"))
    for (const auto &[name, value] : *refits) {
      auto entry = readMoments("refit of '" + llvm::StringRef(name) + "'", value.getAsObject());
      if (!entry)
        return entry.takeError();
      profile.refits[name.str()] = std::move(*entry);
    }
  if (const llvm::json::Object *tokens = object->getObject("tokens"))
    for (const auto &[name, value] : *tokens) {
      auto entry = readTokens("tokens for '" + llvm::StringRef(name) + "'", value.getAsObject());
      if (!entry)
        return entry.takeError();
      profile.tokens[name.str()] = std::move(*entry);
    }
  if (const llvm::json::Object *latencies = object->getObject("latencies"))
    for (const auto &[target, value] : *latencies) {
      auto layers = readLatencies("latencies on '" + llvm::StringRef(target) + "'", value.getAsObject());
      if (!layers)
        return layers.takeError();
      profile.latencies[target.str()] = std::move(*layers);
    }
  return profile;
}

} // namespace fettle
