#include "harness/process/keeper.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/close_range.h>

#include <cerrno>
#include <cstdint>
#include <cstring>

#include "harness/base/default_signals.h"
#include "harness/process/children.h"

namespace netns_lab::process {
namespace {

std::int64_t now_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

void report(int control_fd, const KeeperReport& message) {
  while (::send(control_fd, &message, sizeof message, MSG_NOSIGNAL) < 0 && errno == EINTR) {
  }
}

KeeperReport make_report(KeeperReport::Kind kind, int value, std::int32_t stage = 0, int signalled = 0) {
  KeeperReport message;
  message.kind = kind;
  message.value = value;
  message.stage = stage;
  message.signalled = signalled;
  return message;
}

// Every descriptor from `first` on, but `kept`.
void close_from(unsigned first, int kept) {
  const auto spared = static_cast<unsigned>(kept);
  if (spared > first) ::close_range(first, spared - 1, 0);
  ::close_range(spared + 1 > first ? spared + 1 : first, ~0U, 0);
}

// The command's half: everything up to execve, which Boost.Process then calls.
void prepare_command(const KeeperOrders& orders, pid_t keeper) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != keeper) ::_exit(127);
  reset_signals_to_default();
  ::setsid();
  if (orders.terminal_fd >= 0) {
    for (int fd = 0; fd <= 2; ++fd) {
      if (::dup2(orders.terminal_fd, fd) < 0) report_not_started(orders.control_fd, KeeperReport::kTerminal, errno);
    }
    if (::ioctl(0, TIOCSCTTY, 0) != 0) report_not_started(orders.control_fd, KeeperReport::kTerminal, errno);
  }
  if (orders.network_namespace_fd >= 0 && ::setns(orders.network_namespace_fd, CLONE_NEWNET) != 0) {
    report_not_started(orders.control_fd, KeeperReport::kNamespace, errno);
  }
  if (*orders.working_directory != '\0' && ::chdir(orders.working_directory) != 0) {
    report_not_started(orders.control_fd, KeeperReport::kDirectory, errno);
  }
  constexpr int kFirst = 3;
  for (int i = 0; i < orders.descriptor_count; ++i) {
    if (::dup2(orders.descriptors[i], kFirst + i) < 0) {
      report_not_started(orders.control_fd, KeeperReport::kDescriptors, errno);
    }
  }
  ::close_range(static_cast<unsigned>(kFirst + orders.descriptor_count), ~0U, CLOSE_RANGE_CLOEXEC);
}

// By the last part of argv[0]. No when /proc does not tell.
bool is_daemon(pid_t process, const KeeperOrders& orders) {
  char line[200] = {};
  if (!read_command_line(process, line, sizeof line - 1)) return false;
  char* const end = std::strchr(line, ' ');
  if (end != nullptr) *end = '\0';
  const char* const slash = std::strrchr(line, '/');
  const char* const name = slash == nullptr ? line : slash + 1;
  for (int i = 0; i < orders.daemon_count; ++i) {
    if (std::strcmp(name, orders.daemons[i]) == 0) return true;
  }
  return false;
}

// The keeper's half.
class Keeper {
 public:
  Keeper(const KeeperOrders& orders, pid_t command)
      : orders_(orders), control_(orders.control_fd), grace_ms_(orders.descendant_grace_ms), command_(command) {}

  [[noreturn]] void keep() {
    sigset_t child;
    ::sigemptyset(&child);
    ::sigaddset(&child, SIGCHLD);
    const int signals = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    report(control_, make_report(KeeperReport::kStarted, command_));
    for (;;) {
      const bool has_just_ended = command_ != 0;
      if (!collect() || (has_just_ended && command_ == 0 && only_daemons_are_left())) {
        report(control_, make_report(KeeperReport::kGone, descendants_killed_ ? 1 : 0));
        ::_exit(0);
      }
      if (killing_) kill_everything();
      pollfd waits[] = {{orders_ended_ ? -1 : control_, POLLIN, 0}, {signals, POLLIN, 0}};
      const bool waited_in_vain = ::poll(waits, 2, signals < 0 ? 20 : timeout()) == 0;
      if (waited_in_vain && command_ == 0 && now_ms() >= grace_ends_ms_) {
        if (only_daemons_are_left()) {
          report(control_, make_report(KeeperReport::kGone, 0));
          ::_exit(0);
        }
        descendants_are_left();
      }
      signalfd_siginfo drained;
      while (::read(signals, &drained, sizeof drained) > 0) {
      }
      if (waits[0].revents != 0) take_orders();
    }
  }

 private:
  // Waits for whatever has died. False when nothing of the command is left.
  bool collect() {
    for (;;) {
      siginfo_t info{};
      if (::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) != 0) return errno != ECHILD;
      if (info.si_pid == 0) return true;
      // While the main process is not waited for, its number stands for its group: the last moment at which to signal
      // that.
      if (info.si_pid == command_ && killing_) ::kill(-command_, SIGKILL);
      ::waitpid(info.si_pid, nullptr, 0);
      if (info.si_pid == command_) {
        report(control_, make_report(KeeperReport::kEnded, info.si_status, 0, info.si_code == CLD_EXITED ? 0 : 1));
        command_ = 0;
        grace_ends_ms_ = now_ms() + grace_ms_;
      }
    }
  }

  bool only_daemons_are_left() {
    if (orders_.daemon_count == 0 || killing_) return false;
    struct Look {
      const KeeperOrders& orders;
      bool only = true;
    } look{orders_};
    for_each_child(
        [](pid_t child, void* context) {
          auto* const seen = static_cast<Look*>(context);
          seen->only = seen->only && is_daemon(child, seen->orders);
        },
        &look);
    return look.only;
  }

  // The main process has ended and these have not: say who they are, then kill them.
  void descendants_are_left() {
    if (!descendants_killed_) {
      for_each_child(
          [](pid_t child, void* control) {
            KeeperReport left = make_report(KeeperReport::kLeft, child);
            if (read_command_line(child, left.text, sizeof left.text - 1)) report(*static_cast<int*>(control), left);
          },
          &control_);
    }
    killing_ = descendants_killed_ = true;
  }

  // Only the group, while it is certain to be ours, and direct children. Those of the killed become ours next, and the
  // turn after kills them.
  void kill_everything() {
    if (command_ != 0) ::kill(-command_, SIGKILL);
    for_each_child([](pid_t child, void*) { ::kill(child, SIGKILL); }, nullptr);
  }

  int timeout() const {
    if (killing_) return 20;  // a child that was being forked while we looked
    if (command_ != 0) return -1;
    const std::int64_t left = grace_ends_ms_ - now_ms();
    return left > 0 ? static_cast<int>(left) : 0;
  }

  void take_orders() {
    std::uint8_t order = 0;
    const ssize_t size = ::recv(control_, &order, 1, MSG_DONTWAIT);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    orders_ended_ = size <= 0;
    if (orders_ended_ || order == kKillEverything) {
      if (command_ == 0) descendants_are_left();
      killing_ = true;
    } else if (command_ != 0) {
      ::kill(-command_, order);
    }
  }

  const KeeperOrders& orders_;
  int control_;
  std::int64_t grace_ms_;
  pid_t command_;  // 0 once waited for
  bool orders_ended_ = false;
  bool killing_ = false;
  bool descendants_killed_ = false;
  std::int64_t grace_ends_ms_ = 0;
};

}  // namespace

void report_not_started(int control_fd, KeeperReport::Stage stage, int system_errno) {
  report(control_fd, make_report(KeeperReport::kNotStarted, system_errno, stage));
  ::_exit(127);
}

void become_keeper(const KeeperOrders& orders) {
  // Before anything else, so that the command cannot end, or leave an orphan, unseen.
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  reset_signals_to_default();
  sigset_t all;
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  const pid_t keeper = ::getpid();
  const pid_t command = ::_Fork();
  if (command == 0) {
    prepare_command(orders, keeper);
    return;
  }
  if (command < 0) {
    report(orders.control_fd, make_report(KeeperReport::kStarted, 0));
    report_not_started(orders.control_fd, KeeperReport::kFork, errno);
  }
  ::setsid();  // what is typed at our caller's terminal is not for it
  ::prctl(PR_SET_NAME, "netns-lab-keep");
  close_from(0, orders.control_fd);  // above all the far ends of the command's pipes
  Keeper(orders, command).keep();
}

}  // namespace netns_lab::process
