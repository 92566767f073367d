//===- ProcessPool.cpp - jobs in child processes with limits --------------===//
#include "tests/conformance/ProcessPool.h"
#include "llvm/Support/raw_ostream.h"
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fettle::conformance {

namespace {
struct Child {
  size_t job;
  pid_t pid;
  int pipe;
  time_t deadline;
  std::string received; ///< the outcome's kind, then its detail
};
} // namespace

[[noreturn]] static void runChild(int pipe, size_t job, const std::function<Outcome(size_t)> &run,
                                  const ProcessLimits &limits) {
  if (limits.memoryMiB > 0) {
    rlimit bytes{rlim_t(limits.memoryMiB) << 20, rlim_t(limits.memoryMiB) << 20};
    setrlimit(RLIMIT_AS, &bytes);
  }
  rlimit noCore{0, 0};
  setrlimit(RLIMIT_CORE, &noCore);
  if (int null = open("/dev/null", O_WRONLY); null >= 0)
    dup2(null, STDERR_FILENO);
  Outcome outcome = run(job);
  std::string message = std::string(1, outcome.kind) + outcome.detail;
  for (size_t sent = 0; sent < message.size();) {
    ssize_t n = write(pipe, message.data() + sent, message.size() - sent);
    if (n <= 0)
      _exit(1);
    sent += n;
  }
  _exit(0);
}

static Child startChild(size_t job, const std::function<Outcome(size_t)> &run, const ProcessLimits &limits) {
  int ends[2];
  if (pipe(ends) != 0) {
    llvm::errs() << "pipe: " << strerror(errno) << "\n";
    exit(70);
  }
  pid_t pid = fork();
  if (pid < 0) {
    llvm::errs() << "fork: " << strerror(errno) << "\n";
    exit(70);
  }
  if (pid == 0) {
    close(ends[0]);
    runChild(ends[1], job, run, limits);
  }
  close(ends[1]);
  return {job, pid, ends[0], time(nullptr) + time_t(limits.seconds), ""};
}

/// Waits for a child that closed its pipe, or that is to be killed.
static Outcome reap(const Child &child, bool timedOut) {
  if (timedOut)
    kill(child.pid, SIGKILL);
  int status = 0;
  waitpid(child.pid, &status, 0);
  close(child.pipe);
  if (timedOut)
    return {Outcome::TimedOut, "no answer within the time limit"};
  if (WIFSIGNALED(status))
    return {Outcome::Crashed, strsignal(WTERMSIG(status))};
  if (WEXITSTATUS(status) != 0 || child.received.empty())
    return {Outcome::Crashed, "exit status " + std::to_string(WEXITSTATUS(status))};
  return {Outcome::Kind(child.received.front()), child.received.substr(1)};
}

std::vector<Outcome> runInChildren(size_t count, const std::function<Outcome(size_t)> &job,
                                   const ProcessLimits &limits) {
  std::vector<Outcome> outcomes(count);
  std::vector<Child> running;
  size_t next = 0;
  while (next < count || !running.empty()) {
    while (next < count && running.size() < limits.jobs)
      running.push_back(startChild(next++, job, limits));
    std::vector<pollfd> polled;
    for (const Child &child : running)
      polled.push_back({child.pipe, POLLIN, 0});
    poll(polled.data(), polled.size(), 1000);
    for (size_t i = running.size(); i-- > 0;) {
      Child &child = running[i];
      bool ended = false;
      if (polled[i].revents != 0) {
        char buffer[4096];
        ssize_t n = read(child.pipe, buffer, sizeof buffer);
        ended = n <= 0;
        if (n > 0)
          child.received.append(buffer, n);
      }
      bool timedOut = !ended && time(nullptr) > child.deadline;
      if (!ended && !timedOut)
        continue;
      outcomes[child.job] = reap(child, timedOut);
      running.erase(running.begin() + i);
    }
  }
  return outcomes;
}

} // namespace fettle::conformance
