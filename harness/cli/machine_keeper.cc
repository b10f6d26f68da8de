#include "harness/cli/machine_keeper.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <future>
#include <utility>

#include "harness/base/socket_pair.h"
#include "harness/base/text.h"
#include "harness/cli/output.h"
#include "harness/lab/named_lab.h"
#include "harness/node/sandbox_status.h"
#include "harness/protocol/guest.h"

namespace netns_lab::cli {
namespace {

constexpr std::chrono::seconds kStartLimit{400};  // longer than both accelerations may take

// Whether whoever started the machine still wants it, now that it is ready.
bool is_wanted(const node::GuardFacts& facts) {
  std::array<pollfd, 2> waits = {{{facts.status, POLLIN, 0}, {facts.caller, POLLIN, 0}}};
  while (::poll(waits.data(), waits.size(), -1) < 0 && errno == EINTR) {
  }
  char byte = 0;
  return ::recv(facts.status, &byte, 1, MSG_DONTWAIT) == 1;
}

void write_last_words(int file, const std::string& words) {
  if (file >= 0 && ::pwrite(file, words.data(), words.size(), 0) < 0)
    say("the reason is not kept: " + errno_name(errno));
}

int keep(KeeperLaunch what, const node::GuardFacts& facts) {
  ::signal(SIGPIPE, SIG_IGN);
  constexpr rlimit kNoCore = {.rlim_cur = 0, .rlim_max = 0};  // a QEMU that cannot use KVM may abort
  ::setrlimit(RLIMIT_CORE, &kNoCore);
  std::vector<int> interrupts = {facts.status};
  if (facts.caller >= 0) interrupts.push_back(facts.caller);
  auto machine = what.boot(interrupts);
  if (!machine) {
    node::report_error(facts.status, machine.error());
    return 1;
  }
  node::report_ready(facts.status);
  if (!is_wanted(facts)) return 1;
  ::close(facts.status);
  what.sockets.ends = what.ends;
  if (facts.caller >= 0) what.sockets.ends.push_back(facts.caller);
  // From now on these sockets name this process as their listener (named_lab.h, listener_of).
  for (const auto& listener : what.sockets.listeners) ::listen(listener.socket.get(), 64);
  const auto kept = qemu::relay(**machine, what.sockets);
  if (!kept) {
    // Before a stream ends: whoever is at its other end asks for the reason then.
    write_last_words(what.last_words, kept.error().message());
    say(kept.error().message());
  }
  return kept ? 0 : 1;
}

}  // namespace

Result<void> launch_keeper(KeeperLaunch what) {
  node::GuardLaunch launch;
  launch.life = what.life;
  launch.log = what.log;
  launch.keep = what.keep;
  launch.keep.insert(launch.keep.end(), what.ends.begin(), what.ends.end());
  for (const auto& listener : what.sockets.listeners) launch.keep.push_back(listener.socket.get());
  for (const UniqueFd& door : what.sockets.doors) launch.keep.push_back(door.get());
  launch.keep.push_back(what.last_words);
  launch.keep.push_back(what.sockets.door_listener.get());
  launch.deadline = Deadline::after(kStartLimit).sooner_of(what.deadline);
  launch.guard = [&what](const node::GuardFacts& facts) { return keep(std::move(what), facts); };
  return node::launch_guard(launch);
}

Result<void> launch_keepers(std::vector<KeeperLaunch> launches) {
  std::vector<std::future<Result<void>>> others;
  for (std::size_t i = 1; i < launches.size(); ++i) {
    others.push_back(
        std::async(std::launch::async, [&launch = launches[i]] { return launch_keeper(std::move(launch)); }));
  }
  Result<void> launched = launch_keeper(std::move(launches.front()));
  for (auto& other : others) {
    Result<void> its = other.get();
    if (launched) launched = std::move(its);
  }
  return launched;
}

Result<KeeperTies> KeeperTies::create(int machines) {
  KeeperTies ties;
  for (int number = 2; number <= machines; ++number) {
    NETNS_LAB_ASSIGN(auto pair, socket_pair(SOCK_STREAM, "tie virtual machines to each other"));
    ties.pairs_.push_back(std::move(pair));
  }
  return ties;
}

void KeeperTies::put_into(KeeperLaunch& what, int number) const {
  for (std::size_t i = 0; i < pairs_.size(); ++i) {
    if (number == 1) what.ends.push_back(pairs_[i].first.get());
    if (number == static_cast<int>(i) + 2) what.ends.push_back(pairs_[i].second.get());
  }
}

Result<qemu::RelaySockets> standing_sockets(const std::string& folder, int number, int of, Underlay underlay) {
  const bool is_routed = underlay == Underlay::kRouted;
  const auto* const part = is_routed ? protocol::kStandingRoutedPart : protocol::kStandingPart;
  const auto* const outside = is_routed ? protocol::kStandingOutsideOfRouted : protocol::kStandingOutsideOf;
  qemu::RelaySockets sockets;
  std::vector<std::pair<std::string, std::string>> listeners = {
      {node_socket(number), of == 1 ? protocol::kStandingNode : fmt::format("{}{} {}", part, number, of)}};
  if (number == 1) {
    listeners.emplace_back(kOutsideSocket, of == 1 ? protocol::kStandingOutside : fmt::format("{}{}", outside, of));
  }
  for (const auto& [name, label] : listeners) {
    NETNS_LAB_ASSIGN(UniqueFd socket, listen_at(folder + "/" + name));
    sockets.listeners.push_back({.socket = std::move(socket), .label = label});
  }
  NETNS_LAB_ASSIGN(sockets.door_listener, listen_at(folder + "/" + of_machine(kDoorSocket, number)));
  return sockets;
}

Result<UniqueFd> last_words_file(const std::string& folder, int number) {
  const std::string path = folder + "/" + of_machine(kLastWordsFile, number);
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (file.valid()) return file;
  return tl::unexpected(Error::system("write " + path, errno));
}

void pass_on_log(const std::string& path) {
  std::ifstream log(path);
  for (std::string line; std::getline(log, line);) std::fprintf(stderr, "%s\n", visible(line).c_str());
}

}  // namespace netns_lab::cli
