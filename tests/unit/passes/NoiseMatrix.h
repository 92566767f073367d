//===- NoiseMatrix.h - matrices of numbers that look random ----------------===//
#ifndef FETTLE_TESTS_UNIT_PASSES_NOISEMATRIX_H
#define FETTLE_TESTS_UNIT_PASSES_NOISEMATRIX_H

#include <Eigen/Core>
#include <cstdint>

namespace fettle::test {

/// Numbers in (-1, 1), the same on any machine.
inline Eigen::MatrixXd noise(Eigen::Index rows, Eigen::Index columns, uint64_t seed) {
  Eigen::MatrixXd matrix(rows, columns);
  for (Eigen::Index i = 0; i < rows; ++i)
    for (Eigen::Index j = 0; j < columns; ++j) {
      seed = seed * 6364136223846793005 + 1442695040888963407;
      matrix(i, j) = double(int64_t(seed) >> 20) / double(int64_t(1) << 43);
    }
  return matrix;
}

} // namespace fettle::test

#endif
