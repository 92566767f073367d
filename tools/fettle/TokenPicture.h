//===- TokenPicture.h - tokens of an image, drawn onto it ------------------===//
//
// Which patches of an image have become one token. Of a patch it is known into which token of the next step each token goes; where
// it ends is the composition of these assignments.
//
//   patches 0 1 2 3, assignments [0 1 1 2] and [0 0 1]: tokens 0 0 0 1, so patches 0, 1 and 2 are one token
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TOOLS_TOKENPICTURE_H
#define FETTLE_TOOLS_TOKENPICTURE_H

#include "ir/support/HostTensor.h"
#include <optional>
#include <string>

namespace fettle::cli {

struct PatchGrid {
  int64_t rows = 0, columns = 0;
};

/// `patches` as a grid of whole patches of an image of `height` x `width` pixels, whichever makes the patches most square. None if
/// there is no such grid.
std::optional<PatchGrid> squarestGrid(int64_t patches, int64_t height, int64_t width);

/// Entry k of `tokens` is the token that patch k is a part of, or -1 if it was dropped. Lets each go where `assignment` says.
void followTokens(std::vector<int64_t> &tokens, llvm::ArrayRef<int64_t> assignment);

/// The pixels of `image` [n, c, h, w], c 1 or 3, n at least 1 of which the first is taken, as a BMP file of 24 bits a pixel: `low` is
/// black, `high` white.
std::string encodeBitmap(const HostTensor &image, double low, double high);

/// The state of the tokens at one point of the network.
struct TokenPanel {
  std::string title, detail;
  std::vector<int64_t> tokens; ///< for each patch, row by row
};

/// An SVG file that loads nothing: the image for each panel, with lines between patches of different tokens, a tint on
/// patches that share theirs (the same in all panels as long as the first of them is the same), and a shade on dropped ones.
std::string drawTokenPicture(llvm::StringRef bitmap, int64_t height, int64_t width, PatchGrid grid, llvm::ArrayRef<TokenPanel> panels);

} // namespace fettle::cli

#endif
