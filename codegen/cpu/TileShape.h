//===- TileShape.h - register tiles of contractions -----------------------===//
#ifndef FETTLE_CODEGEN_CPU_TILESHAPE_H
#define FETTLE_CODEGEN_CPU_TILESHAPE_H

#include "ir/target/CpuTarget.h"
#include <cstdint>

namespace fettle::codegen {

/// A tile of `rows` x (`vectors` * lanes) accumulators that stay in registers.
struct TileShape {
  int64_t rows = 1, vectors = 1;
};

/// The tile with the fewest estimated cycles for an output of `rows` x
/// `columnVectors` vectors, rows walked in steps of at most `rows`.
///
/// Per step of the reduction a tile issues rows*vectors multiply-adds and
/// vectors + rows loads, two of each a cycle; an accumulator is ready again after
/// four cycles, and one more hides what is not counted. A last tile that does not fit is moved back over its neighbour,
/// so an extent of 197 costs ceil(197 / rows) whole tiles.
TileShape chooseTile(const CpuTarget &target, int64_t rows, int64_t columnVectors);

/// What one step takes besides the accumulators.
struct TileStep {
  int64_t parts = 1;       ///< registers of each vector of weights, with a multiply-add each
  int64_t temporaries = 1; ///< registers for the inputs and what is made of them
};
/// The step of an ordinary multiply-add.
TileStep multiplyAddStep(const CpuTarget &target);
/// `vectors`: the width of the tile, where that is not free; one that does not fit gives a tile without vectors.
TileShape chooseTile(const CpuTarget &target, int64_t rows, int64_t columnVectors, TileStep step, int64_t vectors = 0);
constexpr int64_t maxTileRows = 28, maxTileVectors = 8;
/// Whether accumulators, one row of weights and what a step needs besides fit the register file.
bool fitsRegisters(const CpuTarget &target, TileShape tile, TileStep step);

/// The estimate, for one step of the reduction of the whole output.
double tileCycles(int64_t rows, int64_t columnVectors, TileStep step, TileShape tile);

} // namespace fettle::codegen

#endif
