//===- Profile.cpp - what was measured on a model, and its file ------------===//

#include "ir/profile/Profile.h"
#include "ir/support/JsonText.h"
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

namespace {
/// Numbers of an entry, and where they go.
struct Numbers {
  llvm::StringRef key;
  int64_t count;
  std::vector<float> &into;
};
} // namespace

static llvm::Error decode(const llvm::Twine &where, const llvm::json::Object &entry, llvm::ArrayRef<Numbers> list) {
  for (const auto &[key, count, into] : list) {
    std::vector<char> bytes;
    llvm::Error error = llvm::decodeBase64(entry.getString(key).value_or(""), bytes);
    bool wrong = bool(error) || int64_t(bytes.size()) != 4 * count;
    llvm::consumeError(std::move(error));
    into.resize(wrong ? 0 : count);
    for (size_t i = 0; i < into.size(); ++i) {
      into[i] = llvm::bit_cast<float>(llvm::support::endian::read32le(&bytes[4 * i]));
      wrong |= !std::isfinite(into[i]);
    }
    if (wrong)
      return refuse(where + ": '" + key + "' does not hold " + llvm::Twine(count) + " finite numbers");
  }
  return llvm::Error::success();
}

/// -0 is written as 0, as which it would be read: llvm::json takes it for an integer.
static double withoutSign(double number) { return number == 0 ? 0 : number; }

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
          json.attribute("min", withoutSign(tensor.min));
          json.attribute("max", withoutSign(tensor.max));
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
          if (!entry.missing.empty())
            json.attribute("missing", encode(entry.missing));
        });
    });
    // Absent where nothing is timed, no tokens are removed, nothing is fitted to fewer of them or to rounded inputs, as in all profiles of older versions.
    if (!latencies.empty())
      json.attributeObject("latencies", [&] {
        for (const auto &[target, layers] : latencies)
          json.attributeObject(target, [&, &layers = layers] {
            for (const auto &[name, entry] : layers)
              json.attributeObject(name, [&, &entry = entry] {
                json.attribute("float_us", withoutSign(entry.floatMicroseconds));
                json.attribute("int8_us", withoutSign(entry.integerMicroseconds));
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
    if (roundingRefit)
      json.attributeObject("rounding_refit", [&] {
        json.attribute("layers", roundingRefit->layers);
        json.attribute("divergence_before", withoutSign(roundingRefit->divergenceBefore));
        json.attribute("divergence_after", withoutSign(roundingRefit->divergenceAfter));
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

static llvm::Expected<ChannelStatistics> readChannels(const llvm::Twine &where, const llvm::json::Object &entry) {
  // Four thirds of a character for each byte: how many there are follows from the text.
  int64_t count = llvm::StringRef(entry.getString("low").value_or("")).rtrim('=').size() * 3 / 16;
  ChannelStatistics channels;
  if (llvm::Error error = decode(where, entry, {{"low", count, channels.low}, {"high", count, channels.high}, {"mean_square", count, channels.meanSquare}}))
    return std::move(error);
  if (llvm::any_of(channels.low, [](float value) { return value > 0; }) ||
      llvm::any_of(channels.high, [](float value) { return value < 0; }) ||
      llvm::any_of(channels.meanSquare, [](float value) { return value < 0; }))
    return refuse(where + ": a number has the wrong sign");
  return channels;
}

static llvm::Expected<TensorStatistics> readTensor(const llvm::Twine &where, const llvm::json::Object &entry) {
  constexpr double most = std::numeric_limits<float>::max();
  std::optional<double> min = entry.getNumber("min"), max = entry.getNumber("max");
  if (!min || !max || !(-most <= *min && *min <= *max && *max <= most))
    return refuse(where + " has no finite min and max");
  TensorStatistics tensor;
  tensor.min = *min;
  tensor.max = *max;
  const llvm::json::Array *bins = entry.getArray("histogram");
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

static llvm::Expected<RowStatistics> readRows(const llvm::Twine &where, const llvm::json::Object &entry) {
  RowStatistics rows;
  rows.scale = static_cast<float>(entry.getNumber("scale").value_or(0));
  rows.zeroPoint = entry.getInteger("zero_point").value_or(-1);
  rows.groups = entry.getInteger("groups").value_or(0);
  rows.width = entry.getInteger("width").value_or(0);
  constexpr int64_t most = 1 << 20;
  if (!(rows.scale > 0) || !std::isfinite(rows.scale) || rows.zeroPoint < 0 || rows.zeroPoint > 255 || rows.groups < 1 ||
      rows.groups > most || rows.width < 1 || rows.width > most)
    return refuse(where + " has no grid, groups or width");
  if (llvm::Error error = decode(where, entry,
                                 {{"mean", rows.groups * rows.width, rows.mean},
                                  {"rounded_mean", rows.groups * rows.width, rows.roundedMean},
                                  {"covariance", rows.groups * rows.triangle(), rows.covariance}}))
    return std::move(error);
  if (entry.get("missing"))
    if (llvm::Error error = decode(where, entry, {{"missing", rows.groups * rows.width * rows.width, rows.missing}}))
      return std::move(error);
  return rows;
}

static llvm::Expected<ProductMoments> readMoments(const llvm::Twine &where, const llvm::json::Object &entry) {
  ProductMoments moments;
  moments.width = entry.getInteger("width").value_or(0);
  moments.outputs = entry.getInteger("outputs").value_or(0);
  constexpr int64_t most = 1 << 20;
  if (moments.width < 1 || moments.width > most || moments.outputs < 1 || moments.outputs > most)
    return refuse(where + " has no width or outputs");
  if (llvm::Error error = decode(where, entry,
                                 {{"mean", moments.width, moments.mean},
                                  {"target_mean", moments.outputs, moments.targetMean},
                                  {"covariance", moments.triangle(), moments.covariance},
                                  {"cross", moments.width * moments.outputs, moments.cross}}))
    return std::move(error);
  return moments;
}

static llvm::Expected<TokenDecision> readTokens(const llvm::Twine &where, const llvm::json::Object &entry) {
  const llvm::json::Array *removed = entry.getArray("removed");
  if (!removed)
    return refuse(where + " have no list of what is removed");
  TokenDecision tokens;
  for (auto [key, into] : {std::pair("method", &tokens.method), {"metric", &tokens.metric}, {"matching", &tokens.matching}})
    *into = entry.getString(key).value_or("").str();
  tokens.rounds = entry.getInteger("rounds").value_or(0);
  for (const llvm::json::Value &value : *removed) {
    const llvm::json::Object *object = value.getAsObject();
    std::optional<llvm::StringRef> site = object ? object->getString("site") : std::nullopt;
    int64_t count = object ? object->getInteger("count").value_or(-1) : -1;
    if (!site || count < 0)
      return refuse(where + ": an entry has no site or no count");
    tokens.removed.emplace_back(site->str(), count);
  }
  return tokens;
}

static llvm::Expected<LayerLatency> readLatency(const llvm::Twine &where, const llvm::json::Object &entry) {
  std::optional<bool> refused = entry.getBoolean("refused");
  LayerLatency latency{entry.getNumber("float_us").value_or(-1), entry.getNumber("int8_us").value_or(-1), refused.value_or(false)};
  if (!(latency.floatMicroseconds >= 0) || !(latency.integerMicroseconds >= 0) || !refused)
    return refuse(where + " has no float_us, int8_us or refused");
  return latency;
}

static llvm::Expected<RoundingRefit> readRoundingRefit(const llvm::json::Value &value) {
  const llvm::json::Object *object = value.getAsObject();
  auto number = [&](llvm::StringRef key) { return object ? object->getNumber(key).value_or(-1) : -1; };
  RoundingRefit refit{object ? object->getInteger("layers").value_or(-1) : -1, number("divergence_before"), number("divergence_after")};
  if (refit.layers < 0 || !(refit.divergenceBefore >= 0) || !(refit.divergenceAfter >= 0))
    return refuse("rounding_refit has no layers, divergence_before or divergence_after");
  return refit;
}

/// Reads every entry of `object`; `what` names them in messages.
template <typename Entry>
static llvm::Error readEntries(const llvm::Twine &what, const llvm::json::Object &object,
                               llvm::Expected<Entry> (*read)(const llvm::Twine &where, const llvm::json::Object &entry),
                               std::map<std::string, Entry> &into) {
  for (const auto &[name, value] : object) {
    const std::string where = (what + " '" + llvm::StringRef(name) + "'").str();
    const llvm::json::Object *entry = value.getAsObject();
    if (!entry)
      return refuse(where + ": not an object");
    if (llvm::Error error = read(where, *entry).moveInto(into[name.str()]))
      return error;
  }
  return llvm::Error::success();
}

static llvm::Expected<std::map<std::string, LayerLatency>> readLatencies(const llvm::Twine &where, const llvm::json::Object &layers) {
  std::map<std::string, LayerLatency> latencies;
  if (llvm::Error error = readEntries(where + ": layer", layers, readLatency, latencies))
    return std::move(error);
  return latencies;
}

llvm::Expected<Profile> Profile::fromJson(llvm::StringRef text) {
  llvm::Expected<llvm::json::Value> root = parseJson(text);
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
  profile.samples = object->getInteger("samples").value_or(0);
  if (profile.samples < 1)
    return refuse("is no profile: samples are missing");
  auto readMember = [&](llvm::StringRef member, bool isOptional, llvm::StringRef what, auto read, auto &into) -> llvm::Error {
    const llvm::json::Value *value = object->get(member);
    if (!value && isOptional)
      return llvm::Error::success();
    const llvm::json::Object *entries = value ? value->getAsObject() : nullptr;
    return entries ? readEntries(what, *entries, read, into) : refuse("is no profile: " + member + " are missing");
  };
  if (llvm::Error error = readMember("channels", false, "channels of", readChannels, profile.channels))
    return std::move(error);
  if (llvm::Error error = readMember("tensors", false, "tensor", readTensor, profile.tensors))
    return std::move(error);
  if (llvm::Error error = readMember("rows", false, "rows of", readRows, profile.rows))
    return std::move(error);
  if (llvm::Error error = readMember("refits", true, "refit of", readMoments, profile.refits))
    return std::move(error);
  if (llvm::Error error = readMember("tokens", true, "tokens for", readTokens, profile.tokens))
    return std::move(error);
  if (llvm::Error error = readMember("latencies", true, "latencies on", readLatencies, profile.latencies))
    return std::move(error);
  if (const llvm::json::Value *value = object->get("rounding_refit"))
    if (llvm::Error error = readRoundingRefit(*value).moveInto(profile.roundingRefit.emplace()))
      return std::move(error);
  return profile;
}

} // namespace fettle
