//===- RunKernel.cpp - builds, compiles and runs one kernel in a test -----===//

#include "tests/unit/codegen/RunKernel.h"
#include "codegen/cpu/CompileModule.h"
#include "codegen/cpu/KernelLowering.h"
#include "codegen/cpu/StepCost.h"
#include "ir/reference/Evaluate.h"
#include "mlir/IR/IRMapping.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ExecutionEngine/Orc/LLJIT.h"
#include "gtest/gtest.h"
#include <cmath>
#include <cstring>
#include <ctime>
#include <list>
#include <random>
#include <sys/mman.h>
#include <unistd.h>

using namespace mlir;

namespace fettle::test {

/// Bytes after each result that must stay as they are.
static constexpr int64_t guardBytes = 128;
static constexpr char guardByte = char(0xCD);

/// Wraps the body of `function` into one nn.kernel in a function after it.
static nn::KernelOp formKernel(func::FuncOp function) {
  OpBuilder b(function->getContext());
  b.setInsertionPointAfter(function);
  auto outer = func::FuncOp::create(b, function.getLoc(), "kernel_caller", function.getFunctionType());
  b.setInsertionPointToEnd(outer.addEntryBlock());
  // Builders look at where an operand comes from, not at its bytes: any constant will do.
  SmallVector<Value> operands(outer.getArguments());
  for (unsigned i = 0; i < operands.size(); ++i)
    if (function.getArgAttr(i, "test.weight"))
      operands[i] = nn::ConstantOp::create(b, function.getLoc(), HostTensor(cast<RankedTensorType>(operands[i].getType())).toAttribute("weight"));
  auto kernel = nn::KernelOp::create(b, function.getLoc(), function.getResultTypes(), operands);
  func::ReturnOp::create(b, function.getLoc(), kernel.getResults());
  Block &body = kernel.getBody().emplaceBlock();
  IRMapping mapping;
  for (Value argument : function.getArguments())
    mapping.map(argument, body.addArgument(argument.getType(), function.getLoc()));
  b.setInsertionPointToEnd(&body);
  for (Operation &op : function.getBody().front().without_terminator())
    b.clone(op, mapping);
  SmallVector<Value> results;
  for (Value value : function.getBody().front().getTerminator()->getOperands())
    results.push_back(mapping.lookup(value));
  nn::YieldOp::create(b, function.getLoc(), results);
  return kernel;
}

template <typename T> static T orFail(llvm::Expected<T> value, const char *what) {
  if (value)
    return std::move(*value);
  ADD_FAILURE() << what << ": " << llvm::toString(value.takeError());
  return T();
}

KernelRun::KernelRun(StringRef functionText, KernelBuilder builder, StringRef targetName) {
  context.loadDialect<nn::NnDialect, func::FuncDialect>();
  codegen::loadCodegenDialects(context);
  source = parseSourceString<ModuleOp>(functionText, &context);
  if (!source) {
    ADD_FAILURE() << "the function does not parse";
    return;
  }
  auto function = *source->getOps<func::FuncOp>().begin();
  for (Type type : function.getArgumentTypes())
    inputs.push_back(cast<RankedTensorType>(type));
  for (Type type : function.getResultTypes())
    outputs.push_back(cast<RankedTensorType>(type));
  nn::KernelOp kernel = formKernel(function);
  CpuTarget target = orFail(parseCpuTarget(targetName), "target");
  OwningOpRef<ModuleOp> module = ModuleOp::create(function.getLoc());
  OpBuilder b = OpBuilder::atBlockEnd(module->getBody());
  FailureOr<codegen::LoweredKernel> lowered = builder(kernel, target, b);
  if (failed(lowered)) {
    EXPECT_TRUE(module->getBody()->empty()) << "a builder that refuses must leave nothing behind";
    return;
  }
  tileCount = lowered->tiles;
  byteCount = codegen::countBytes(kernel, *lowered);
  packings = std::move(lowered->packings);
  std::string object = orFail(codegen::lowerKernel(*module, "kernel_under_test", target, /*optLevel=*/3), "lowering");
  if (object.empty())
    return;
  jit = orFail(llvm::orc::LLJITBuilder().create(), "JIT");
  if (!jit)
    return;
  if (llvm::Error error = jit->addObjectFile(llvm::MemoryBuffer::getMemBufferCopy(object))) {
    ADD_FAILURE() << llvm::toString(std::move(error));
    return;
  }
  // The symbol is hidden; and nothing but the object is searched: kernels call no library.
  auto symbol = jit->getExecutionSession().lookup({{&jit->getMainJITDylib(), llvm::orc::JITDylibLookupFlags::MatchAllSymbols}},
                                                  jit->mangleAndIntern("kernel_under_test"));
  if (symbol)
    entry = symbol->getAddress().toPtr<Entry>();
  else
    ADD_FAILURE() << "linking: " << llvm::toString(symbol.takeError());
}

KernelRun::~KernelRun() = default;

namespace {

/// Memory that ends where nothing may be read: the page after it is not mapped.
class FencedBytes {
public:
  explicit FencedBytes(ArrayRef<char> bytes) {
    int64_t page = sysconf(_SC_PAGESIZE), size = llvm::alignTo(bytes.size(), page);
    length = size + page;
    start = static_cast<char *>(mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (start == MAP_FAILED)
      llvm::report_fatal_error("no memory for an operand");
    mprotect(start + size, page, PROT_NONE);
    data = start + size - bytes.size();
    std::memcpy(data, bytes.data(), bytes.size());
  }
  FencedBytes(const FencedBytes &) = delete;
  ~FencedBytes() { munmap(start, length); }
  char *data;

private:
  char *start;
  int64_t length;
};

} // namespace

struct KernelRun::Call {
  std::vector<std::vector<char>> storage; ///< operands as the kernel reads them, then results with a guard
  std::list<FencedBytes> fenced;          ///< operands instead, each at the end of its memory
  std::vector<void *> pointers;

  void *alignedCopy(ArrayRef<char> bytes, int64_t extra) {
    std::vector<char> &buffer = storage.emplace_back(bytes.size() + extra + 64, guardByte);
    char *start = reinterpret_cast<char *>(llvm::alignTo(reinterpret_cast<uintptr_t>(buffer.data()), 64));
    std::memcpy(start, bytes.data(), bytes.size());
    pointers.push_back(start);
    return start;
  }

  /// Fenced operands are aligned to their elements only, so that not a byte after them can be read.
  Call(KernelRun &run, ArrayRef<HostTensor> operands, bool isFenced) {
    auto addOperand = [&](ArrayRef<char> bytes) {
      if (isFenced)
        pointers.push_back(fenced.emplace_back(bytes).data);
      else
        alignedCopy(bytes, 0);
    };
    for (auto [i, operand] : llvm::enumerate(operands)) {
      auto packing = llvm::find_if(run.packings, [i = i](const codegen::OperandPacking &packing) { return packing.operand == i; });
      if (packing == run.packings.end()) {
        addOperand(operand.bytes());
        continue;
      }
      std::vector<char> packed = packing->pack(operand);
      EXPECT_EQ(int64_t(packed.size()), packing->packedType.getNumElements() * elementBytes(packing->packedType.getElementType()));
      addOperand(packed);
    }
    for (RankedTensorType type : run.outputs)
      alignedCopy(std::vector<char>(HostTensor(type).bytes().size(), guardByte), guardBytes);
  }
};

std::vector<HostTensor> KernelRun::run(ArrayRef<HostTensor> operands, int64_t tilesPerCall) {
  Call call(*this, operands, /*isFenced=*/true);
  for (int64_t end = tileCount; end > 0; end -= tilesPerCall)
    entry(call.pointers.data(), std::max<int64_t>(0, end - tilesPerCall), end);
  std::vector<HostTensor> results;
  for (auto [i, type] : llvm::enumerate(outputs)) {
    HostTensor &result = results.emplace_back(type);
    const char *bytes = static_cast<const char *>(call.pointers[operands.size() + i]);
    std::memcpy(result.mutableBytes().data(), bytes, result.bytes().size());
    for (int64_t k = 0; k < guardBytes; ++k)
      EXPECT_EQ(bytes[result.bytes().size() + k], guardByte) << "result " << i << ": written beyond its end at byte " << k;
  }
  return results;
}

std::vector<HostTensor> KernelRun::reference(ArrayRef<HostTensor> operands) {
  FailureOr<SmallVector<HostTensor>> results = reference::evaluate(*source->getOps<func::FuncOp>().begin(), operands);
  if (failed(results)) {
    ADD_FAILURE() << "the reference does not evaluate the function";
    return {};
  }
  return std::vector<HostTensor>(results->begin(), results->end());
}

std::function<void()> KernelRun::prepare(ArrayRef<HostTensor> operands) {
  auto call = std::make_shared<Call>(*this, operands, /*isFenced=*/false);
  return [this, call] { entry(call->pointers.data(), 0, tileCount); };
}

std::string tensor(ArrayRef<int64_t> shape, StringRef element) {
  std::string text = "tensor<";
  for (int64_t extent : shape)
    text += std::to_string(extent) + "x";
  return text + element.str() + ">";
}

HostTensor randomTensor(RankedTensorType type, unsigned seed, double low, double high) {
  HostTensor tensor(type);
  std::mt19937 generator(seed);
  for (int64_t i = 0; i < tensor.numElements(); ++i) {
    double uniform = generator() / 4294967296.0;
    if (type.getElementType().isInteger(1))
      tensor.setInteger(i, uniform < 0.5);
    else if (isa<IntegerType>(type.getElementType()))
      tensor.setInteger(i, int64_t(std::floor(low + uniform * (high - low))));
    else
      tensor.setDouble(i, low + uniform * (high - low));
  }
  return tensor;
}

void expectClose(const HostTensor &actual, const HostTensor &expected, const MatchOptions &options) {
  ASSERT_EQ(actual.type(), expected.type());
  int shown = 0;
  for (int64_t i = 0; i < actual.numElements() && shown < 5; ++i) {
    double a = actual.doubleAt(i), e = expected.doubleAt(i);
    if (a == e || (std::isnan(a) && std::isnan(e)))
      continue;
    if (!(std::abs(a - e) <= options.absolute + options.relative * std::abs(e))) {
      ADD_FAILURE() << "element " << i << ": " << a << ", expected " << e;
      ++shown;
    }
  }
}

void expectMatchesReference(StringRef functionText, KernelBuilder builder, const MatchOptions &options) {
  SCOPED_TRACE(functionText.str());
  KernelRun kernel(functionText, builder, options.target);
  ASSERT_TRUE(kernel.built()) << "the builder refused";
  SmallVector<HostTensor> operands;
  for (RankedTensorType type : kernel.inputTypes())
    operands.push_back(randomTensor(type, options.seed + operands.size(), options.low, options.high));
  std::vector<HostTensor> actual = kernel.run(operands), expected = kernel.reference(operands);
  ASSERT_EQ(actual.size(), expected.size());
  for (size_t i = 0; i < actual.size(); ++i) {
    SCOPED_TRACE("result " + std::to_string(i));
    expectClose(actual[i], expected[i], options);
  }
}

} // namespace fettle::test
