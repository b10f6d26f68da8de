#include "harness/cli/worker_process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <mutex>
#include <utility>

#include "harness/base/text.h"
#include "harness/model/packed.h"

namespace netns_lab::cli {
namespace {

constexpr std::size_t kPrintedTail = 4096;

// False when nobody reads any more.
bool write_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

// What goes through the pipe: how long it is, what it is, and that. The supervisor is the same program, and forked the
// worker.
enum class Kind : char { kEvent, kProgress };
using Length = std::uint32_t;  // of what follows the kind, in bytes
constexpr std::size_t kHead = sizeof(Length) + sizeof(Kind);

template <typename Append>
std::string message(Kind kind, const Append& append) {
  std::string bytes(kHead, '\0');
  append(bytes);
  const auto length = static_cast<Length>(bytes.size() - kHead);
  std::memcpy(bytes.data(), &length, sizeof length);
  bytes[sizeof length] = static_cast<char>(kind);
  return bytes;
}

[[noreturn]] void be_worker(const WorkerJob& job, int events, int printed, pid_t supervisor,
                            const SignalWatch& signals) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != supervisor) ::_exit(static_cast<int>(ExitStatus::kHarnessBroke));  // it died before the line above
  ::setpgid(0, 0);
  signals.release_in_child();
  const int nothing = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  if (nothing >= 0) ::dup2(nothing, STDIN_FILENO);
  ::dup2(printed, STDOUT_FILENO);
  ::dup2(printed, STDERR_FILENO);
  ExitStatus status = ExitStatus::kHarnessBroke;
  std::mutex writing;
  const auto write_message = [&writing, events](Kind kind, const auto& append) {
    const std::string bytes = message(kind, append);
    const std::lock_guard lock(writing);
    if (!write_all(events, bytes)) ::_exit(static_cast<int>(ExitStatus::kHarnessBroke));
  };
  try {
    status = job.body(
        [&](const RunEvent& event) {
          write_message(Kind::kEvent, [&event](std::string& bytes) { append_packed(event, bytes); });
        },
        [&](const std::string& text) {
          write_message(Kind::kProgress, [&text](std::string& bytes) { bytes += text; });
        });
  } catch (const std::exception& error) {
    std::fprintf(stderr, "uncaught exception: %s\n", error.what());
  }
  std::fflush(nullptr);
  ::_exit(static_cast<int>(status));  // not exit(): what was registered for the end belongs to the supervisor
}

std::string read_tail(int fd) {
  const off_t size = ::lseek(fd, 0, SEEK_END);
  if (size <= 0) return "";
  const off_t from = size > static_cast<off_t>(kPrintedTail) ? size - static_cast<off_t>(kPrintedTail) : 0;
  std::string text(static_cast<std::size_t>(size - from), '\0');
  const ssize_t got = ::pread(fd, text.data(), text.size(), from);
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return visible(text);
}

std::string describe_signal(int number) {
  const char* name = sigabbrev_np(number);
  return name != nullptr ? fmt::format("SIG{}", name) : fmt::format("signal {}", number);
}

}  // namespace

Result<WorkerProcess> WorkerProcess::start(const WorkerJob& job, const SignalWatch& signals) {
  const std::string attempted = fmt::format("start the worker for {}", job.label);
  int ends[2] = {-1, -1};
  if (::pipe2(ends, O_CLOEXEC) != 0) return tl::unexpected(Error::system(attempted, errno));
  UniqueFd reader(ends[0]);
  UniqueFd writer(ends[1]);
  ::fcntl(reader.get(), F_SETPIPE_SZ, 1 << 20);  // so that a worker hardly ever waits for us; not to be had is no harm
  if (::fcntl(reader.get(), F_SETFL, O_NONBLOCK) != 0) return tl::unexpected(Error::system(attempted, errno));
  UniqueFd printed(::memfd_create("netns-lab-worker-output", MFD_CLOEXEC));
  if (!printed.valid()) return tl::unexpected(Error::system(attempted, errno));
  std::fflush(nullptr);
  const pid_t supervisor = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return tl::unexpected(Error::system(attempted, errno));
  if (pid == 0) {
    reader.reset();
    be_worker(job, writer.get(), printed.get(), supervisor, signals);
  }
  WorkerProcess worker;
  worker.number_ = job.number;
  worker.label_ = job.label;
  worker.pid_ = pid;
  worker.process_.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  worker.events_ = std::move(reader);
  worker.printed_ = std::move(printed);
  if (!worker.process_.valid()) return tl::unexpected(Error::system(attempted, errno));
  return worker;
}

WorkerProcess::~WorkerProcess() {
  if (!process_.valid()) return;  // moved from, or never started
  signal(SIGKILL);
  static_cast<void>(collect());
}

std::vector<RunEvent> WorkerProcess::take_events() {
  char chunk[64 * 1024];
  while (events_.valid()) {
    const ssize_t got = ::read(events_.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) {
      events_.reset();
      break;
    }
    buffer_.append(chunk, static_cast<std::size_t>(got));
  }
  std::vector<RunEvent> events;
  std::string_view rest = buffer_;
  while (rest.size() >= kHead) {
    Length length = 0;
    std::memcpy(&length, rest.data(), sizeof length);
    if (rest.size() - kHead < length) break;
    std::string_view content = rest.substr(kHead, length);
    const auto kind = static_cast<Kind>(rest[sizeof length]);
    rest.remove_prefix(kHead + length);
    if (kind == Kind::kProgress) {
      progress_ = content;
      continue;
    }
    progress_.clear();
    auto event = take_packed_event(content);
    if (event && content.empty()) {
      events.push_back(*std::move(event));
    } else if (garbage_.empty()) {
      garbage_ = event ? "there is more than an event" : event.error().message();
    }
  }
  buffer_.erase(0, buffer_.size() - rest.size());
  return events;
}

void WorkerProcess::signal(int number) const {
  if (pid_ != 0) ::syscall(SYS_pidfd_send_signal, process_.get(), number, nullptr, 0);
}

WorkerProcess::End WorkerProcess::collect() {
  if (pid_ == 0) return {};
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = 0;
  process_.reset();
  End end;
  end.printed = read_tail(printed_.get());
  if (WIFEXITED(status)) {
    end.exit_code = WEXITSTATUS(status);
    const bool is_ours = *end.exit_code >= 0 && *end.exit_code <= static_cast<int>(ExitStatus::kNothingRan);
    if (!is_ours) end.text = fmt::format("exited with status {}", *end.exit_code);
  } else if (WIFSIGNALED(status)) {
    end.text = "was killed by " + describe_signal(WTERMSIG(status));
  }
  return end;
}

}  // namespace netns_lab::cli
