#include "harness/node/agent.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <thread>
#include <utility>

#include "harness/node/agent_server.h"
#include "harness/node/operations.h"
#include "harness/process/orphans.h"

namespace netns_lab::node {
namespace {

// The duty of process 1: whoever dies without a parent that waits is collected here. SIGCHLD is taken by signalfd(2),
// so it is held back in this thread and in those it makes; commands start with an empty mask
// (harness/process/command.h).
class Reaper {
 public:
  explicit Reaper(bool wanted) {
    if (!wanted) return;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    ::pthread_sigmask(SIG_BLOCK, &child, nullptr);
    signals_ = UniqueFd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
    thread_ = std::thread([this] { reap(); });
  }
  ~Reaper() {
    done_.request();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void reap() {
    while (!done_.requested()) {
      std::array<pollfd, 2> waits = {{{signals_.get(), POLLIN, 0}, {done_.fd(), POLLIN, 0}}};
      if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) return;
      signalfd_siginfo taken;
      while (::read(signals_.get(), &taken, sizeof taken) > 0) {
      }
      process::reap_orphans();
    }
  }

  UniqueFd signals_;
  Cancellation done_;
  std::thread thread_;
};

void prepare_process() { ::signal(SIGPIPE, SIG_IGN); }

}  // namespace

int serve_stream(const AgentContext& context, UniqueFd stream) {
  prepare_process();
  const Reaper reaper(context.is_init);
  AgentState agent(context, all_operations());
  if (context.own_namespace_is_new) agent.origin.sysctls().open();
  // Process 1 of a node that shares nothing with the machine need not tidy up: with it everything dies, at once. What
  // is journalled does not.
  const bool dies_with_us = context.is_init && context.journal.empty();
  serve_session(agent, 1, std::move(stream), [dies_with_us](Session& session) {
    if (!dies_with_us) return;
    session.close_idle_captures();
    ::_exit(0);
  });
  return 0;
}

int serve_listener(const AgentContext& context, UniqueFd listener) {
  prepare_process();
  const Reaper reaper(context.is_init);
  AgentState agent(context, all_operations());
  serve_sessions(agent, std::move(listener));
  return 0;
}

}  // namespace netns_lab::node
