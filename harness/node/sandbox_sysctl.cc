#include "harness/node/sandbox_sysctl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "harness/base/unique_fd.h"
#include "harness/node/sandbox_refusal.h"

namespace netns_lab::node {
namespace {

std::string read_value(const char* path) {
  const UniqueFd file(::open(path, O_RDONLY | O_CLOEXEC));
  char text[64] = {};
  const ssize_t length = file.valid() ? ::read(file.get(), text, sizeof text - 1) : -1;
  return length > 0 ? std::string(text, static_cast<std::size_t>(length - 1)) : "";
}

}  // namespace

// docs/sandbox.md and README.md hold this table for people.
const std::vector<PinnedSysctl>& pinned_sysctls() {
  static const std::vector<PinnedSysctl> kPinned = {
      {"net/ipv4/ip_forward", "0", true, "a new namespace inherits the machine's; docker sets it to 1"},
      {"net/ipv4/ip_default_ttl", "64", true, "TTL is judged"},
      {"net/ipv4/ip_nonlocal_bind", "0", true, "an address that is not there must not be usable"},
      {"net/ipv4/ip_no_pmtu_disc", "0", true, "sizes and don't-fragment are judged"},
      {"net/ipv4/icmp_echo_ignore_all", "0", true, "echoes are answered"},
      {"net/ipv4/icmp_ratelimit", "0", true, "ICMP errors are evidence; limited, most of them are silent"},
      {"net/ipv4/conf/all/rp_filter", "0", true, "distributions set 2 or 1; it drops packets whose way back differs"},
      {"net/ipv4/conf/default/rp_filter", "0", true, "the same, for links made later"},
      {"net/ipv4/conf/all/arp_ignore", "0", true, "who answers ARP is judged"},
      {"net/ipv4/conf/default/arp_ignore", "0", true, "the same"},
      {"net/ipv4/conf/all/arp_announce", "0", true, "the same"},
      {"net/ipv4/conf/default/arp_announce", "0", true, "the same"},
      {"net/ipv4/conf/all/arp_filter", "0", true, "the same"},
      {"net/ipv4/conf/default/arp_filter", "0", true, "the same"},
      {"net/ipv4/conf/all/proxy_arp", "0", true, "the same"},
      {"net/ipv4/conf/default/proxy_arp", "0", true, "the same"},
      {"net/ipv4/conf/all/accept_local", "0", true, "own addresses as a source from outside are dropped"},
      {"net/ipv4/conf/default/accept_local", "0", true, "the same"},
      {"net/ipv4/conf/all/route_localnet", "0", true, "127.0.0.0/8 stays inside"},
      {"net/ipv4/conf/default/route_localnet", "0", true, "the same"},
      {"net/ipv4/conf/all/accept_redirects", "0", true, "routes change by the target's hand only"},
      {"net/ipv4/conf/default/accept_redirects", "0", true, "the same"},
      {"net/ipv4/conf/all/send_redirects", "0", true, "no packets nobody asked for"},
      {"net/ipv4/conf/default/send_redirects", "0", true, "the same"},
      {"net/ipv6/conf/all/disable_ipv6", "0", false, "IPv6 is judged too; some machines turn it off"},
      {"net/ipv6/conf/default/disable_ipv6", "0", false, "the same"},
      {"net/ipv6/conf/all/forwarding", "0", false, "as ip_forward"},
      {"net/ipv6/conf/default/forwarding", "0", false, "the same"},
      {"net/ipv6/conf/all/accept_ra", "0", false, "nobody advertises routes here"},
      {"net/ipv6/conf/default/accept_ra", "0", false, "the same; and no router solicitations in captures"},
      {"net/ipv6/conf/default/router_solicitations", "0", false, "no packets nobody asked for"},
      {"net/ipv6/conf/default/accept_dad", "0", false, "duplicate address detection holds an address back for 2 s"},
      {"net/ipv6/conf/default/dad_transmits", "0", false, "the same"},
      {"net/ipv6/conf/default/autoconf", "0", false, "no address nobody asked for"},
      {"net/ipv6/conf/default/use_tempaddr", "0", false, "the same"},
      {"net/ipv6/conf/default/hop_limit", "64", false, "the hop limit is judged"},
      {"net/ipv6/conf/all/accept_redirects", "0", false, "routes change by the target's hand only"},
      {"net/ipv6/conf/default/accept_redirects", "0", false, "the same"},
      {"net/ipv6/icmp/ratelimit", "0", false, "ICMPv6 errors are evidence"},
      {"net/bridge/bridge-nf-call-iptables", "0", false,
       "where br_netfilter is loaded it sends bridged packets through the firewall"},
      {"net/bridge/bridge-nf-call-ip6tables", "0", false, "the same"},
      {"net/bridge/bridge-nf-call-arptables", "0", false, "the same"},
  };
  return kPinned;
}

bool may_be_pinned(std::string_view key) {
  const auto last = [](std::string_view text, char separator) { return text.substr(text.rfind(separator) + 1); };
  const std::string_view name = last(key, '.');
  if (name == "forwarding") return true;  // ip_forward
  const std::vector<PinnedSysctl>& all = pinned_sysctls();
  return std::any_of(all.begin(), all.end(), [&](const PinnedSysctl& one) { return last(one.path, '/') == name; });
}

Result<std::vector<std::string>> pin_sysctls() {
  std::vector<std::string> inherited;
  if (const std::string forward = read_value("/proc/sys/net/ipv4/ip_forward"); forward == "1") {
    inherited.emplace_back("namespaces made here start with net.ipv4.ip_forward=1, as this machine has it");
  }
  for (const PinnedSysctl& pinned : pinned_sysctls()) {
    const std::string path = fmt::format("/proc/sys/{}", pinned.path);
    const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
    const std::size_t length = std::strlen(pinned.value);
    if (file.valid() && ::write(file.get(), pinned.value, length) == static_cast<ssize_t>(length)) continue;
    const int set_errno = errno;
    if (!pinned.required && set_errno == ENOENT) continue;
    const std::string attempted = fmt::format("set {} to {} ({})", path, pinned.value, pinned.why);
    return tl::unexpected(explain_refusal(attempted, set_errno, NamespaceSettings::read()));
  }
  return inherited;
}

}  // namespace netns_lab::node
