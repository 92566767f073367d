//===- TileShapeTest.cpp - register tiles fit their register files --------===//

#include "codegen/cpu/TileShape.h"
#include <gtest/gtest.h>

using namespace fettle;
using namespace fettle::codegen;

static CpuTarget targetNamed(const char *name) { return llvm::cantFail(parseCpuTarget(name)); }

TEST(TileShape, FitsTheRegisterFile) {
  for (const char *name : {"cpu:x86-64-v2", "cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:aarch64"}) {
    CpuTarget target = targetNamed(name);
    for (int64_t rows : {1, 2, 7, 14, 56, 197, 3136})
      for (int64_t vectors : {1, 2, 3, 5, 8, 64}) {
        TileShape shape = chooseTile(target, rows, vectors);
        EXPECT_LE(shape.rows, rows) << name;
        EXPECT_LE(shape.vectors, vectors) << name;
        EXPECT_LE(shape.rows * shape.vectors + shape.vectors + 1, target.vectorRegisters) << name;
      }
  }
}

TEST(TileShape, LargeProductsAreBoundByMultiplyAdds) {
  for (const char *name : {"cpu:x86-64-v3", "cpu:x86-64-v4", "cpu:aarch64"}) {
    TileShape shape = chooseTile(targetNamed(name), 3136, 64);
    EXPECT_GE(shape.rows * shape.vectors, 8) << name << ": fewer sums than the latency of the multiply-add hides";
    EXPECT_GE(shape.rows * shape.vectors, shape.rows + shape.vectors) << name << ": more loads than multiply-adds";
  }
}

TEST(TileShape, OneRowUsesWideTiles) { EXPECT_GE(chooseTile(targetNamed("cpu:x86-64-v4"), 1, 64).vectors, 4); }
