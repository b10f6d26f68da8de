#include "harness/conformance/decisive_sysctls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <string_view>

#include "harness/base/text.h"

namespace netns_lab {
namespace {

struct Decisive {
  Family family;
  const char* key;
  std::array<std::string_view, 3> fine;  // the usual one first; "" none
  const char* why;
};

constexpr auto kNotRandom = "link-local addresses must not be random";

constexpr std::array kDecisive = {
    Decisive{Family::kIpv4, "net.ipv4.ip_default_ttl", {"64"}, "the TTL is judged"},
    Decisive{Family::kIpv4, "net.ipv4.icmp_echo_ignore_all", {"0"}, "whether it answers echoes"},
    Decisive{Family::kIpv4, "net.ipv4.conf.all.arp_ignore", {"0"}, "whether it answers ARP"},
    Decisive{Family::kIpv4, "net.ipv4.conf.default.arp_ignore", {"0"}, "whether new links answer ARP"},
    Decisive{Family::kIpv6, "net.ipv6.icmp.echo_ignore_all", {"0"}, "whether it answers echoes"},
    Decisive{Family::kIpv6, "net.ipv6.conf.all.disable_ipv6", {"0"}, "whether there is IPv6"},
    Decisive{Family::kIpv6, "net.ipv6.conf.default.disable_ipv6", {"0"}, "whether new links have IPv6"},
    Decisive{Family::kIpv6, "net.ipv6.conf.default.hop_limit", {"64"}, "the hop limit is judged"},
    // Links have link-local addresses in both families, and a second build is held against the first.
    Decisive{Family::kIpv4, "net.ipv6.conf.default.addr_gen_mode", {"0", "1", "2"}, kNotRandom},
    Decisive{Family::kIpv6, "net.ipv6.conf.default.addr_gen_mode", {"0", "1", "2"}, kNotRandom},
};

}  // namespace

std::vector<std::string> spoiling_sysctls(const NamespaceState& state, Family family) {
  std::vector<std::string> found;
  for (const Decisive& decisive : kDecisive) {
    if (decisive.family != family) continue;
    const auto read = state.sysctls.find(decisive.key);
    if (read == state.sysctls.end()) continue;
    const auto& fine = decisive.fine;
    if (std::find(fine.begin(), fine.end(), read->second) != fine.end()) continue;
    found.push_back(
        fmt::format("{} is {}, not {} ({})", decisive.key, visible(read->second, 40), fine.front(), decisive.why));
  }
  // The kernel limits answers to echoes where their type's bit is set (icmpv4_mask_allow, net/ipv4/icmp.c).
  const auto limited = state.sysctls.find("net.ipv4.icmp_ratemask");
  if (family == Family::kIpv4 && limited != state.sysctls.end() &&
      std::strtoul(limited->second.c_str(), nullptr, 10) % 2 == 1)
    found.push_back(fmt::format("net.ipv4.icmp_ratemask is {}, not 6168 (how many echoes it answers)",
                                visible(limited->second, 40)));
  return found;
}

}  // namespace netns_lab
