//===- LayerShapes.cpp - the contraction builder on a network's layers ----===//
//
//   fettle_bench_layers FILE...     files as in tests/bench/layers
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

std::string product(int64_t rows, int64_t depth, int64_t columns) {
  return llvm::formatv("func.func @f(%x: tensor<{0}x{1}xf32>, %w: tensor<{1}x{2}xf32> {{test.weight}) -> tensor<{0}x{2}xf32> {{\n"
                       "  %0 = nn.matmul %x, %w : (tensor<{0}x{1}xf32>, tensor<{1}x{2}xf32>) -> tensor<{0}x{2}xf32>\n"
                       "  return %0 : tensor<{0}x{2}xf32>\n}",
                       rows, depth, columns);
}

std::string convolution(int64_t h, int64_t w, int64_t c, int64_t o, int64_t r, int64_t stride, int64_t groups, int64_t oh, int64_t ow) {
  std::string x = llvm::formatv("tensor<1x{0}x{1}x{2}xf32>", h, w, c), y = llvm::formatv("tensor<1x{0}x{1}x{2}xf32>", oh, ow, o);
  std::string weight = llvm::formatv("tensor<{0}x{1}x{2}x{2}xf32>", o, c / groups, r);
  return llvm::formatv("func.func @f(%x: {0}, %w: {1} {{test.weight}) -> {2} {{\n"
                       "  %0 = nn.conv %x, %w {{strides = array<i64: {3}, {3}>, pads = array<i64: {4}, {4}, {4}, {4}>, dilations = array<i64: 1, 1>, "
                       "groups = {5} : i64, channels_last} : ({0}, {1}) -> {2}\n"
                       "  %1 = nn.unary relu %0 : ({2}) -> {2}\n  return %1 : {2}\n}",
                       x, weight, y, stride, r / 2, groups);
}

std::optional<Layer> parseLayer(llvm::StringRef line) {
  llvm::SmallVector<llvm::StringRef> words;
  line.split(words, ' ', -1, /*KeepEmpty=*/false);
  llvm::SmallVector<int64_t> v;
  for (llvm::StringRef word : llvm::drop_begin(words))
    if (word.getAsInteger(10, v.emplace_back()) || v.back() < 1)
      return std::nullopt;
  if (words[0] == "gemm" && v.size() == 4)
    return Layer{product(v[0], v[1], v[2]), double(v[0]) * v[1] * v[2], v[3]};
  if (words[0] != "conv" || v.size() != 8)
    return std::nullopt;
  auto extent = [&](int64_t x) { return (x + v[4] / 2 * 2 - v[4]) / v[5] + 1; };
  int64_t oh = extent(v[0]), ow = extent(v[1]);
  return Layer{convolution(v[0], v[1], v[2], v[3], v[4], v[5], v[6], oh, ow), double(oh) * ow * v[3] * (v[2] / v[6]) * v[4] * v[4], v[7]};
}

} // namespace

int main(int argc, char **argv) {
  double peak = cli::measurePeakFlops();
  llvm::outs() << llvm::formatv("peak of one core: {0:f0} GFLOP/s\n", peak / 1e9);
  for (int i = 1; i < argc; ++i) {
    auto file = llvm::MemoryBuffer::getFile(argv[i]);
    if (!file) {
      llvm::errs() << argv[i] << ": " << file.getError().message() << '\n';
      return 4;
    }
    double total = 0, ideal = 0;
    for (llvm::line_iterator line(**file, /*SkipBlanks=*/true, '#'); !line.is_at_end(); ++line) {
      std::optional<Layer> layer = parseLayer(*line);
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
          operands.push_back(test::randomTensor(type, operands.size()));
        seconds = run.measure(operands, 0.1);
        break;
      }
      llvm::outs() << llvm::formatv("{0,-36} x{1,-3} {2,9:f1} us {3,6:f1} GFLOP/s {4,5:f1} % of peak\n", *line, layer->count, seconds * 1e6,
                                    2e-9 * layer->macs / seconds, 200 * layer->macs / seconds / peak);
      llvm::outs().flush();
      total += seconds * layer->count;
      ideal += 2 * layer->macs * layer->count / peak;
    }
    llvm::outs() << llvm::formatv("{0}: {1:f3} ms, {2:f1} % of peak\n", argv[i], total * 1e3, 100 * ideal / total);
  }
  return 0;
}
