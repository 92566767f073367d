//===- LayerShapes.cpp - the contraction builder on a network's layers ----===//
//
//   fettle_bench_layers [--int8] FILE...     files as in tests/bench/layers
//
// Compiles each layer alone, times it on one thread and sums over the network:
// what the kernels by themselves allow, before anything stands between them.
//
//===----------------------------------------------------------------------===//

#include "tests/unit/codegen/RunKernel.h"
#include "tools/fettle/MachinePeak.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/LineIterator.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace fettle;

namespace {

struct Layer {
  std::string text; ///< a function of the layer alone
  double macs = 0;
  int64_t count = 1; ///< how often it stands in the network
};

/// Element types of a layer's activations, weights and sums.
struct Precision {
  const char *input, *weight, *sum;
};
constexpr Precision floats = {"f32", "f32", "f32"}, bytes = {"ui8", "i8", "i32"};

/// The end of a layer: what stands after the sums %0 of `shape` ("1x56x56x64"), channels last.
std::string finish(const Precision &precision, llvm::StringRef shape, int64_t channels, bool isActivated) {
  std::string sums = llvm::formatv("tensor<{0}x{1}>", shape, precision.sum);
  if (llvm::StringRef(precision.sum) == "f32")
    return isActivated ? llvm::formatv("  %1 = nn.unary relu %0 : ({0}) -> {0}\n  return %1 : {0}\n}", sums).str()
                       : llvm::formatv("  return %0 : {0}\n}", sums).str();
  return llvm::formatv("  %1 = nn.cast %0 : ({0}) -> {1}\n  %2 = nn.binary mul %1, %m : ({1}, tensor<{3}xf32>) -> {1}\n"
                       "  %one = nn.constant dense<1.0> : tensor<f32>\n  %z = nn.constant dense<3> : tensor<ui8>\n"
                       "  %3 = nn.quantize %2, %one, %z : ({1}, tensor<f32>, tensor<ui8>) -> {2}\n  return %3 : {2}\n}",
                       sums, llvm::formatv("tensor<{0}xf32>", shape).str(), llvm::formatv("tensor<{0}xui8>", shape).str(), channels);
}

/// The head of a layer: bytes have a bias and a factor for each channel.
std::string signature(const Precision &precision, llvm::StringRef input, llvm::StringRef weight, llvm::StringRef result, int64_t channels) {
  bool isFloat = llvm::StringRef(precision.input) == "f32";
  std::string more = llvm::formatv(", %b: tensor<{0}xi32> {{test.weight}, %m: tensor<{0}xf32> {{test.weight}", channels);
  return llvm::formatv("func.func @f(%x: tensor<{0}x{3}>, %w: tensor<{1}x{4}> {{test.weight}{5}) -> tensor<{2}x{3}> {{\n", input, weight, result,
                       precision.input, precision.weight, isFloat ? "" : more);
}

/// "(operand types) -> result type" of a layer's op, and its operands.
std::string operands(const Precision &precision) { return llvm::StringRef(precision.input) == "f32" ? "%x, %w" : "%x, %w, %b"; }
std::string types(const Precision &precision, llvm::StringRef input, llvm::StringRef weight, llvm::StringRef result, int64_t channels) {
  std::string bias = llvm::StringRef(precision.input) == "f32" ? "" : llvm::formatv(", tensor<{0}xi32>", channels).str();
  return llvm::formatv("(tensor<{0}x{3}>, tensor<{1}x{4}>{5}) -> tensor<{2}x{6}>\n", input, weight, result, precision.input, precision.weight, bias,
                       precision.sum);
}

std::string product(const Precision &precision, int64_t rows, int64_t depth, int64_t columns) {
  std::string x = llvm::formatv("{0}x{1}", rows, depth), w = llvm::formatv("{0}x{1}", depth, columns), y = llvm::formatv("{0}x{1}", rows, columns);
  return signature(precision, x, w, y, columns) +
         llvm::formatv("  %0 = nn.matmul {0} : {1}", operands(precision), types(precision, x, w, y, columns)).str() +
         finish(precision, y, columns, /*isActivated=*/false);
}

std::string convolution(const Precision &precision, int64_t h, int64_t w, int64_t c, int64_t o, int64_t r, int64_t stride, int64_t groups,
                        int64_t oh, int64_t ow) {
  std::string x = llvm::formatv("1x{0}x{1}x{2}", h, w, c), y = llvm::formatv("1x{0}x{1}x{2}", oh, ow, o);
  std::string weight = llvm::formatv("{0}x{1}x{2}x{2}", o, c / groups, r);
  return signature(precision, x, weight, y, o) +
         llvm::formatv("  %0 = nn.conv {0} {{strides = array<i64: {1}, {1}>, pads = array<i64: {2}, {2}, {2}, {2}>, dilations = array<i64: 1, 1>, "
                       "groups = {3} : i64, channels_last} : {4}",
                       operands(precision), stride, r / 2, groups, types(precision, x, weight, y, o)).str() +
         finish(precision, y, o, /*isActivated=*/true);
}

std::optional<Layer> parseLayer(llvm::StringRef line, const Precision &precision) {
  llvm::SmallVector<llvm::StringRef> words;
  line.split(words, ' ', -1, /*KeepEmpty=*/false);
  llvm::SmallVector<int64_t> v;
  for (llvm::StringRef word : llvm::drop_begin(words))
    if (word.getAsInteger(10, v.emplace_back()) || v.back() < 1)
      return std::nullopt;
  if (words[0] == "gemm" && v.size() == 4)
    return Layer{product(precision, v[0], v[1], v[2]), double(v[0]) * v[1] * v[2], v[3]};
  if (words[0] != "conv" || v.size() != 8)
    return std::nullopt;
  auto extent = [&](int64_t x) { return (x + v[4] / 2 * 2 - v[4]) / v[5] + 1; };
  int64_t oh = extent(v[0]), ow = extent(v[1]);
  return Layer{convolution(precision, v[0], v[1], v[2], v[3], v[4], v[5], v[6], oh, ow), double(oh) * ow * v[3] * (v[2] / v[6]) * v[4] * v[4], v[7]};
}

} // namespace

int main(int argc, char **argv) {
  bool isInteger = argc > 1 && llvm::StringRef(argv[1]) == "--int8";
  const Precision &precision = isInteger ? bytes : floats;
  double peak = isInteger ? cli::measurePeakByteOps() : cli::measurePeakFlops();
  llvm::outs() << llvm::formatv("peak of one core: {0:f0} Gop/s\n", peak / 1e9);
  for (int i = 1 + isInteger; i < argc; ++i) {
    auto file = llvm::MemoryBuffer::getFile(argv[i]);
    if (!file) {
      llvm::errs() << argv[i] << ": " << file.getError().message() << '\n';
      return 4;
    }
    double total = 0, ideal = 0;
    for (llvm::line_iterator line(**file, /*SkipBlanks=*/true, '#'); !line.is_at_end(); ++line) {
      std::optional<Layer> layer = parseLayer(*line, precision);
      if (!layer) {
        llvm::errs() << argv[i] << ':' << line.line_number() << ": neither 'conv' with 8 numbers nor 'gemm' with 4\n";
        return 1;
      }
      double seconds = 0;
      for (test::KernelBuilder builder : {codegen::buildDepthwise, codegen::buildContraction}) {
        test::KernelRun run(layer->text, builder);
        if (!run.built())
          continue;
        std::vector<HostTensor> operands;
        for (mlir::RankedTensorType type : run.inputTypes())
          operands.push_back(test::randomTensor(type, operands.size(), 0, isInteger ? 100 : 1));
        seconds = run.measure(operands, 0.1);
        break;
      }
      llvm::outs() << llvm::formatv("{0,-36} x{1,-3} {2,9:f1} us {3,6:f1} Gop/s {4,5:f1} % of peak\n", *line, layer->count, seconds * 1e6,
                                    2e-9 * layer->macs / seconds, 200 * layer->macs / seconds / peak);
      llvm::outs().flush();
      total += seconds * layer->count;
      ideal += 2 * layer->macs * layer->count / peak;
    }
    llvm::outs() << llvm::formatv("{0}: {1:f3} ms, {2:f1} % of peak\n", argv[i], total * 1e3, 100 * ideal / total);
  }
  return 0;
}
