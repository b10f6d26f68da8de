#include "harness/node/guest_service.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <utility>

#include "harness/base/build_id.h"
#include "harness/node/guest_labs.h"
#include "harness/node/underlay_wires.h"
#include "harness/protocol/channels.h"

namespace netns_lab::node {
namespace {

void say(const std::string& text) { std::fprintf(stderr, "netns-lab: %s\n", text.c_str()); }

UniqueFd watch_children() {
  sigset_t child;
  ::sigemptyset(&child);
  ::sigaddset(&child, SIGCHLD);
  ::sigprocmask(SIG_BLOCK, &child, nullptr);
  return UniqueFd(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
}

void collect_children(const UniqueFd& signals) {
  signalfd_siginfo taken;
  while (::read(signals.get(), &taken, sizeof taken) > 0) {
  }
  while (::waitpid(-1, nullptr, WNOHANG) > 0) {
  }
}

// Nothing where there are none.
Result<UniqueFd> lay_wires(const std::vector<std::string>& texts) {
  std::vector<UnderlayWire> wires;
  for (const std::string& text : texts) {
    NETNS_LAB_ASSIGN(const UnderlayWire wire, parse_underlay_wire(text));
    wires.push_back(wire);
  }
  if (wires.empty()) return UniqueFd();
  return lay_underlay_wires(wires);
}

}  // namespace

Result<void> serve_guest_labs(UniqueFd from_port, UniqueFd to_port, std::vector<std::string> lost, std::string provider,
                              std::string kept, int carrier) {
  constexpr int kQuiet = 100;  // milliseconds
  const UniqueFd signals = watch_children();
  GuestLabs labs(std::move(lost), std::move(provider), std::move(kept));
  protocol::ChannelTrunk trunk(std::move(from_port), std::move(to_port), protocol::ChannelTrunk::Side::kAccepts,
                               [&labs](const std::string& label) {
                                 auto stream = labs.open(label);
                                 if (stream) return *std::move(stream);
                                 say(stream.error().message());
                                 return UniqueFd();
                               });
  while (true) {
    std::vector<pollfd> waits = {{.fd = signals.get(), .events = POLLIN, .revents = 0},
                                 {.fd = carrier, .events = POLLIN, .revents = 0}};
    labs.watch(waits);
    trunk.watch(waits);
    const int ready = ::poll(waits.data(), waits.size(), labs.standing_ended() ? kQuiet : -1);
    if (ready < 0 && errno != EINTR) return tl::unexpected(Error::system("wait for the port", errno));
    if (ready == 0) return {};
    if (ready < 0) continue;
    if (waits[1].revents != 0) {
      return tl::unexpected(Error::lost("carry frames to the other machines", "the process that did it has ended"));
    }
    collect_children(signals);
    labs.work();
    NETNS_LAB_TRY(trunk.work(waits));
  }
}

int run_guest_service(const std::string& provider, const std::vector<std::string>& wires) {
  if (::getpid() != 1) {
    say("agent --labs is for the first process of a PID namespace: what is left of a lab has to end with it");
    return 2;
  }
  ::signal(SIGPIPE, SIG_IGN);
  const auto carrier = lay_wires(wires);
  if (!carrier) {
    say(carrier.error().message());
    return 1;
  }
  const std::string greeting =
      protocol::encode({.channel = 0, .kind = protocol::ChannelFrame::Kind::kGreeting, .payload = build_id()});
  if (::write(STDOUT_FILENO, greeting.data(), greeting.size()) != static_cast<ssize_t>(greeting.size())) {
    say(Error::system("write to standard output", errno).message());
    return 1;
  }
  const auto served =
      serve_guest_labs(UniqueFd(STDIN_FILENO), UniqueFd(STDOUT_FILENO), {}, provider, "", carrier->get());
  // That whoever made the stream is gone is how it ends when nobody has shut the lab down.
  pollfd carries{.fd = carrier->get(), .events = POLLIN, .revents = 0};
  const bool is_cut = ::poll(&carries, 1, 0) > 0;
  if (!served && (is_cut || served.error().kind != ErrorKind::kLost)) say(served.error().message());
  return served ? 0 : 1;
}

}  // namespace netns_lab::node
