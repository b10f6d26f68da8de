#include "harness/conformance/packet_sysctls.h"

#include <algorithm>
#include <array>

namespace netns_lab {
namespace {

constexpr std::array kOfTheNamespace = {"net.ipv4.ip_forward",
                                        "net.ipv4.ip_default_ttl",
                                        "net.ipv4.ip_no_pmtu_disc",
                                        "net.ipv4.ip_nonlocal_bind",
                                        "net.ipv4.icmp_echo_ignore_all",
                                        "net.ipv4.icmp_echo_ignore_broadcasts",
                                        "net.ipv4.ip_local_port_range",
                                        "net.ipv4.fwmark_reflect",
                                        "net.ipv4.ip_forward_use_pmtu",
                                        "net.ipv4.tcp_mtu_probing",
                                        "net.ipv4.ping_group_range",
                                        "net.ipv4.ip_unprivileged_port_start",
                                        "net.ipv6.bindv6only",
                                        "net.ipv6.ip_nonlocal_bind",
                                        "net.ipv6.icmp.echo_ignore_all",
                                        "net.ipv6.icmp.ratelimit",
                                        "net.ipv6.fwmark_reflect",
                                        "net.bridge.bridge-nf-call-iptables",
                                        "net.bridge.bridge-nf-call-ip6tables"};

constexpr std::array kOfALinkIpv4 = {"forwarding",          "rp_filter",       "accept_local",       "route_localnet",
                                     "proxy_arp",           "proxy_arp_pvlan", "arp_filter",         "arp_ignore",
                                     "arp_announce",        "arp_accept",      "accept_redirects",   "send_redirects",
                                     "accept_source_route", "src_valid_mark",  "promote_secondaries"};

constexpr std::array kOfALinkIpv6 = {"disable_ipv6", "forwarding",   "accept_ra",     "accept_redirects",
                                     "autoconf",     "accept_dad",   "dad_transmits", "addr_gen_mode",
                                     "proxy_ndp",    "use_tempaddr", "hop_limit"};

}  // namespace

std::vector<std::string> packet_sysctls(const std::vector<std::string>& links) {
  std::vector<std::string> keys(kOfTheNamespace.begin(), kOfTheNamespace.end());
  std::vector<std::string> all = {"all", "default"};
  all.insert(all.end(), links.begin(), links.end());
  for (std::string& link : all) {
    std::replace(link.begin(), link.end(), '.', '/');
    for (const char* key : kOfALinkIpv4) keys.push_back("net.ipv4.conf." + link + "." + key);
    for (const char* key : kOfALinkIpv6) keys.push_back("net.ipv6.conf." + link + "." + key);
  }
  return keys;
}

}  // namespace netns_lab
