//===- Export.cpp - nn module to ONNX model -------------------------------===//

#include "ir/export/Export.h"
#include "ir/export/ExportTable.h"
#include "ir/support/Origin.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;

namespace fettle {

static ExportFunction findExport(Operation *op) {
  static const llvm::StringMap<ExportFunction> index = [] {
    llvm::StringMap<ExportFunction> result;
    for (auto family :
         {attentionExports, contractionExports, elementwiseExports, gatherExports, imageExports, movementExports,
          normalizationExports, poolingExports, quantizationExports, recurrentExports, reductionExports, tokenExports})
      for (const ExportEntry &entry : family())
        result[entry.op] = entry.write;
    return result;
  }();
  return index.lookup(op->getName().getStringRef());
}

/// The IR version that came with an opset.
static int64_t irVersionOf(int64_t opset) { return opset >= 21 ? 10 : opset >= 19 ? 9 : opset >= 15 ? 8 : 7; }

/// The ONNX nodes behind an op, "Conv_1+Relu_2", or its own name.
static std::string baseName(Operation *op) {
  std::string name = formatOrigins(op->getLoc());
  return name.empty() ? op->getName().stripDialect().str() : name;
}

namespace {
class ModuleExporter {
public:
  ModuleExporter(func::FuncOp function, const ExportOptions &options)
      : function(function), graph(options.opset), terms(graph) {}

  void run();
  GraphWriter::Result take() { return graph.take(); }

  std::vector<Problem> problems;

private:
  void exportOp(Operation *op);
  void exportOutputs(func::ReturnOp op);
  void report(Operation *op, StringRef reason, StringRef remedy);
  /// 4-bit integers cannot cross the border of a graph as bytes: a caller would not know.
  void checkBorder(StringRef role, StringRef name, Type type);
  std::string outputName(unsigned i);

  func::FuncOp function;
  GraphWriter graph;
  TermTable terms;
  llvm::DenseMap<Value, std::string> outputNames; ///< of results of ops, each under its first name
};
} // namespace

void ModuleExporter::report(Operation *op, StringRef reason, StringRef remedy) {
  SmallVector<Origin> origins = getOrigins(op->getLoc());
  problems.push_back({formatOrigins(op->getLoc()),
                      origins.empty() ? op->getName().getStringRef().str() : origins.back().op, graph.opset,
                      reason.str(), remedy.str()});
}

void ModuleExporter::checkBorder(StringRef role, StringRef name, Type type) {
  if (cast<RankedTensorType>(type).getElementTypeBitWidth() == 4 && graph.opset < 21)
    problems.push_back({name.str(), role.str(), graph.opset,
                        "has 4-bit integers, which opset " + std::to_string(graph.opset) + " does not have",
                        "export with --target onnx:opset=21"});
}

static std::string nameOf(StringAttr name, StringRef fallback, unsigned i) {
  return name ? name.str() : (fallback + Twine(i)).str();
}

std::string ModuleExporter::outputName(unsigned i) {
  return nameOf(function.getResultAttrOfType<StringAttr>(i, "nn.name"), "output", i);
}

void ModuleExporter::run() {
  for (unsigned i = 0; i < function.getNumArguments(); ++i) {
    std::string name = nameOf(function.getArgAttrOfType<StringAttr>(i, "nn.name"), "input", i);
    checkBorder("Input", name, function.getArgumentTypes()[i]);
    terms.define(function.getArgument(i), graph.addInput(name, cast<RankedTensorType>(function.getArgumentTypes()[i])));
  }
  Block &body = function.getBody().front();
  for (auto [i, value] : llvm::enumerate(body.getTerminator()->getOperands())) {
    graph.reserveOutput(outputName(i));
    checkBorder("Output", outputName(i), value.getType());
    if (value.getDefiningOp() && !isa<nn::ConstantOp>(value.getDefiningOp()))
      outputNames.try_emplace(value, outputName(i));
  }
  for (Operation &op : body) {
    if (auto terminator = dyn_cast<func::ReturnOp>(op))
      exportOutputs(terminator);
    else if (!isa<nn::ConstantOp>(op))
      exportOp(&op);
  }
}

void ModuleExporter::exportOp(Operation *op) {
  NodeWriter writer(graph, terms, op);
  ExportFunction write = findExport(op);
  auto isEmpty = [](Type type) { return cast<RankedTensorType>(type).getNumElements() == 0; };
  if (llvm::all_of(op->getResultTypes(), isEmpty)) {
    // Whatever the op computes, there is nothing of it.
    for (auto [i, type] : llvm::enumerate(op->getResultTypes()))
      writer.setResult(i, writer.constant(HostTensor(cast<RankedTensorType>(type))));
  } else if (write) {
    write(writer);
  } else {
    writer.fail("'" + op->getName().getStringRef() + "' has no form in ONNX");
  }
  if (writer.failed())
    report(op, writer.reason(), writer.remedy());
  SmallVector<Term> results(writer.results());
  SmallVector<std::string> names;
  for (auto [result, value] : llvm::zip_equal(results, op->getResults())) {
    if (writer.failed())
      result = graph.addNothing(typeOf(value));
    names.push_back(outputNames.lookup(value));
    terms.define(value, result);
  }
  auto facts = dyn_cast<nn::NnOpInterface>(op);
  graph.nameNodes(baseName(op), results, names, facts ? facts.getMacs() : 0);
}

void ModuleExporter::exportOutputs(func::ReturnOp op) {
  for (auto [i, value] : llvm::enumerate(op.getOperands()))
    graph.addOutput(outputName(i), terms.lookup(value));
}

ExportResult exportModule(ModuleOp module, const ExportOptions &options) {
  ExportResult result;
  auto function = module.lookupSymbol<func::FuncOp>("main");
  if (!function || !function.getBody().hasOneBlock()) {
    result.problems.push_back({"", "", options.opset, "the module has no function 'main' of one block", ""});
    return result;
  }
  ModuleExporter exporter(function, options);
  exporter.run();
  result.problems = std::move(exporter.problems);
  if (!result.problems.empty())
    return result;
  result.model = std::make_shared<onnx::Model>();
  result.model->irVersion = irVersionOf(options.opset);
  result.model->producer = "fettle";
  result.model->producerVersion = options.producerVersion;
  result.model->opsets[""] = options.opset;
  GraphWriter::Result written = exporter.take();
  result.macs = std::move(written.macs);
  result.model->graph = std::move(written.graph);
  result.model->graph.name = options.name;
  return result;
}

} // namespace fettle
