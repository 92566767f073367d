//===- Sha256Test.cpp - against LLVM's, and the standard's vectors --------===//

#include "codegen/artifact/Sha256.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"
#include <gtest/gtest.h>

namespace fettle::codegen {
namespace {

std::string digest(llvm::StringRef text) {
  Sha256 hash;
  hash.update(llvm::ArrayRef<char>(text.data(), text.size()));
  return hash.finish();
}

TEST(Sha256, KnownVectors) {
  EXPECT_EQ(digest(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(digest("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(Sha256, AgreesWithLlvmForAllLengthsAndCuts) {
  std::string text;
  for (int length = 0; length < 300; ++length) {
    llvm::SHA256 reference;
    reference.update(text);
    std::string expected = llvm::toHex(reference.final(), /*LowerCase=*/true);
    EXPECT_EQ(digest(text), expected) << length;
    Sha256 pieces;
    for (llvm::ArrayRef<char> rest(text.data(), text.size()); !rest.empty();) {
      size_t taken = std::min<size_t>(rest.size(), 1 + (length * 7 + rest.size()) % 90);
      pieces.update(rest.take_front(taken));
      rest = rest.drop_front(taken);
    }
    EXPECT_EQ(pieces.finish(), expected) << length;
    text += char(length * 31 + 7);
  }
}

} // namespace
} // namespace fettle::codegen
