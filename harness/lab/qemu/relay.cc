#include "harness/lab/qemu/relay.h"

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "harness/base/deadline.h"
#include "harness/lab/qemu/door.h"

namespace netns_lab::qemu {
namespace {

constexpr int kLastWords = 100;  // milliseconds for what is still on its way when the machine has ended

UniqueFd accept_from(const UniqueFd& listener) {
  return UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

class Relay {
 public:
  Relay(KeptMachine& machine, RelaySockets& sockets)
      : machine_(machine), sockets_(sockets), needs_a_door_(!sockets_.doors.empty()) {}

  Result<void> run() {
    while (true) {
      std::vector<pollfd> waits = list_waits();
      if (::poll(waits.data(), waits.size(), -1) < 0) {
        if (errno == EINTR) continue;
        return tl::unexpected(Error::system("keep a virtual machine", errno));
      }
      for (std::size_t i = 0; i < sockets_.ends.size(); ++i) {
        if (waits[i].revents != 0) return {};
      }
      const auto worked = machine_.trunk().work(waits);
      if (!worked || machine_.has_ended()) return ended(worked);
      for (const pollfd& wait : waits) {
        if (wait.revents != 0) serve(wait.fd);
      }
      if (needs_a_door_ && sockets_.doors.empty()) return {};
    }
  }

 private:
  std::vector<pollfd> list_waits() const {
    std::vector<pollfd> waits;
    const auto watch = [&waits](int fd) { waits.push_back({.fd = fd, .events = POLLIN, .revents = 0}); };
    for (const int fd : sockets_.ends) watch(fd);
    for (const auto& listener : sockets_.listeners) watch(listener.socket.get());
    for (const UniqueFd& door : sockets_.doors) watch(door.get());
    watch(sockets_.door_listener.get());
    watch(machine_.ready_fd());
    machine_.trunk().watch(waits);
    return waits;
  }

  void serve(int fd) {
    for (const auto& listener : sockets_.listeners) {
      if (listener.socket.get() != fd) continue;
      if (UniqueFd stream = accept_from(listener.socket); stream.valid()) {
        machine_.trunk().open(listener.label, std::move(stream));
      }
      return;
    }
    if (fd == sockets_.door_listener.get()) {
      if (UniqueFd door = accept_from(sockets_.door_listener); door.valid()) sockets_.doors.push_back(std::move(door));
      return;
    }
    const auto door = std::find_if(sockets_.doors.begin(), sockets_.doors.end(),
                                   [fd](const UniqueFd& one) { return one.get() == fd; });
    if (door == sockets_.doors.end()) return;
    auto call = answer(*door);
    if (!call) {
      sockets_.doors.erase(door);
    } else if (*call) {
      machine_.trunk().open((*call)->label, std::move((*call)->stream));
    }
  }

  // What the agents said last may still be in the port.
  Result<void> ended(const Result<void>& worked) {
    Result<void> last = worked;
    while (last) {
      std::vector<pollfd> waits;
      machine_.trunk().watch(waits);
      if (::poll(waits.data(), waits.size(), kLastWords) <= 0) break;
      last = machine_.trunk().work(waits);
    }
    if (!worked && worked.error().kind != ErrorKind::kLost) return worked;
    const Deadline patience = Deadline::after(std::chrono::seconds(5));
    pollfd end{.fd = machine_.ready_fd(), .events = POLLIN, .revents = 0};
    while (!machine_.has_ended() && !patience.passed()) ::poll(&end, 1, patience.poll_timeout());
    return tl::unexpected(machine_.why_ended());
  }

  KeptMachine& machine_;
  RelaySockets& sockets_;
  bool needs_a_door_;
};

}  // namespace

Result<void> relay(KeptMachine& machine, RelaySockets& sockets) { return Relay(machine, sockets).run(); }

}  // namespace netns_lab::qemu
