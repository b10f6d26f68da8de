#include "harness/node/kernel_work.h"

#include <fmt/format.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <linux/rtnetlink.h>

#include <algorithm>
#include <cerrno>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "harness/model/readiness.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/link.h"
#include "harness/netlink/monitor.h"
#include "harness/netlink/route.h"
#include "harness/netns/netns.h"

namespace netns_lab::node {
namespace {

using netlink::Monitor;

constexpr auto kLoopback = "lo";
constexpr auto kControl = "control";

Error overdue(const char* what) {
  return Error::internal(
      fmt::format("wait until the kernel {}", what),
      "it has not done as much for a namespace of our own: other work of this machine keeps its queue busy");
}

Result<Monitor> monitor_of(const NetworkNamespace& network_namespace) {
  NETNS_LAB_ASSIGN(UniqueFd events, socket_in(network_namespace, AF_NETLINK, SOCK_RAW, 0));
  NETNS_LAB_ASSIGN(UniqueFd requests, socket_in(network_namespace, AF_NETLINK, SOCK_RAW, 0));
  return Monitor::adopt(std::move(events), std::move(requests));
}

std::vector<unsigned> own_processors() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  std::vector<unsigned> processors;
  if (::sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    for (unsigned each = 0; each < CPU_SETSIZE; ++each) {
      if (CPU_ISSET(each, &allowed)) processors.push_back(each);
    }
  }
  // More than such a set holds: where this thread happens to run.
  if (processors.empty()) processors.push_back(static_cast<unsigned>(std::max(::sched_getcpu(), 0)));
  return processors;
}

// The kernel queues the work on the processor that asks for it.
Result<void> add_on(unsigned processor, netlink::NetlinkSocket& socket, const netlink::AddressSpec& spec) {
  Result<void> done;
  std::thread([&] {
    cpu_set_t only;
    CPU_ZERO(&only);
    if (processor < CPU_SETSIZE) CPU_SET(processor, &only);
    // Where that is refused (a set that has changed meanwhile), the processor is no longer one for its neighbours.
    static_cast<void>(::sched_setaffinity(0, sizeof only, &only));
    auto added = socket.exchange(netlink::add_address(spec));
    if (!added) done = tl::unexpected(std::move(added).error());
  }).join();
  return done;
}

Result<void> await_reaping_of_control(Deadline deadline, int cancel_fd) {
  NETNS_LAB_ASSIGN(const NetworkNamespace kept, NetworkNamespace::create());
  NETNS_LAB_ASSIGN(Monitor monitor, monitor_of(kept));
  {
    NETNS_LAB_ASSIGN(const NetworkNamespace given_up, NetworkNamespace::create());
    netlink::VethSpec pair;
    pair.name = kControl;
    pair.peer_name = kControl;
    pair.peer_namespace = given_up.fd();
    auto made = monitor.requests().exchange(netlink::create_veth(pair));
    if (!made) return tl::unexpected(std::move(made).error());
    NETNS_LAB_TRY(monitor.update());
  }
  const auto gone = monitor.wait_until([](const netlink::Links& links) { return links.find(kControl) == nullptr; },
                                       "the control's link to be gone", deadline, cancel_fd);
  if (!gone && gone.error().kind == ErrorKind::kTimeout)
    return tl::unexpected(overdue("has reaped the namespaces that were deleted"));
  return gone;
}

}  // namespace

Result<void> await_address_work(Deadline deadline, int cancel_fd) {
  NETNS_LAB_ASSIGN(const NetworkNamespace control, NetworkNamespace::create());
  NETNS_LAB_ASSIGN(Monitor monitor, monitor_of(control));
  NETNS_LAB_TRY(monitor.also_wake_on(RTNLGRP_IPV6_ROUTE));
  netlink::NetlinkSocket& socket = monitor.requests();
  NETNS_LAB_ASSIGN(const Link loopback, netlink::get_link(socket, netlink::LinkRef::named(kLoopback)));
  netlink::LinkChange up;
  up.up = true;
  auto raised = socket.exchange(netlink::set_link(netlink::LinkRef::indexed(loopback.index), up));
  if (!raised) return tl::unexpected(std::move(raised).error());
  std::size_t asked = 0;
  for (const unsigned processor : own_processors()) {
    netlink::AddressSpec spec;
    spec.link_index = loopback.index;
    spec.prefix = Prefix::host(IpAddress::parse(fmt::format("fd00::{:x}", ++asked)).value());
    const auto added = add_on(processor, socket, spec);
    // A kernel without IPv6 has no such work.
    if (!added && (added.error().system_errno == EOPNOTSUPP || added.error().system_errno == EACCES)) return {};
    NETNS_LAB_TRY(added);
  }
  for (;;) {
    NETNS_LAB_TRY(monitor.update());
    NETNS_LAB_ASSIGN(const std::vector<InterfaceAddress> addresses, netlink::list_addresses(socket));
    NETNS_LAB_ASSIGN(const std::vector<Route> routes, netlink::list_routes(socket, Family::kIpv6));
    if (addresses_not_in_use_yet(addresses, routes, loopback.index).empty()) return {};
    std::vector<pollfd> entries{{cancel_fd, POLLIN, 0}, {monitor.fd(), POLLIN, 0}};
    const int ready = ::poll(entries.data(), entries.size(), deadline.poll_timeout());
    if (ready < 0 && errno != EINTR) return tl::unexpected(Error::system("poll for a control's addresses", errno));
    if (ready > 0 && entries.front().revents != 0)
      return tl::unexpected(Error::cancelled("wait until the kernel has put addresses in use"));
    if (ready == 0 && deadline.passed()) return tl::unexpected(overdue("has put the addresses in use"));
  }
}

// Whoever lets go of a socket lets go of its namespace a moment later (call_rcu in netlink_release,
// net/netlink/af_netlink.c). The kernel awaits all such callbacks at the end of each batch of namespaces it reaps
// (rcu_barrier in cleanup_net): what was let go of before the first control is in the second one's batch at the latest.
Result<void> await_reaping(Deadline deadline, int cancel_fd) {
  NETNS_LAB_TRY(await_reaping_of_control(deadline, cancel_fd));
  return await_reaping_of_control(deadline, cancel_fd);
}

}  // namespace netns_lab::node
