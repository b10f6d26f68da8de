#include "harness/node/sandbox_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <utility>

#include "harness/base/default_signals.h"

namespace netns_lab::node {
namespace {

void close_range_of(unsigned first, unsigned last) {
  if (first <= last) ::syscall(SYS_close_range, first, last, 0);
}

}  // namespace

void shed_callers_things(std::vector<int> keep, int log) {
  ::setsid();
  reset_signals_to_default();
  ::umask(022);
  static_cast<void>(!::chdir("/"));

  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(null, 0);
  ::dup2(null, 1);
  ::dup2(log >= 0 ? log : null, 2);
  close_all_but(std::move(keep));
}

void close_all_but(std::vector<int> keep) {
  std::sort(keep.begin(), keep.end());
  unsigned next = 3;
  for (const int fd : keep) {
    if (fd < 3) continue;
    const auto kept = static_cast<unsigned>(fd);
    if (kept > next) close_range_of(next, kept - 1);
    next = std::max(next, kept + 1);
  }
  close_range_of(next, UINT_MAX);
}

Result<LifeLine> LifeLine::create() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return tl::unexpected(Error::system("create a pipe", errno));
  return LifeLine{.parent = UniqueFd(ends[1]), .child = UniqueFd(ends[0])};
}

void die_with_parent(LifeLine& life_line) {
  life_line.parent.reset();
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pollfd asked{.fd = life_line.child.get(), .events = POLLIN, .revents = 0};
  if (::poll(&asked, 1, 0) != 0) detail::leave(1);
  life_line.child.reset();
}

void end_child(const Child& child) {
  if (child.pid <= 0) return;
  ::kill(child.pid, SIGKILL);  // ours, and not waited for yet: the number cannot be another's
  while (::waitpid(child.pid, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<UniqueFd> open_process(pid_t pid) {
  UniqueFd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process.valid())
    return tl::unexpected(Error::system("open a descriptor of process " + std::to_string(pid), errno));
  return process;
}

namespace detail {

pid_t fork_process() { return ::fork(); }

void leave(int status) { ::_exit(status); }

Result<Child> watch(pid_t pid, const char* attempted) {
  if (pid < 0) return tl::unexpected(Error::system(attempted, errno));
  auto process = open_process(pid);
  if (!process) {
    end_child({.pid = pid, .process = UniqueFd()});
    return tl::unexpected(process.error());
  }
  return Child{.pid = pid, .process = *std::move(process)};
}

}  // namespace detail
}  // namespace netns_lab::node
