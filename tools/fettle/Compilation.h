//===- Compilation.h - one compilation under way --------------------------===//
//
// The steps that Pipeline.cpp puts in order, and what they hand to each other.
// Import, phases and IR: Compilation.cpp. Samples, profile and layers:
// CompilationMeasures.cpp, CompilationTokens.cpp, CompilationTimes.cpp. Code, graph and folder: CompilationOutput.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TOOLS_COMPILATION_H
#define FETTLE_TOOLS_COMPILATION_H

#include "codegen/artifact/Artifact.h"
#include "codegen/artifact/Loader.h"
#include "codegen/artifact/OnnxArtifact.h"
#include "tools/fettle/Calibration.h"
#include "tools/fettle/Diagnostics.h"
#include "tools/fettle/ExitCode.h"
#include "tools/fettle/Pipeline.h"
#include "tools/fettle/Progress.h"
#include "llvm/ADT/StringSet.h"
#include <future>

namespace fettle::cli {

class TokenJudge;

/// The model for one combination of bindings.
struct Specialized {
  Bindings bindings;
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::vector<calibration::InputSpec> noise; ///< what golden inputs are made of
};

/// One compilation: the phases share its diagnostics, progress and clock.
class Compilation {
public:
  Compilation(Environment &environment, mlir::MLIRContext &context, const CompileRequest &request);

  llvm::Error importFile();
  llvm::Error readEvaluation();
  llvm::Error runPhase(const PhaseInfo &phase);
  bool measuresBefore(Phase phase) const;
  llvm::Error measure(Phase phase);
  llvm::Error planTokens();
  llvm::Error refitProducts();
  llvm::Error drawTokens();
  llvm::Error refitWeights();
  llvm::Error refuseSlower();
  llvm::Error describeLayers();
  llvm::Error measureLayerErrors();
  llvm::Error dumpIr(unsigned number, llvm::StringRef phase);
  llvm::Error writeIr();
  llvm::Error generateCode(const CpuTarget &target);
  llvm::Error exportGraph(const OnnxTarget &target);
  llvm::Error makeTwin();
  llvm::Error writeFolder();

  CompileResult take();

private:
  /// Starts a step of progress; its time is taken when the next begins.
  void begin(llvm::StringRef name) {
    progress.begin(name);
    started = environment.clockSeconds();
    result.phases.push_back({name.str(), 0});
  }
  void end() { result.phases.back().seconds = environment.clockSeconds() - started; }
  llvm::Error reject(llvm::ArrayRef<Problem> problems, ExitCode code);
  llvm::Error openCalibration();
  llvm::Error takeMeasured(bool &isKnown);
  PhaseOptions phaseOptions() const;
  const LayerLatency *latencyOf(llvm::StringRef layer) const;
  std::vector<std::string> floatLayers() const;
  llvm::Expected<std::map<std::string, LayerLatency>> timeLayers();
  llvm::Expected<std::unique_ptr<codegen::LoadedModel>> makeTimed(llvm::StringRef folder, bool quantized, llvm::ArrayRef<std::string> inFloat,
                                                                  codegen::KernelCache &kernels);
  llvm::Error recallTokenPlan();
  llvm::Error searchTokenPlan(mlir::func::FuncOp function, TokenJudge &judge, const TokenProblem &sites, TokenReport &report);
  llvm::Error runPasses(mlir::PassManager &passManager, llvm::StringRef phase);
  llvm::Error checkShapes();
  llvm::Error describeImages();
  std::vector<mlir::ModuleOp> modules();
  std::vector<mlir::func::FuncOp> functions();
  void printModules(llvm::raw_ostream &os);
  void countRequantizations();
  llvm::json::Object describe();
  llvm::Expected<codegen::ArtifactOptions> describeArtifact();
  llvm::Error addGolden(const CpuTarget &target, codegen::ArtifactOptions &options);
  llvm::Error answer(llvm::StringRef folder, llvm::MutableArrayRef<codegen::GoldenSample> golden);
  llvm::Error answerBy(const codegen::CompiledModel &model, llvm::MutableArrayRef<codegen::GoldenSample> golden);

  Environment &environment;
  mlir::MLIRContext &context;
  const CompileRequest &request;
  DiagnosticCollector diagnostics;
  Progress progress;
  double started = 0;
  CompileResult result;
  std::future<llvm::Expected<std::string>> modelHash;
  std::vector<Specialized> specializations;
  llvm::StringSet<> importedNodes;
  std::unique_ptr<Calibration> calibration; ///< open from the first measurement on
  Profile profile;
  std::optional<TokenPlan> tokenPlan; ///< none: tokens stay
  llvm::json::Object requantizations;
  llvm::json::Object images; ///< imagesToJson(); empty where the recipe does not speak of them
  std::optional<codegen::CompiledModel> compiled; ///< the artifact's code; of an ONNX model its twin on this machine
  codegen::OnnxArtifact exported;
};

} // namespace fettle::cli

#endif
