//===- SavedImages.cpp - how images are prepared, in a manifest -----------===//

#include "tools/fettle/SavedImages.h"
#include "tools/fettle/ExitCode.h"

namespace fettle::cli {

static llvm::json::Value pixelsToJson(int64_t pixels) { return pixels ? llvm::json::Value(pixels) : llvm::json::Value(nullptr); }

static llvm::json::Object describe(const calibration::ImageInput &input) {
  const calibration::ImageOptions &options = input.choices();
  size_t numColours = input.isGrey() ? 1 : 3;
  auto colour = [&](const std::array<double, 3> &numbers) { return llvm::json::Array(llvm::ArrayRef(numbers).take_front(numColours)); };
  llvm::json::Object object{{"resize", pixelsToJson(options.resize)},
                            {"crop", pixelsToJson(options.crop)},
                            {"layout", *options.isChannelsFirst ? "nchw" : "nhwc"}};
  if (!input.takesBytes()) {
    object["mean"] = colour(options.mean);
    object["std"] = colour(options.std);
  }
  if (!input.isGrey())
    object["order"] = options.isBgr ? "bgr" : "rgb";
  return object;
}

llvm::Expected<llvm::json::Object> imagesToJson(const calibration::ImageOptions &options,
                                                llvm::ArrayRef<std::vector<calibration::InputSpec>> specializations) {
  llvm::json::Object result;
  std::string name;
  for (const std::vector<calibration::InputSpec> &inputs : specializations) {
    if (inputs.size() != 1)
      return makeFailure(ExitCode::Rejected, "the recipe has images.* keys; the model has " + llvm::Twine(inputs.size()) + " inputs",
                         "they are for models of one input, which takes images: leave them out");
    auto input = calibration::ImageInput::create(inputs.front(), options);
    if (!input)
      return makeFailure(ExitCode::Rejected, "the recipe has images.* keys: " + llvm::toString(input.takeError()),
                         "leave them out for a model that takes no images");
    llvm::json::Object described = describe(*input);
    if (result.empty()) {
      result = std::move(described);
      name = inputs.front().name;
      continue;
    }
    for (auto &[key, value] : result)
      if (*described.get(key) != value)
        value = nullptr;
  }
  return llvm::json::Object{{llvm::json::fixUTF8(name), std::move(result)}};
}

std::vector<std::string> imageSettings(const llvm::json::Object &saved) {
  std::vector<std::string> settings;
  for (const auto &[name, input] : saved)
    if (const llvm::json::Object *keys = input.getAsObject())
      for (const auto &[key, value] : *keys) {
        std::string text;
        llvm::raw_string_ostream os(text);
        if (auto word = value.getAsString())
          os << *word;
        else if (const llvm::json::Array *numbers = value.getAsArray())
          llvm::interleave(*numbers, os, ",");
        else
          os << value;
        if (value.kind() != llvm::json::Value::Null)
          settings.push_back("images." + key.str() + "=" + text);
      }
  return settings;
}

} // namespace fettle::cli
