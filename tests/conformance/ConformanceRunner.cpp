//===- ConformanceRunner.cpp - the ONNX operator cases --------------------===//
//
// fettle-conformance FOLDER [--engine compiled|reference|exported-OPSET|literal-OPSET] [--expected FILE]
//                    [--filter TEXT] [--jobs N] [--seconds S] [--memory-mib M] [--list]
//
// Runs every case below FOLDER (node/*, simple/*) and compares with its outputs.
// What does not pass is a written list, checked both ways: a case that fails
// without being listed fails the run, and so does a listed one that passes.
// Crashes and hangs fail the run always. --list prints every outcome.
//
//===----------------------------------------------------------------------===//
#include "tests/conformance/ExpectedFailures.h"
#include "tests/conformance/ProcessPool.h"
#include "tests/conformance/TestCase.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cstdlib>

using namespace fettle::conformance;

namespace {
struct Options {
  std::string folder, engine = "compiled", expected, filter;
  ProcessLimits limits;
  bool list = false;
};
} // namespace

static llvm::Expected<Options> parseArguments(llvm::ArrayRef<const char *> arguments) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    llvm::StringRef name = arguments[i];
    if (name == "--list") {
      options.list = true;
      continue;
    }
    if (!name.starts_with("--")) {
      options.folder = name.str();
      continue;
    }
    if (++i == arguments.size())
      return llvm::createStringError("%s wants a value", name.str().c_str());
    llvm::StringRef value = arguments[i];
    bool understood = true;
    if (name == "--engine")
      options.engine = value.str();
    else if (name == "--expected")
      options.expected = value.str();
    else if (name == "--filter")
      options.filter = value.str();
    else if (name == "--jobs")
      understood = !value.getAsInteger(10, options.limits.jobs) && options.limits.jobs > 0;
    else if (name == "--seconds")
      understood = !value.getAsInteger(10, options.limits.seconds);
    else if (name == "--memory-mib")
      understood = !value.getAsInteger(10, options.limits.memoryMiB);
    else
      return llvm::createStringError("unknown option %s", name.str().c_str());
    if (!understood)
      return llvm::createStringError("%s wants a number", name.str().c_str());
  }
  if (options.folder.empty())
    return llvm::createStringError("no folder given");
  return options;
}

/// Folders with a model.onnx, relative to `root`, sorted.
static std::vector<std::string> findCases(llvm::StringRef root, llvm::StringRef filter) {
  std::vector<std::string> cases;
  std::error_code error;
  for (llvm::sys::fs::recursive_directory_iterator entry(root, error), end; entry != end && !error;
       entry.increment(error)) {
    if (llvm::sys::path::filename(entry->path()) != "model.onnx")
      continue;
    llvm::StringRef folder = llvm::sys::path::parent_path(entry->path());
    folder.consume_front(root);
    std::string name = folder.ltrim('/').str();
    if (llvm::StringRef(name).contains(filter))
      cases.push_back(name);
  }
  std::sort(cases.begin(), cases.end());
  return cases;
}

static const char *kindName(Outcome::Kind kind) {
  switch (kind) {
  case Outcome::Passed: return "passed";
  case Outcome::Diagnosed: return "refused";
  case Outcome::Mismatch: return "wrong";
  case Outcome::Unreadable: return "unreadable";
  case Outcome::Crashed: return "crashed";
  case Outcome::TimedOut: return "timed out";
  }
  return "unknown";
}

/// Why this outcome fails the run; empty if it does not.
static std::string verdict(const Outcome &outcome, const ExpectedFailure *listed) {
  if (outcome.kind == Outcome::Crashed || outcome.kind == Outcome::TimedOut)
    return "must end with a result or a diagnosis";
  if (outcome.kind == Outcome::Passed)
    return listed ? "passes, but is listed as failing: " + listed->reason : "";
  if (!listed)
    return "is not listed";
  if (listed->outOfScope && outcome.kind != Outcome::Diagnosed)
    return "must be refused with a diagnosis";
  return "";
}

/// None for a name that is no engine's.
static Engine findEngine(llvm::StringRef name) {
  if (name == "compiled")
    return runCompiled;
  if (name == "reference")
    return runReference;
  auto [kind, opset] = name.split('-');
  int64_t number;
  if ((kind == "exported" || kind == "literal") && !opset.getAsInteger(10, number))
    return exportedEngine(number, kind == "literal");
  return {};
}

int main(int argc, char **argv) {
  auto options = parseArguments(llvm::ArrayRef<const char *>(argv + 1, argc - 1));
  if (!options) {
    llvm::errs() << "fettle-conformance: " << llvm::toString(options.takeError()) << "\n";
    return 2;
  }
  Engine engine = findEngine(options->engine);
  if (!engine) {
    llvm::errs() << "fettle-conformance: unknown engine " << options->engine << "\n";
    return 2;
  }
  llvm::StringMap<ExpectedFailure> listed;
  if (!options->expected.empty()) {
    auto read = readExpectedFailures(options->expected, options->engine);
    if (!read) {
      llvm::errs() << "fettle-conformance: " << llvm::toString(read.takeError()) << "\n";
      return 4;
    }
    listed = std::move(*read);
  }

  // What children leave behind when they crash lies in one folder, removed at the end.
  llvm::SmallString<128> scratch;
  if (std::error_code error = llvm::sys::fs::createUniqueDirectory("fettle-conformance", scratch)) {
    llvm::errs() << "fettle-conformance: " << scratch << ": " << error.message() << "\n";
    return 4;
  }
  auto cleanUp = llvm::make_scope_exit([&] { llvm::sys::fs::remove_directories(scratch); });
  setenv("TMPDIR", scratch.c_str(), /*overwrite=*/1);

  std::vector<std::string> cases = findCases(options->folder, options->filter);
  std::vector<Outcome> outcomes = runInChildren(
      cases.size(), [&](size_t i) { return runCase(options->folder + "/" + cases[i], engine); }, options->limits);

  int64_t plain = 0, passed = 0, failures = 0;
  for (auto [name, outcome] : llvm::zip(cases, outcomes)) {
    auto entry = listed.find(name);
    const ExpectedFailure *failure = entry == listed.end() ? nullptr : &entry->second;
    std::string why = verdict(outcome, failure);
    plain += !failure || !failure->outOfScope;
    passed += outcome.kind == Outcome::Passed;
    failures += !why.empty();
    if (options->list || !why.empty())
      llvm::outs() << name << ": " << kindName(outcome.kind) << (why.empty() ? "" : " (" + why + ")")
                   << (outcome.detail.empty() ? "" : ": " + outcome.detail) << "\n";
  }
  if (options->filter.empty())
    for (const auto &entry : listed)
      if (!std::binary_search(cases.begin(), cases.end(), entry.first().str())) {
        llvm::outs() << entry.first() << ": listed, but there is no such case\n";
        ++failures;
      }
  llvm::outs() << llvm::formatv("conformance ({0}): {1} of {2} plain-tensor cases pass, {3} others; {4} surprises\n",
                                options->engine, passed, plain, int64_t(cases.size()) - plain, failures);
  return failures > 0 || cases.empty() ? 1 : 0;
}
