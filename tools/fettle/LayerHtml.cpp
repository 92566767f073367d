//===- LayerHtml.cpp - quantized layers on report.html ---------------------===//

#include "tools/fettle/LayerHtml.h"
#include "tools/fettle/PlotAxis.h"
#include "llvm/ADT/StringExtras.h"
#include <cmath>

namespace fettle::cli {

static constexpr llvm::StringLiteral integerColor = "#4a7ebb", floatColor = "#d08030", paleColor = "#aaa";
/// What is nearer to the teacher, or farther from it, is drawn as if it were this near, dB: one exact or dead layer shall not flatten
/// all others.
static constexpr double leastDecibels = -20, mostDecibels = 80;

static std::string escape(llvm::StringRef text) {
  std::string result;
  llvm::raw_string_ostream os(result);
  llvm::printHTMLEscaped(text, os);
  return result;
}

namespace {
/// A mark of a plot, at the place of its layer.
struct Mark {
  size_t layer;
  double value;
  llvm::StringRef color;
  std::string label; ///< shown under the pointer, with the layer's name
};

/// What is known of the layers in program order, from left to right.
struct LayerPlot {
  llvm::StringRef title, unit;
  bool bars = false; ///< from zero on; else dots
  std::vector<Mark> marks;
};
} // namespace

static void writePlot(llvm::raw_ostream &os, llvm::ArrayRef<LayerReport> layers, const LayerPlot &plot) {
  if (plot.marks.empty())
    return;
  constexpr int width = 720, height = 240, left = 60, right = 10, top = 10, bottom = 30;
  std::vector<double> values;
  for (const Mark &mark : plot.marks)
    values.push_back(mark.value);
  if (plot.bars)
    values.push_back(0);
  PlotAxis y(values, height - bottom, top);
  const double slot = double(width - left - right) / double(layers.size());
  os << "<h3>" << plot.title << "</h3>\n"
     << llvm::formatv("<svg viewBox=\"0 0 {0} {1}\" style=\"max-width:{0}px;font:12px system-ui,sans-serif\" role=img>\n", width, height);
  for (double tick : y.ticks())
    os << llvm::formatv("<path d=\"M{0} {1:f1}H{2}\" stroke=\"#ddd\"/><text x={3} y={4:f1} text-anchor=end>{5}</text>\n", left, y.at(tick),
                        width - right, left - 6, y.at(tick) + 4, llvm::format("%g", tick));
  os << llvm::formatv("<text transform=\"translate(12 {0}) rotate(-90)\" text-anchor=middle>{1}</text>"
                      "<text x={2} y={3} text-anchor=middle>layers in the order of the network</text>\n",
                      (top + height - bottom) / 2, plot.unit, (left + width - right) / 2, height - 8);
  // Marks of one layer stand side by side.
  llvm::SmallVector<unsigned> marksOf(layers.size(), 0), drawn(layers.size(), 0);
  for (const Mark &mark : plot.marks)
    ++marksOf[mark.layer];
  for (const Mark &mark : plot.marks) {
    double share = slot / marksOf[mark.layer], x = left + slot * double(mark.layer) + share * drawn[mark.layer]++;
    if (plot.bars)
      os << llvm::formatv("<rect x={0:f2} y={1:f2} width={2:f2} height={3:f2} fill=\"{4}\">", x + 0.1 * share, std::min(y.at(mark.value), y.at(0)),
                          0.8 * share, std::abs(y.at(0) - y.at(mark.value)), mark.color);
    else
      os << llvm::formatv("<circle cx={0:f2} cy={1:f2} r=3.5 fill=\"{2}\">", x + share / 2, y.at(mark.value), mark.color);
    os << "<title>" << escape(layers[mark.layer].name) << ": " << escape(mark.label) << "</title></" << (plot.bars ? "rect" : "circle") << ">\n";
  }
  os << "</svg>\n";
}

static void writePlots(llvm::raw_ostream &os, llvm::ArrayRef<LayerReport> layers) {
  LayerPlot noise{"Signal to noise of each layer&rsquo;s result", "dB", false, {}}, sensitivity{"Sensitivity", "divergence", true, {}},
      times{"Time in float and in 8 bits", "&micro;s", true, {}};
  for (auto [index, layer] : llvm::enumerate(layers)) {
    llvm::StringRef color = layer.integers ? integerColor : floatColor;
    llvm::StringRef precision = layer.integers ? "int8" : "float";
    if (layer.sqnrDecibels)
      noise.marks.push_back({index, std::clamp(*layer.sqnrDecibels, leastDecibels, mostDecibels), color, llvm::formatv("{0:f1} dB, {1}", *layer.sqnrDecibels, precision).str()});
    if (layer.sensitivity)
      sensitivity.marks.push_back({index, *layer.sensitivity, color, llvm::formatv("{0:e2}, {1}", *layer.sensitivity, precision).str()});
    if (layer.floatMicroseconds && layer.integerMicroseconds) {
      times.marks.push_back({index, *layer.floatMicroseconds, paleColor, llvm::formatv("{0:f2} us in float", *layer.floatMicroseconds).str()});
      times.marks.push_back({index, *layer.integerMicroseconds, color, llvm::formatv("{0:f2} us in 8 bits", *layer.integerMicroseconds).str()});
    }
  }
  for (const LayerPlot *plot : {&noise, &sensitivity, &times})
    writePlot(os, layers, *plot);
  if (noise.marks.empty() && sensitivity.marks.empty() && times.marks.empty())
    return;
  os << llvm::formatv("<p>Layers in 8 bits are <span style=\"color:{0}\">blue</span>, those that stay in float <span style=\"color:{1}\">orange</span>; "
                      "times in float are <span style=\"color:{2}\">grey</span>.</p>\n",
                      integerColor, floatColor, paleColor);
}

/// The float model, the recipe as it is, and the artifact with what was reverted, a row each.
static void writeBeforeAndAfter(llvm::raw_ostream &os, const CompileResult &result, const Accuracy &accuracy) {
  int64_t integerMacs = 0;
  for (const LayerReport &layer : result.layers)
    integerMacs += layer.integers ? layer.macs : 0;
  os << llvm::formatv("<p>{0} of {1} layers compute in 8 bits, {2:f1} % of the multiply-adds; the others stay in float. Weights take {3} bytes, the model&rsquo;s "
                      "file {4}.</p>\n",
                      llvm::count_if(result.layers, [](const LayerReport &layer) { return layer.integers; }), result.layers.size(),
                      result.macs > 0 ? 100 * double(integerMacs) / double(result.macs) : 0, result.weightsBytes, result.modelBytes);
  if (!accuracy.evaluation)
    return;
  os << "<table>\n<tr><th></th><th>top-1, %</th><th>agreement, %</th><th>SQNR, dB</th><th>drop, points</th></tr>\n";
  auto cell = [&](std::optional<double> value, const char *format) {
    os << "<td class=n>";
    if (value)
      os << llvm::formatv(format, *value);
    os << "</td>";
  };
  auto row = [&](llvm::StringRef name, std::optional<double> top1, std::optional<double> agreement, std::optional<double> decibels, std::optional<double> drop) {
    os << "<tr><td>" << name << "</td>";
    cell(top1, "{0:f2}");
    cell(agreement, "{0:f2}");
    cell(decibels, "{0:f1}");
    cell(drop, "{0:f2}");
    os << "</tr>\n";
  };
  row("float model", accuracy.evaluation->teacherTop1, 100.0, std::nullopt, std::nullopt);
  if (accuracy.before)
    row("before anything was taken back", accuracy.before->top1, accuracy.before->agreement, accuracy.before->sqnrDecibels,
        accuracy.before->drop(accuracy.confidence).points);
  row("this artifact", accuracy.evaluation->top1, accuracy.evaluation->agreement, accuracy.evaluation->sqnrDecibels, accuracy.drop.points);
  os << "</table>\n";
}

static void writeReverted(llvm::raw_ostream &os, llvm::ArrayRef<LayerReport> layers) {
  if (llvm::all_of(layers, [](const LayerReport &layer) { return layer.reason.empty(); }))
    return;
  os << "<h3>What stays in float</h3>\n<ul>\n";
  for (const LayerReport &layer : layers)
    if (!layer.reason.empty())
      os << "<li>" << escape(layer.name) << ": " << escape(layer.reason) << "</li>\n";
  os << "</ul>\n";
}

static void writeTable(llvm::raw_ostream &os, llvm::ArrayRef<LayerReport> layers) {
  os << "<table>\n<tr><th>nodes</th><th>precision</th><th>scale, zero point</th><th>multiply-adds</th><th>SQNR, dB</th><th>sensitivity</th><th>float, &micro;s</th>"
        "<th>int8, &micro;s</th></tr>\n";
  auto cell = [&](std::optional<double> value, const char *format) {
    os << "<td class=n>";
    if (value)
      os << llvm::formatv(format, *value);
    os << "</td>";
  };
  for (const LayerReport &layer : layers) {
    os << "<tr><td>" << escape(layer.name) << "</td><td>" << (layer.integers ? "int8" : "float") << "</td><td class=n>";
    if (layer.integers)
      os << llvm::formatv("{0:e3}, {1}", layer.input.scale, layer.input.zeroPoint);
    os << "</td><td class=n>" << layer.macs << "</td>";
    cell(layer.sqnrDecibels, "{0:f1}");
    cell(layer.sensitivity, "{0:e2}");
    cell(layer.floatMicroseconds, "{0:f2}");
    cell(layer.integerMicroseconds, "{0:f2}");
    os << "</tr>\n";
  }
  os << "</table>\n";
}

void writeLayerSection(llvm::raw_ostream &os, const CompileResult &result, const Accuracy &accuracy) {
  os << "<h2>Layers</h2>\n";
  writeBeforeAndAfter(os, result, accuracy);
  if (const RoundingRefit *refit = result.roundingRefit())
    os << "<p>" << escape(describeRefit(*refit)) << "</p>\n";
  writeReverted(os, result.layers);
  writePlots(os, result.layers);
  writeTable(os, result.layers);
}

} // namespace fettle::cli
