#include "harness/node/underlay_wires.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <utility>

#include "harness/base/deadline.h"
#include "harness/base/text.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/netns/netns.h"
#include "harness/node/sandbox_process.h"
#include "harness/node/wires.h"
#include "harness/probe/prober.h"

namespace netns_lab::node {
namespace {

constexpr auto kDevice = "/dev/net/tun";
constexpr int kReceiveBuffer = 4 << 20;         // bytes: a burst waits here while the carrier is not run
constexpr std::uint32_t kQueue = 10'000;        // frames: the same for what the kernel sends; beyond it drops them
constexpr std::uint32_t kFullSize = 1500 - 28;  // bytes of an echo's payload: a packet of 1500
constexpr std::chrono::milliseconds kAskAgain{200};
constexpr int kMostMachines = 254;

struct End {
  UniqueFd link;
  UniqueFd socket;
};

std::string name_of(const UnderlayWire& wire) { return fmt::format("wire-{}", wire.peer); }
std::string text_of(const UnderlayWire& wire) {
  return fmt::format("the wire from machine {} ({}) to machine {} ({}, UDP port {})", wire.own, wire.local.to_string(),
                     wire.peer, wire.remote.to_string(), wire.port);
}
Error failed(const UnderlayWire& wire, const char* attempted) {
  return Error::system(fmt::format("{} {}", attempted, text_of(wire)), errno);
}

sockaddr_in socket_address(const IpAddress& address, std::uint16_t port) {
  sockaddr_in made{};
  made.sin_family = AF_INET;
  made.sin_port = htons(port);
  std::memcpy(&made.sin_addr, address.bytes().data(), sizeof made.sin_addr);
  return made;
}

// In the network that the machines share. Connected: it takes from the other end alone.
Result<UniqueFd> open_socket(const UnderlayWire& wire) {
  UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  constexpr int kNeverDontFragment = IP_PMTUDISC_DONT;
  const sockaddr_in own = socket_address(wire.local, wire.port);
  const sockaddr_in peer = socket_address(wire.remote, wire.port);
  if (!socket.valid() ||
      ::setsockopt(socket.get(), IPPROTO_IP, IP_MTU_DISCOVER, &kNeverDontFragment, sizeof kNeverDontFragment) != 0) {
    return tl::unexpected(failed(wire, "make a socket for"));
  }
  // Without CAP_NET_ADMIN over the first user namespace it stays as small as the kernel has them.
  static_cast<void>(::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kReceiveBuffer, sizeof kReceiveBuffer));
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
    Error error = failed(wire, "lay");
    if (error.system_errno == EADDRNOTAVAIL) {
      return tl::unexpected(Error::missing("lay " + text_of(wire), "this machine does not have that address any more",
                                           "netns-lab up again asks for the addresses anew"));
    }
    if (error.system_errno == EADDRINUSE) {
      return tl::unexpected(Error::taken("lay " + text_of(wire), "somebody uses that port in it",
                                         "netns-lab up again chooses another one"));
    }
    return tl::unexpected(std::move(error));
  }
  if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) == 0) return socket;
  return tl::unexpected(failed(wire, "lay"));
}

// The device is the descriptor's (drivers/net/tun.c): it goes when that is closed.
Result<UniqueFd> make_device(const UnderlayWire& wire) {
  UniqueFd device(::open(kDevice, O_RDWR | O_NONBLOCK | O_CLOEXEC));
  if (!device.valid() && (errno == ENOENT || errno == ENODEV)) {
    return tl::unexpected(Error::missing("lay " + text_of(wire),
                                         fmt::format("there is no {} in it (CONFIG_TUN)", kDevice),
                                         "a kernel with it, or: modprobe tun"));
  }
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  const std::string name = name_of(wire);
  std::memcpy(request.ifr_name, name.data(), name.size());
  if (!device.valid() || ::ioctl(device.get(), TUNSETIFF, &request) != 0) {
    return tl::unexpected(failed(wire, "make a TAP device for"));
  }
  return device;
}

// Addresses by which the two ends ask each other whether the wire carries (RFC 3927: of a link, and of no other). What
// a lab sends is in VLANs.
IpAddress probing_address(int of, const UnderlayWire& wire) {
  const int far = std::max(wire.own, wire.peer);
  return IpAddress::v4(169, 254, static_cast<std::uint8_t>(far), of == far ? 2 : 1);
}

Result<void> set_up(netlink::NetlinkSocket& socket, const UnderlayWire& wire) {
  NETNS_LAB_ASSIGN(const Link link, netlink::get_link(socket, netlink::LinkRef::named(name_of(wire))));
  NETNS_LAB_TRY(keep_quiet(link.name));
  netlink::Request longer(RTM_SETLINK, 0);
  ifinfomsg header{};
  header.ifi_index = static_cast<int>(link.index);
  longer.put_header(header);
  longer.put_u32(IFLA_TXQLEN, kQueue);
  NETNS_LAB_TRY(socket.execute(std::move(longer)));
  netlink::LinkChange change;
  change.mac = wire_mac(wire.own, wire.peer);
  change.mtu = 1500;
  change.up = true;
  NETNS_LAB_TRY(socket.execute(netlink::set_link(netlink::LinkRef::indexed(link.index), change)));
  netlink::AddressSpec address;
  address.link_index = link.index;
  address.prefix = Prefix{.address = probing_address(wire.own, wire), .length = 30};
  return socket.execute(netlink::add_address(address));
}

// What is there, a frame a time; a full socket is waited for. A frame that is refused otherwise is lost, as on a wire.
void pass(const UniqueFd& from, const UniqueFd& to) {
  constexpr int kMostAtOnce = 64;  // then the other direction has its turn
  static std::array<char, 65'535> frame;
  for (int i = 0; i < kMostAtOnce; ++i) {
    const ssize_t got = ::read(from.get(), frame.data(), frame.size());
    if (got < 0) return;  // nothing more; or that the other end is not there (ECONNREFUSED), which is read away by this
    while (::write(to.get(), frame.data(), static_cast<std::size_t>(got)) < 0 && errno == EAGAIN) {
      pollfd room{.fd = to.get(), .events = POLLOUT, .revents = 0};
      ::poll(&room, 1, -1);
    }
  }
}

// A process of its own, which nothing else holds up.
[[noreturn]] void carry(const std::vector<End>& ends) {
  std::vector<int> kept;
  std::vector<pollfd> waits;
  for (const End& end : ends) {
    for (const int fd : {end.link.get(), end.socket.get()}) {
      kept.push_back(fd);
      waits.push_back({.fd = fd, .events = POLLIN, .revents = 0});
    }
  }
  close_all_but(kept);
  while (true) {
    if (::poll(waits.data(), waits.size(), -1) < 0 && errno != EINTR) detail::leave(1);
    for (std::size_t i = 0; i < ends.size(); ++i) {
      if ((waits[2 * i].revents & POLLIN) != 0) pass(ends[i].link, ends[i].socket);
      if (waits[2 * i + 1].revents != 0) pass(ends[i].socket, ends[i].link);
    }
  }
}

// Packets of the full size, which must not be fragmented, there and back.
Result<void> await_answer(const UnderlayWire& wire, std::chrono::milliseconds patience) {
  const Deadline deadline = Deadline::after(patience);
  probe::Prober prober([](const std::string&, int domain, int type, int protocol) -> Result<UniqueFd> {
    UniqueFd socket(::socket(domain, type | SOCK_CLOEXEC, protocol));
    if (socket.valid()) return socket;
    return tl::unexpected(Error::system("make a socket", errno));
  });
  EchoSpec echo;
  echo.destination = probing_address(wire.peer, wire);
  echo.link = name_of(wire);
  echo.count = 1;
  echo.payload_size = kFullSize;
  echo.dont_fragment = true;
  echo.reply_wait = kAskAgain;
  while (!deadline.passed()) {
    NETNS_LAB_ASSIGN(const std::vector<EchoReport> reports, prober.echo({&echo, 1}));
    for (const Echo& one : reports.front().echoes) {
      if (one.reply && one.reply->payload_intact) return {};
    }
  }
  Error error = Error::timeout("lay " + text_of(wire),
                               fmt::format("packets of 1500 bytes were not answered for {} ms", patience.count()));
  error.remedy = fmt::format(
      "the machines must reach each other by UDP: look at what filters it in them (ufw, nft) and between them; ping {} "
      "in machine {}",
      wire.remote.to_string(), wire.own);
  return tl::unexpected(std::move(error));
}

}  // namespace

std::string to_string(const UnderlayWire& wire) {
  return fmt::format("{},{},{},{},{}", wire.own, wire.peer, wire.local.to_string(), wire.remote.to_string(), wire.port);
}

Result<UnderlayWire> parse_underlay_wire(const std::string& text) {
  const auto bad = [&text](const char* why) {
    return tl::unexpected(Error::invalid("--wire " + visible(text, 100), why, "OWN,PEER,ADDRESS,ADDRESS,PORT"));
  };
  std::vector<std::string> parts;
  for (std::string_view left = text;;) {
    const std::size_t comma = left.find(',');
    parts.emplace_back(left.substr(0, comma));
    if (comma == std::string_view::npos) break;
    left.remove_prefix(comma + 1);
  }
  if (parts.size() != 5) return bad("it has five parts, parted by commas");
  const auto number = [](const std::string& part, int most) {
    int value = 0;
    const auto [end, problem] = std::from_chars(part.data(), part.data() + part.size(), value);
    return problem == std::errc() && end == part.data() + part.size() && value >= 1 && value <= most ? value : 0;
  };
  UnderlayWire wire;
  wire.own = number(parts[0], kMostMachines);
  wire.peer = number(parts[1], kMostMachines);
  wire.port = static_cast<std::uint16_t>(number(parts[4], 65'535));
  if (wire.own == 0 || wire.peer == 0 || wire.own == wire.peer) return bad("two machines, 1 to 254, are at its ends");
  if (wire.port == 0) return bad("a port is 1 to 65535");
  const auto local = IpAddress::parse(parts[2]);
  const auto remote = IpAddress::parse(parts[3]);
  if (!local || !remote || !local->is_v4() || !remote->is_v4()) return bad("its ends have IPv4 addresses");
  wire.local = *local;
  wire.remote = *remote;
  return wire;
}

Result<UniqueFd> lay_underlay_wires(const std::vector<UnderlayWire>& wires, std::chrono::milliseconds patience) {
  std::vector<End> ends;
  for (const UnderlayWire& wire : wires) {
    NETNS_LAB_ASSIGN(UniqueFd socket, open_socket(wire));
    ends.push_back({.link = {}, .socket = std::move(socket)});
  }
  NETNS_LAB_ASSIGN(const NetworkNamespace own, NetworkNamespace::create());
  if (::setns(own.fd(), CLONE_NEWNET) != 0) return tl::unexpected(Error::system("enter the namespace of wires", errno));
  NETNS_LAB_ASSIGN(netlink::NetlinkSocket socket, netlink::NetlinkSocket::open(netlink::Protocol::kRoute));
  for (std::size_t i = 0; i < wires.size(); ++i) {
    NETNS_LAB_ASSIGN(ends[i].link, make_device(wires[i]));
    NETNS_LAB_TRY(set_up(socket, wires[i]));
  }
  const pid_t self = ::getpid();
  NETNS_LAB_ASSIGN(Child carrier, fork_child([&ends, self]() -> int {
                     ::prctl(PR_SET_PDEATHSIG, SIGKILL);
                     if (::getppid() != self) return 1;  // it ended before
                     carry(ends);
                   }));
  ends.clear();  // the devices are the carrier's
  // In a process of its own: nothing of it stays in this one, which forks.
  NETNS_LAB_ASSIGN(const Child asker, fork_child([&]() -> int {
                     for (const UnderlayWire& wire : wires) {
                       const auto answered = await_answer(wire, patience);
                       if (answered) continue;
                       std::fprintf(stderr, "netns-lab: %s\n", answered.error().message().c_str());
                       std::fflush(stderr);
                       return 1;
                     }
                     return 0;
                   }));
  int status = 0;
  while (::waitpid(asker.pid, &status, 0) < 0 && errno == EINTR) {
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return std::move(carrier.process);
  end_child(carrier);
  return tl::unexpected(Error::timeout("lay the wires to the other machines", "one of them does not carry"));
}

}  // namespace netns_lab::node
