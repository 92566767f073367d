//===- Diagnostics.cpp - how problems are printed -------------------------===//

#include "tools/fettle/Diagnostics.h"
#include "ir/support/Origin.h"

namespace fettle::cli {

void printProblem(llvm::raw_ostream &os, llvm::StringRef file, const Problem &problem) {
  os << file << ": ";
  if (!problem.node.empty() || !problem.op.empty()) {
    os << "node '" << problem.node << "'";
    if (!problem.op.empty())
      os << " (" << problem.op << ")";
    os << ": ";
  }
  os << "error: " << problem.reason << '\n';
  if (!problem.remedy.empty())
    os << "  hint: " << problem.remedy << '\n';
}

llvm::json::Value problemToJson(const Problem &problem) {
  return llvm::json::Object{{"node", problem.node},
                            {"op", problem.op},
                            {"opset", problem.opset},
                            {"reason", problem.reason},
                            {"remedy", problem.remedy}};
}

DiagnosticCollector::DiagnosticCollector(mlir::MLIRContext &context)
    : handler(&context, [this](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() != mlir::DiagnosticSeverity::Error)
          return;
        Problem problem;
        for (const Origin &origin : getOrigins(diagnostic.getLocation())) {
          problem.node += (problem.node.empty() ? "" : "+") + origin.node;
          problem.op += (problem.op.empty() ? "" : "+") + origin.op;
        }
        problem.reason = diagnostic.str();
        std::lock_guard<std::mutex> lock(mutex);
        for (const Problem &other : found)
          if (other.node == problem.node && other.reason == problem.reason)
            return;
        found.push_back(std::move(problem));
      }) {}

} // namespace fettle::cli
