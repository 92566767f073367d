//===- Artifact.h - a compiled model becomes a folder ---------------------===//
#ifndef FETTLE_CODEGEN_ARTIFACT_ARTIFACT_H
#define FETTLE_CODEGEN_ARTIFACT_ARTIFACT_H

#include "codegen/artifact/GoldenVectors.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <functional>
#include <string>
#include <utility>
#include <vector>

namespace fettle::codegen {

struct ArtifactOptions {
  std::string name;              ///< any text; files and symbols take its identifier (ModelHeader.h)
  std::string version = "1.0.0"; ///< the model's semantic version
  std::string modelHash, recipeHash, dataHash; ///< SHA-256 in hexadecimal; empty: not stated
  llvm::json::Object details;                  ///< further top-level entries of the manifest ("bindings", "decisions")
  std::vector<GoldenSample> golden;            ///< one for each specialization, or none
  /// Where it is given: fills in the outputs of `golden` by running the artifact that lies, whole but for golden/, in
  /// the folder.
  std::function<llvm::Error(llvm::StringRef folder, llvm::MutableArrayRef<GoldenSample> golden)> answerGolden;
  std::vector<std::pair<std::string, std::string>> reports; ///< "report.json" and its text: outside the checksums
};

/// Writes the folder `directory`:
///   manifest.json, IDENTIFIER.{so,o,h,weights}, fettle_abi.h, golden/{input,output}_I.npy, reports.
/// The golden vectors of specialization S after the first lie in golden/S.
/// It appears at once when it is whole, and replaces an older artifact; anything
/// else that stands there is left alone and an error. The bytes depend on `model`
/// and `options` only. Weights pass through memory one segment at a time.
llvm::Error writeArtifact(llvm::StringRef directory, const CompiledModel &model, const ArtifactOptions &options);

} // namespace fettle::codegen

#endif
