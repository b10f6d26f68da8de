#include "harness/node/guest_labs.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <optional>
#include <utility>

#include "harness/base/socket_pair.h"
#include "harness/node/sandbox.h"
#include "harness/node/sandbox_node.h"
#include "harness/node/sandbox_process.h"
#include "harness/node/wires.h"
#include "harness/protocol/guest.h"

namespace netns_lab::node {
namespace {

struct Stream {
  UniqueFd ours;
  UniqueFd agents;
  static Result<Stream> create() {
    NETNS_LAB_ASSIGN(auto pair, socket_pair(SOCK_STREAM, "create a socket pair for an agent's stream"));
    return Stream{.ours = std::move(pair.first), .agents = std::move(pair.second)};
  }
};

sockaddr_un abstract_address(const std::string& name) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  return address;
}
socklen_t length_of(const std::string& name) {
  return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size());
}

// A listening socket at an abstract address that the kernel chooses: nothing in this machine is anybody else's.
Result<UniqueFd> listen_anywhere(std::string& name) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  socklen_t size = sizeof address;
  if (!socket.valid() || ::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof(sa_family_t)) != 0 ||
      ::listen(socket.get(), 64) != 0 ||
      ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return tl::unexpected(Error::system("listen for sessions to the standing lab", errno));
  }
  name.assign(address.sun_path, size - offsetof(sockaddr_un, sun_path));
  return socket;
}

Result<UniqueFd> connect_to_standing(const std::string& name) {
  UniqueFd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = abstract_address(name);
  if (!socket.valid() || ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address), length_of(name)) != 0) {
    return tl::unexpected(Error::system("connect to the standing lab", errno));
  }
  return socket;
}

// A process that puts the segment's VLAN on every wire into the network namespace that comes over the socket, and says
// so.
Result<UniqueFd> serve_joiner(int vlan) {
  NETNS_LAB_ASSIGN(auto pair, socket_pair(SOCK_SEQPACKET, "create a socket pair for a segment"));
  UniqueFd keepers = std::move(pair.first);
  const UniqueFd ours = std::move(pair.second);
  const pid_t joiner = detail::fork_process();
  if (joiner < 0) return tl::unexpected(Error::system("fork a process of a lab", errno));
  if (joiner > 0) return keepers;
  close_all_but({ours.get()});
  const auto join = [&]() -> Result<void> {
    NETNS_LAB_ASSIGN(const NetworkNamespace segment, receive_namespace(ours.get()));
    NETNS_LAB_TRY(lead_wires_into(segment, vlan));
    return say_joined(ours.get());
  };
  const auto joined = join();
  if (!joined) std::fprintf(stderr, "netns-lab: %s\n", joined.error().message().c_str());
  detail::leave(joined ? 0 : 1);
}

// So many numbers behind a word, and what is left behind them; none for anything else.
struct Numbers {
  std::vector<int> values;
  std::string rest;
};
std::optional<Numbers> numbers(const std::string& label, std::string_view word, std::size_t count) {
  if (!label.starts_with(word)) return std::nullopt;
  std::string_view text = std::string_view(label).substr(word.size());
  Numbers read;
  for (std::size_t i = 0; i < count; ++i) {
    int value = 0;
    const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (problem != std::errc()) return std::nullopt;
    text.remove_prefix(static_cast<std::size_t>(end - text.data()));
    const bool is_last = i + 1 == count;
    if (!text.starts_with(' ') && !(is_last && text.empty())) return std::nullopt;
    if (!text.empty()) text.remove_prefix(1);
    read.values.push_back(value);
  }
  read.rest = text;
  return read;
}

// "2 KEY" behind a word, the number from 2 to kMostNodes; none for anything else.
std::optional<Numbers> numbered(const std::string& label, std::string_view word) {
  auto read = numbers(label, word, 1);
  if (!read || read->rest.empty() || read->values[0] < 2 || read->values[0] > kMostNodes) return std::nullopt;
  return read;
}

bool is_place(int number, int of) { return of >= 2 && of <= kMostNodes && number >= 1 && number <= of; }

}  // namespace

// The sandbox is set up by a process of its own, so that the port is served meanwhile; it has its own life then.
Result<UniqueFd> GuestLabs::start(const AgentFunction& serve, SandboxListeners sockets, const Part& part,
                                  const std::string& kept) const {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return tl::unexpected(Error::system("make a pipe for a lab's log", errno));
  UniqueFd reader(ends[0]);
  const UniqueFd writer(ends[1]);
  ::fcntl(reader.get(), F_SETFL, O_NONBLOCK);
  UniqueFd joiner;
  if (part.of > 1) {
    NETNS_LAB_ASSIGN(joiner, serve_joiner(part.vlan));
  }
  const pid_t starter = detail::fork_process();
  if (starter < 0) return tl::unexpected(Error::system("fork a process of a lab", errno));
  if (starter > 0) return reader;
  SandboxSpec spec;
  spec.kept = kept;
  spec.log = writer.get();
  spec.limit = std::chrono::seconds(60);
  spec.nodes = static_cast<int>(sockets.more_nodes.size()) + 1;
  spec.underlay = part.underlay;
  spec.share = {.first = part.number, .of = part.of > 1 ? part.of : 0, .joiner = joiner.get()};
  spec.node_agent = spec.outside_agent = [&](const AgentContext& context, UniqueFd socket) {
    AgentContext own = context;
    own.provider = provider_;
    own.lost.insert(own.lost.end(), lost_.begin(), lost_.end());
    return serve(own, std::move(socket));
  };
  const auto started = start_sandbox(spec, std::move(sockets));
  if (!started) ::dprintf(writer.get(), "a lab cannot be made: %s\n", started.error().message().c_str());
  detail::leave(started ? 0 : 1);
}

Result<UniqueFd> GuestLabs::open(const std::string& label) {
  if (label == protocol::kStandingNode || label == protocol::kStandingOutside) {
    if (standing_node_.empty()) NETNS_LAB_TRY(start_standing({}));
    return connect_to_standing(label == protocol::kStandingNode ? standing_node_ : standing_outside_);
  }
  for (const Underlay underlay : {Underlay::kOneSegment, Underlay::kRouted}) {
    const bool is_routed = underlay == Underlay::kRouted;
    const auto part = numbers(label, is_routed ? protocol::kStandingRoutedPart : protocol::kStandingPart, 2);
    const auto of = numbers(label, is_routed ? protocol::kStandingOutsideOfRouted : protocol::kStandingOutsideOf, 1);
    if (!part && !of) continue;
    const Part place{.number = part ? part->values[0] : 1,
                     .of = part ? part->values[1] : of->values[0],
                     .vlan = protocol::kStandingVlan,
                     .underlay = underlay};
    if (!(part ? part->rest : of->rest).empty() || !is_place(place.number, place.of)) continue;
    if (standing_node_.empty()) NETNS_LAB_TRY(start_standing(place));
    return connect_to_standing(part ? standing_node_ : standing_outside_);
  }
  constexpr std::string_view kNode = protocol::kPrivateNode;
  constexpr std::string_view kOutside = protocol::kPrivateOutside;
  if (label.starts_with(kNode) && label.size() > kNode.size()) return open_private(label.substr(kNode.size()), 1, {});
  for (const auto& [word, underlay] : {std::pair(protocol::kPrivateNodes, Underlay::kOneSegment),
                                       std::pair(protocol::kPrivateRouted, Underlay::kRouted)}) {
    if (const auto several = numbered(label, word))
      return open_private(several->rest, several->values[0], {.underlay = underlay});
  }
  for (const auto& [word, underlay] : {std::pair(protocol::kPrivatePart, Underlay::kOneSegment),
                                       std::pair(protocol::kPrivateRoutedPart, Underlay::kRouted)}) {
    const auto part = numbers(label, word, 3);
    if (!part || part->rest.empty()) continue;
    const Part place{.number = part->values[0], .of = part->values[1], .vlan = part->values[2], .underlay = underlay};
    const bool is_vlan = place.vlan >= protocol::kFirstPrivateVlan && place.vlan < protocol::kStandingVlan;
    if (is_place(place.number, place.of) && is_vlan) return open_private(part->rest, 1, place);
  }
  UniqueFd stream;
  if (const auto one = numbered(label, protocol::kPrivateFurther)) {
    const auto index = static_cast<std::size_t>(one->values[0]) - 2;
    stream =
        hand_out(one->rest, [index](Lab& lab) { return index < lab.further.size() ? &lab.further[index] : nullptr; });
  } else if (label.starts_with(kOutside)) {
    stream = hand_out(label.substr(kOutside.size()), [](Lab& lab) { return &lab.outside; });
  }
  if (stream.valid()) return stream;
  return tl::unexpected(Error::invalid(fmt::format("open a channel for \"{}\"", label), "there is no such lab"));
}

UniqueFd GuestLabs::hand_out(const std::string& key, const std::function<UniqueFd*(Lab&)>& of) {
  const auto lab =
      std::find_if(labs_.begin(), labs_.end(), [&key](const Lab& one) { return !key.empty() && one.key == key; });
  UniqueFd* stream = lab == labs_.end() ? nullptr : of(*lab);
  return stream == nullptr ? UniqueFd() : std::move(*stream);
}

Result<UniqueFd> GuestLabs::open_private(const std::string& key, int nodes, const Part& part) {
  NETNS_LAB_ASSIGN(Stream node, Stream::create());
  NETNS_LAB_ASSIGN(Stream outside, Stream::create());
  SandboxListeners agents;
  agents.node = std::move(node.agents);
  agents.outside = std::move(outside.agents);
  Lab lab{.key = key, .log = {}, .outside = std::move(outside.ours)};
  for (int number = 2; number <= nodes; ++number) {
    NETNS_LAB_ASSIGN(Stream further, Stream::create());
    agents.more_nodes.push_back(std::move(further.agents));
    lab.further.push_back(std::move(further.ours));
  }
  NETNS_LAB_ASSIGN(lab.log, start(&serve_stream, std::move(agents), part));
  labs_.push_back(std::move(lab));
  return std::move(node.ours);
}

Result<void> GuestLabs::start_standing(const Part& part) {
  SandboxListeners listeners;
  NETNS_LAB_ASSIGN(listeners.outside, listen_anywhere(standing_outside_));
  NETNS_LAB_ASSIGN(listeners.node, listen_anywhere(standing_node_));
  NETNS_LAB_ASSIGN(UniqueFd log, start(&serve_listener, std::move(listeners), part, kept_));
  labs_.push_back({.key = "", .log = std::move(log), .outside = {}});
  return {};
}

void GuestLabs::watch(std::vector<pollfd>& waits) const {
  for (const Lab& lab : labs_) waits.push_back({.fd = lab.log.get(), .events = POLLIN, .revents = 0});
}

void GuestLabs::work() {
  labs_.remove_if([this](Lab& lab) {
    if (read_log(lab)) return false;
    standing_ended_ = standing_ended_ || lab.key.empty();
    return true;
  });
}

// False once every process of the lab has ended.
bool GuestLabs::read_log(Lab& lab) const {
  std::array<char, 4096> buffer;
  while (true) {
    const ssize_t got = ::read(lab.log.get(), buffer.data(), buffer.size());
    if (got > 0) {
      std::fwrite(buffer.data(), 1, static_cast<std::size_t>(got), stderr);
      continue;
    }
    return got < 0 && (errno == EAGAIN || errno == EINTR);
  }
}

}  // namespace netns_lab::node
