//===- TokenDump.cpp - pictures of what became one token -------------------===//

#include "tools/fettle/TokenDump.h"
#include "ir/nn/Nn.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/TokenPicture.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/FileSystem.h"
#include <numeric>

using namespace mlir;

namespace fettle::cli {

static constexpr int64_t mostPictures = 16;

namespace {
/// The input whose patches the tokens are.
struct PatchedInput {
  int64_t argument = -1, height = 0, width = 0;
  PatchGrid grid;
};

/// A site where tokens go, and the assignments that make them.
struct Station {
  const TokenSiteReport *site;
  size_t assignments; ///< the first so many of the function's
};
} // namespace

/// The grid that a convolution cuts an image into, if one makes as many places; else the squarest there is.
static std::optional<PatchGrid> gridOf(func::FuncOp function, int64_t patches, int64_t height, int64_t width) {
  std::optional<PatchGrid> cut;
  function.walk([&](nn::ConvOp op) {
    ArrayRef<int64_t> shape = op.getOutput().getType().getShape();
    if (!cut && shape.size() == 4 && shape[2] * shape[3] == patches && height % shape[2] == 0 && width % shape[3] == 0)
      cut = PatchGrid{shape[2], shape[3]};
  });
  return cut ? cut : squarestGrid(patches, height, width);
}

/// The first input whose patches the `patches` free tokens are, or why there is none.
static llvm::Expected<PatchedInput> findPatchedInput(func::FuncOp function, int64_t patches) {
  std::string reason = "no input is an image [n, 1 or 3, h, w]";
  for (BlockArgument argument : function.getArguments()) {
    auto type = cast<RankedTensorType>(argument.getType());
    if (type.getRank() != 4 || (type.getDimSize(1) != 1 && type.getDimSize(1) != 3) || type.getNumElements() == 0)
      continue;
    PatchedInput input{argument.getArgNumber(), type.getDimSize(2), type.getDimSize(3), {}};
    if (auto grid = gridOf(function, patches, input.height, input.width)) {
      input.grid = *grid;
      return input;
    }
    reason = llvm::formatv("{0} tokens are no grid of whole patches of {1} x {2} pixels", patches, input.height, input.width).str();
  }
  return llvm::createStringError(reason);
}

/// Least and greatest value of an input over all samples.
static std::pair<double, double> rangeOf(const calibration::Samples &samples, int64_t argument) {
  double low = std::numeric_limits<double>::infinity(), high = -low;
  for (int64_t i = 0; i < samples.size(); ++i) {
    HostTensor image = samples.sample(i)[argument];
    for (int64_t k = 0; k < image.numElements(); ++k) {
      double value = image.doubleAt(k);
      low = std::min(low, value);
      high = std::max(high, value);
    }
  }
  return {low, high};
}

llvm::Expected<std::string> dumpTokens(func::FuncOp function, const TokenReport &report, Calibration &calibration, const std::string &folder) {
  auto none = [](const llvm::Twine &reason) { return ("no pictures of tokens: " + reason).str(); };
  if (report.sites.empty())
    return none(report.problems.empty() ? "there is no place where they may go" : llvm::join(report.problems, "; "));
  const TokenSiteReport &first = report.sites.front();
  if (llvm::any_of(report.sites, [&](const TokenSiteReport &site) { return site.stream != first.stream; }))
    return none("there are several sequences of them");
  auto input = findPatchedInput(function, first.before - first.protectedTokens);
  if (!input)
    return none(llvm::toString(input.takeError()));

  // Each site has one or more matchings, in program order.
  SmallVector<Value> assignments;
  SmallVector<int64_t> left;
  function.walk([&](Operation *op) {
    if (auto match = dyn_cast<nn::MatchTokensOp>(op)) {
      assignments.push_back(match.getAssignment());
      left.push_back(match.getAssignment().getType().getDimSize(1) - int64_t(match.getRemove()));
    } else if (auto drop = dyn_cast<nn::DropTokensOp>(op)) {
      assignments.push_back(drop.getAssignment());
      left.push_back(int64_t(drop.getKeep()));
    }
  });
  std::vector<Station> stations;
  size_t taken = 0;
  for (const TokenSiteReport &site : report.sites) {
    if (site.after == site.before)
      continue;
    while (taken < left.size() && left[taken] > site.after)
      ++taken;
    if (taken == left.size() || left[taken] != site.after)
      return makeFailure(ExitCode::InternalBug, "the tokens behind '" + site.name + "' are not those that were planned");
    stations.push_back({&site, ++taken});
  }

  if (std::error_code error = llvm::sys::fs::create_directories(folder))
    return makeFailure(ExitCode::File, folder + ": " + error.message());
  std::unique_ptr<TappedProgram> program;
  if (!assignments.empty())
    if (llvm::Error error = calibration.executor().prepare(function, assignments).moveInto(program))
      return std::move(error);
  const calibration::Samples &samples = calibration.inputs();
  auto [low, high] = rangeOf(samples, input->argument);
  const int64_t count = std::min(mostPictures, samples.size());
  for (int64_t i = 0; i < count; ++i) {
    llvm::ArrayRef<HostTensor> values;
    if (program)
      if (llvm::Error error = program->run(i).moveInto(values))
        return std::move(error);
    std::vector<int64_t> tokens(first.before);
    std::iota(tokens.begin(), tokens.end(), 0);
    auto panel = [&](const llvm::Twine &title, const std::string &detail) {
      return TokenPanel{title.str(), detail, std::vector<int64_t>(tokens.begin() + first.protectedTokens, tokens.end())};
    };
    std::vector<TokenPanel> panels{panel(llvm::Twine(first.before) + " tokens", "")};
    size_t done = 0;
    for (const Station &station : stations) {
      for (; done < station.assignments; ++done) {
        std::vector<int64_t> assignment;
        for (int64_t k = 0; k < values[done].shape()[1]; ++k) // of the first image of a batch
          assignment.push_back(int64_t(values[done].doubleAt(k)));
        followTokens(tokens, assignment);
      }
      panels.push_back(panel(llvm::Twine(station.site->after) + " tokens", "behind " + station.site->name));
    }
    std::string bitmap = encodeBitmap(samples.sample(i)[input->argument], low, high);
    if (llvm::Error error = writeWholeFile(llvm::formatv("{0}/{1:2}.svg", folder, i).str(),
                                           drawTokenPicture(bitmap, input->height, input->width, input->grid, panels)))
      return std::move(error);
  }
  return llvm::formatv("{0} picture{1} of tokens -> {2}", count, count == 1 ? "" : "s", folder).str();
}

} // namespace fettle::cli
