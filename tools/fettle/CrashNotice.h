//===- CrashNotice.h - what is said when fettle itself fails --------------===//
#ifndef FETTLE_TOOLS_CRASHNOTICE_H
#define FETTLE_TOOLS_CRASHNOTICE_H

namespace fettle::cli {

/// From now on a crash, an abort, a fatal error inside LLVM or an uncaught
/// exception prints the command line and how to report it, and ends with exit code 70.
void reportCrashes(int argc, char **argv);

} // namespace fettle::cli

#endif
