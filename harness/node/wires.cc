#include "harness/node/wires.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/netlink/link.h"
#include "harness/netlink/monitor.h"
#include "harness/netlink/netlink_socket.h"
#include "harness/protocol/guest.h"

namespace netns_lab::node {
namespace {

constexpr std::chrono::seconds kReaping{10};
constexpr std::uint32_t kFirstIndex = 100;  // of the VLANs: beyond those of a segment and its nodes' ports

// The number of the machine at the other end; 0 for a device that is no wire.
int far_machine(const Link& link) {
  const std::string mac = link.mac.to_string();
  if (!mac.starts_with(protocol::kWireMac) || link.kind == "vlan") return 0;
  return std::stoi(mac.substr(mac.rfind(':') + 1), nullptr, 16);
}

}  // namespace

MacAddress wire_mac(int own, int peer) {
  return MacAddress::parse(fmt::format("{}{:02x}:{:02x}", protocol::kWireMac, own, peer)).value();
}

Result<void> keep_quiet(const std::string& link) {
  const std::string setting = "/proc/sys/net/ipv6/conf/" + link + "/disable_ipv6";
  const UniqueFd file(::open(setting.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.valid() && errno == ENOENT) return {};
  if (file.valid() && ::write(file.get(), "1", 1) == 1) return {};
  return tl::unexpected(Error::system("write 1 to " + setting, errno));
}

Result<void> make_when_let_go(const std::function<Result<void>()>& make, const std::string& wanted, Deadline deadline) {
  Result<void> made = make();
  const auto is_taken = [&made] { return !made && made.error().system_errno == EEXIST; };
  if (!is_taken()) return made;
  NETNS_LAB_ASSIGN(netlink::Monitor monitor, netlink::Monitor::open());
  const auto waited = monitor.wait_until(
      [&](const netlink::Links&) {
        made = make();
        return !is_taken();
      },
      wanted, deadline);
  if (waited || !is_taken()) return made;
  return tl::unexpected(Error::taken("lead a segment to the other machines",
                                     "it has not come to pass in time: " + wanted,
                                     "does another test run in this lab? They take turns"));
}

Result<void> lead_wires_into(const NetworkNamespace& segment, int vlan) {
  NETNS_LAB_ASSIGN(netlink::NetlinkSocket socket, netlink::NetlinkSocket::open(netlink::Protocol::kRoute));
  NETNS_LAB_ASSIGN(const std::vector<Link> links, netlink::list_links(socket));
  bool has_wire = false;
  for (const Link& link : links) {
    const int peer = far_machine(link);
    if (peer == 0) continue;
    has_wire = true;
    if (!link.is_up()) {
      NETNS_LAB_TRY(keep_quiet(link.name));
      netlink::LinkChange change;
      change.up = true;
      NETNS_LAB_TRY(socket.execute(netlink::set_link(netlink::LinkRef::indexed(link.index), change)));
    }
    netlink::VlanSpec spec;
    spec.lower = link.index;
    spec.id = static_cast<std::uint16_t>(vlan);
    spec.name = fmt::format("node-{}", peer);
    spec.network_namespace = segment.fd();
    spec.index = kFirstIndex + static_cast<std::uint32_t>(peer);
    // That a VLAN is gone is told of its lower device, which is here (NETDEV_CHANGEUPPER, net/core/rtnetlink.c).
    NETNS_LAB_TRY(make_when_let_go([&] { return socket.execute(netlink::create_vlan(spec)); },
                                   fmt::format("VLAN {} of the wires to be let go of by the lab that had it", spec.id),
                                   Deadline::after(kReaping)));
  }
  if (has_wire) return {};
  return tl::unexpected(Error::missing("lead a segment to the other machines", "this machine has no wire to another"));
}

}  // namespace netns_lab::node
