//===- TokenPicture.cpp - tokens of an image, drawn onto it ----------------===//

#include "tools/fettle/TokenPicture.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Base64.h"
#include "llvm/Support/Endian.h"
#include "llvm/Support/FormatVariadic.h"
#include <cmath>

namespace fettle::cli {

/// Pixels on a screen of the longer side of a panel, between panels, and of a line of text.
static constexpr double panelSize = 200, gap = 12, line = 15;

std::optional<PatchGrid> squarestGrid(int64_t patches, int64_t height, int64_t width) {
  std::optional<PatchGrid> best;
  double least = std::numeric_limits<double>::infinity();
  for (int64_t rows = 1; rows <= std::min(patches, height); ++rows) {
    if (patches % rows != 0 || height % rows != 0 || width % (patches / rows) != 0)
      continue;
    double slant = std::abs(std::log(double(height) / double(rows) * double(patches / rows) / double(width)));
    if (slant < least) {
      least = slant;
      best = PatchGrid{rows, patches / rows};
    }
  }
  return best;
}

void followTokens(std::vector<int64_t> &tokens, llvm::ArrayRef<int64_t> assignment) {
  for (int64_t &token : tokens)
    token = token < 0 ? -1 : assignment[token];
}

std::string encodeBitmap(const HostTensor &image, double low, double high) {
  const int64_t channels = image.shape()[1], height = image.shape()[2], width = image.shape()[3];
  const int64_t stride = (3 * width + 3) / 4 * 4; // rows are padded to words
  constexpr uint32_t header = 14 + 40;
  std::string file(header + stride * height, '\0');
  auto put32 = [&](size_t at, uint32_t value) { llvm::support::endian::write32le(&file[at], value); };
  file[0] = 'B';
  file[1] = 'M';
  put32(2, uint32_t(file.size()));
  put32(10, header);
  put32(14, 40);
  put32(18, uint32_t(width));
  put32(22, uint32_t(height));
  file[26] = 1;  // plane
  file[28] = 24; // bits a pixel
  put32(34, uint32_t(stride * height));
  const double scale = high > low ? 255 / (high - low) : 0;
  for (int64_t y = 0; y < height; ++y)
    for (int64_t x = 0; x < width; ++x)
      for (int64_t c = 0; c < 3; ++c) { // rows from below, blue first
        double value = image.doubleAt((std::min(2 - c, channels - 1) * height + y) * width + x);
        file[header + (height - 1 - y) * stride + 3 * x + c] = char(uint8_t(std::clamp(std::round((value - low) * scale), 0.0, 255.0)));
      }
  return file;
}

/// Lines between patches that are neighbours and not of one token, and around the image.
static std::string outline(llvm::ArrayRef<int64_t> tokens, PatchGrid grid, double cellWidth, double cellHeight) {
  std::string path;
  llvm::raw_string_ostream os(path);
  auto differ = [&](int64_t y, int64_t x, int64_t otherY, int64_t otherX) {
    bool isInside = otherY >= 0 && otherX >= 0 && y < grid.rows && x < grid.columns;
    return !isInside || tokens[y * grid.columns + x] != tokens[otherY * grid.columns + otherX];
  };
  for (int64_t y = 0; y <= grid.rows; ++y)
    for (int64_t x = 0; x < grid.columns; ++x)
      if (differ(y, x, y - 1, x))
        os << llvm::formatv("M{0:f2} {1:f2}h{2:f2}", double(x) * cellWidth, double(y) * cellHeight, cellWidth);
  for (int64_t y = 0; y < grid.rows; ++y)
    for (int64_t x = 0; x <= grid.columns; ++x)
      if (differ(y, x, y, x - 1))
        os << llvm::formatv("M{0:f2} {1:f2}v{2:f2}", double(x) * cellWidth, double(y) * cellHeight, cellHeight);
  return path;
}

static void drawPanel(llvm::raw_ostream &os, const TokenPanel &panel, PatchGrid grid, double width, double height) {
  const double cellWidth = width / double(grid.columns), cellHeight = height / double(grid.rows);
  llvm::MapVector<int64_t, std::vector<int64_t>> patches; // of each token
  for (auto [patch, token] : llvm::enumerate(panel.tokens))
    patches[token].push_back(int64_t(patch));
  os << "<title>" << panel.title << ' ' << panel.detail << "</title><use href=\"#image\"/>\n";
  for (const auto &[token, members] : patches) {
    if (token >= 0 && members.size() < 2)
      continue;
    if (token < 0)
      os << "<path class=\"dropped\" fill=\"#000\" fill-opacity=\".75\" d=\"";
    else // steps of the golden angle keep hues apart
      os << llvm::formatv("<path class=\"merged\" fill=\"hsl({0:f0},90%,50%)\" fill-opacity=\".4\" d=\"", std::fmod(137.508 * double(members.front()), 360));
    for (int64_t patch : members)
      os << llvm::formatv("M{0:f2} {1:f2}h{2:f2}v{3:f2}h{4:f2}z", double(patch % grid.columns) * cellWidth,
                          double(patch / grid.columns) * cellHeight, cellWidth, cellHeight, -cellWidth);
    os << "\"/>\n";
  }
  os << "<path fill=\"none\" stroke=\"#fff\" stroke-opacity=\".85\" d=\"" << outline(panel.tokens, grid, cellWidth, cellHeight) << "\"/>\n"
     << llvm::formatv("<text y=\"{0:f0}\">{1}</text><text y=\"{2:f0}\" font-size=\"10\" fill=\"#666\">{3}</text>\n", height + line, panel.title, height + 2 * line,
                      panel.detail);
}

std::string drawTokenPicture(llvm::StringRef bitmap, int64_t height, int64_t width, PatchGrid grid, llvm::ArrayRef<TokenPanel> panels) {
  const double scale = panelSize / double(std::max(height, width)), shownWidth = scale * double(width), shownHeight = scale * double(height);
  const double step = std::max(shownWidth, panelSize) + gap;
  std::string picture;
  llvm::raw_string_ostream os(picture);
  os << llvm::formatv("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:f0}\" height=\"{1:f0}\" font-family=\"sans-serif\" font-size=\"12\">\n"
                      "<defs><image id=\"image\" width=\"{2:f2}\" height=\"{3:f2}\" preserveAspectRatio=\"none\" "
                      "style=\"image-rendering:pixelated\" href=\"data:image/bmp;base64,{4}\"/></defs>\n",
                      step * double(panels.size()) + gap, shownHeight + 2 * line + 2 * gap, shownWidth, shownHeight, llvm::encodeBase64(bitmap));
  for (auto [index, panel] : llvm::enumerate(panels)) {
    TokenPanel escaped = panel;
    for (std::string *text : {&escaped.title, &escaped.detail}) {
      std::string plain = std::move(*text);
      text->clear();
      llvm::raw_string_ostream stream(*text);
      llvm::printHTMLEscaped(plain, stream);
    }
    os << llvm::formatv("<g transform=\"translate({0:f2} {1:f2})\">\n", gap + step * double(index), gap);
    drawPanel(os, escaped, grid, shownWidth, shownHeight);
    os << "</g>\n";
  }
  os << "</svg>\n";
  return picture;
}

} // namespace fettle::cli
