//===- RunKernel.h - builds, compiles and runs one kernel in a test -------===//
//
// A test writes a function of nn ops; its body becomes the body of one nn.kernel,
// which a builder turns into code, the real lowering into an object, and a JIT
// into something to call. ir/reference evaluates the same function:
//
//   expectMatchesReference(R"(
//     func.func @f(%x: tensor<3x5xf32>) -> tensor<3x5xf32> {
//       %0 = nn.softmax %x {axis = 1 : i64} : (tensor<3x5xf32>) -> tensor<3x5xf32>
//       return %0 : tensor<3x5xf32>
//     })", codegen::buildRows);
//
// An argument marked {test.weight} is a constant operand, which builders may pack.
//
//===----------------------------------------------------------------------===//
#ifndef FETTLE_TESTS_UNIT_CODEGEN_RUNKERNEL_H
#define FETTLE_TESTS_UNIT_CODEGEN_RUNKERNEL_H

#include "codegen/cpu/KernelBuilders.h"
#include "mlir/IR/MLIRContext.h"
#include <memory>

namespace llvm::orc { class LLJIT; }

namespace fettle::test {

using KernelBuilder = mlir::FailureOr<codegen::LoweredKernel> (*)(nn::KernelOp, const CpuTarget &, mlir::OpBuilder &);

class KernelRun {
public:
  /// Parses and builds; problems are test failures, a builder's refusal is not (see built()).
  KernelRun(llvm::StringRef functionText, KernelBuilder builder, llvm::StringRef target = "cpu:native");
  ~KernelRun();

  bool built() const { return entry != nullptr; }
  int64_t tiles() const { return tileCount; }
  /// Operands as they are packed, and results.
  int64_t bytes() const { return byteCount; }
  llvm::ArrayRef<mlir::RankedTensorType> inputTypes() const { return inputs; }
  llvm::ArrayRef<mlir::RankedTensorType> outputTypes() const { return outputs; }

  /// Runs every tile, the last ones first, `tilesPerCall` in each call.
  std::vector<HostTensor> run(llvm::ArrayRef<HostTensor> operands, int64_t tilesPerCall = 1);
  std::vector<HostTensor> reference(llvm::ArrayRef<HostTensor> operands);
  /// A call over all tiles on these operands, to be made any number of times while the run lives.
  std::function<void()> prepare(llvm::ArrayRef<HostTensor> operands);

private:
  using Entry = void (*)(void *const *arguments, int64_t begin, int64_t end);
  struct Call; ///< argument buffers

  mlir::MLIRContext context;
  mlir::OwningOpRef<mlir::ModuleOp> source;
  llvm::SmallVector<mlir::RankedTensorType> inputs, outputs;
  std::vector<codegen::OperandPacking> packings;
  std::unique_ptr<llvm::orc::LLJIT> jit;
  Entry entry = nullptr;
  int64_t tileCount = 0, byteCount = 0;
};

/// "tensor<2x3xf32>".
std::string tensor(llvm::ArrayRef<int64_t> shape, llvm::StringRef element = "f32");

/// Floats uniform in [low, high), integers too (booleans 0 or 1); the same for the same seed.
HostTensor randomTensor(mlir::RankedTensorType type, unsigned seed, double low = -1, double high = 1);

struct MatchOptions {
  double relative = 1e-4, absolute = 1e-5;
  double low = -2, high = 2;
  unsigned seed = 1;
  llvm::StringRef target = "cpu:native";
};

/// Element by element; NaN equals NaN.
void expectClose(const HostTensor &actual, const HostTensor &expected, const MatchOptions &options);
/// The compiled kernel on random inputs against ir/reference. The builder must not refuse.
void expectMatchesReference(llvm::StringRef functionText, KernelBuilder builder, const MatchOptions &options = {});

} // namespace fettle::test

#endif
