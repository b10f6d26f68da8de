#include "harness/conformance/undeclared_sysctls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "harness/base/text.h"
#include "harness/conformance/kernel_made.h"

namespace netns_lab {
namespace {

constexpr std::size_t kLongestValue = 200;  // bytes of one value in a message

// The name of the link in "net.ipv4.conf.veth1.rp_filter", and the same key for `default`, for neighbour tables also
// for lo; empty for other keys. A link's name may hold dots, which sysctl(8) writes as '/'.
struct LinkKey {
  std::string link;
  std::string default_key;
  std::string loopback_key;
};
LinkKey link_key(const std::string& key) {
  constexpr std::array<const char*, 4> kPrefixes = {"net.ipv4.conf.", "net.ipv6.conf.", "net.ipv4.neigh.",
                                                    "net.ipv6.neigh."};
  for (const std::string prefix : kPrefixes) {
    if (key.rfind(prefix, 0) != 0) continue;
    const auto end = key.find('.', prefix.size());
    if (end == std::string::npos) return {};
    std::string link = key.substr(prefix.size(), end - prefix.size());
    std::replace(link.begin(), link.end(), '/', '.');
    const std::string setting = key.substr(end);
    const bool is_neighbour_table = prefix.ends_with(".neigh.");
    return {link, prefix + "default" + setting, is_neighbour_table ? prefix + "lo" + setting : ""};
  }
  return {};
}

// That a declared setting has its value is a claim of its own.
bool forwards_as_declared(const std::string& network_namespace, const NamespaceState& is, const Declaration& declared) {
  return std::none_of(declared.sysctls.begin(), declared.sysctls.end(), [&](const DeclaredSysctl& sysctl) {
    const bool is_router = sysctl.key == "net.ipv4.ip_forward" || sysctl.key == "net.ipv6.conf.all.forwarding";
    const auto found = is.sysctls.find(sysctl.key);
    return is_router && sysctl.network_namespace == network_namespace && found != is.sysctls.end() &&
           found->second != sysctl.value;
  });
}

// What the kernel sets on a link without addresses of its own (ipv6_add_dev, net/ipv6/addrconf.c); "" of any other
// setting, or link.
std::string set_without_link_address(const std::string& key, const Link* link) {
  if (link == nullptr || !has_no_link_address(*link) || !key.starts_with("net.ipv6.conf.")) return "";
  if (key.ends_with(".addr_gen_mode")) return "3";
  return key.ends_with(".accept_dad") || key.ends_with(".use_tempaddr") ? "-1" : "";
}

}  // namespace

// What the kernel sets along with a declared setting: turning forwarding on or off does so for every link and for links
// to come, and in IPv4 turns redirects off or on (inet_forward_change, net/ipv4/devinet.c; addrconf_fixup_forwarding,
// net/ipv6/addrconf.c).
std::string set_along(const std::string& network_namespace, const std::string& key, const Declaration& declared) {
  for (const DeclaredSysctl& sysctl : declared.sysctls) {
    if (sysctl.network_namespace != network_namespace) continue;
    const bool v4 = sysctl.key == "net.ipv4.ip_forward";
    if (!v4 && sysctl.key != "net.ipv6.conf.all.forwarding") continue;
    const std::string prefix = v4 ? "net.ipv4.conf." : "net.ipv6.conf.";
    if (key.starts_with(prefix) && key.ends_with(".forwarding")) return sysctl.value;
    if (v4 && key == "net.ipv4.conf.all.accept_redirects") return sysctl.value == "0" ? "1" : "0";
  }
  return "";
}

bool is_volatile_sysctl(const std::string& key) {
  constexpr std::array<const char*, 4> kNames = {"net.netfilter.nf_conntrack_count", "net.ipv4.tcp_fastopen_key",
                                                 "net.core.netdev_rss_key", "net.ipv4.fib_sync_mem"};
  return std::any_of(kNames.begin(), kNames.end(), [&](const std::string name) { return key == name; });
}

std::vector<std::string> undeclared_sysctls(const std::string& network_namespace, const NamespaceState& was,
                                            const NamespaceState& is, const Declaration& declared) {
  std::vector<std::string> findings;
  const std::string place = place_text(network_namespace);
  for (const auto& entry : is.sysctls) {
    const std::string& key = entry.first;
    const std::string& value = entry.second;
    if (is_volatile_sysctl(key)) continue;
    const bool is_declared =
        std::any_of(declared.sysctls.begin(), declared.sysctls.end(), [&](const DeclaredSysctl& sysctl) {
          return sysctl.network_namespace == network_namespace && sysctl.key == key;
        });
    const std::string along = set_along(network_namespace, key, declared);
    if (is_declared || along == value) continue;
    if (!along.empty() && link_key(key).default_key == key && forwards_as_declared(network_namespace, is, declared)) {
      // For links to come.
      findings.push_back(fmt::format("sysctl {} in {} is {}; with what is declared it is {}", key, place,
                                     visible(value, kLongestValue), along));
      continue;
    }
    const auto before = was.sysctls.find(key);
    if (before != was.sysctls.end()) {
      if (before->second != value) {
        // inet_forward_change (net/ipv4/devinet.c).
        const bool follows = key == "net.ipv4.conf.all.accept_redirects" && value == "1";
        findings.push_back(fmt::format("sysctl {} in {} is {}, it was {}{}", key, place, visible(value, kLongestValue),
                                       visible(before->second, kLongestValue),
                                       follows ? " (so does the kernel when net.ipv4.ip_forward is put back to 0: then "
                                                 "put this back, too)"
                                               : ""));
      }
      continue;
    }
    // A link's own settings are copied from `default` when it is made.
    const LinkKey link = link_key(key);
    if (link.link.empty() || !declared.has_link(network_namespace, link.link))
      continue;  // the link itself is the finding
    if (set_without_link_address(key, is.find_link(link.link)) == value) continue;
    if (key.ends_with(".mtu")) {  // IPv6's own limit: the link's MTU, unless somebody set it
      const Link* of_it = is.find_link(link.link);
      if (of_it == nullptr || std::to_string(of_it->mtu) == value) continue;
      findings.push_back(fmt::format("sysctl {} in {} is {}; the link's MTU is {}", key, place,
                                     visible(value, kLongestValue), of_it->mtu));
      continue;
    }
    auto usual = is.sysctls.find(link.default_key);
    // neigh.default is the machine's initial namespace's alone (neigh_sysctl_register, net/core/neighbour.c); elsewhere
    // lo, which nobody had a reason to set, shows what a new link gets.
    if (usual == is.sysctls.end()) {
      usual = was.sysctls.find(link.loopback_key);
      if (link.loopback_key.empty() || usual == was.sysctls.end()) continue;
    }
    if (usual->second == value) continue;
    findings.push_back(fmt::format("sysctl {} in {} is {}; a new link has {} there", key, place,
                                   visible(value, kLongestValue), visible(usual->second, kLongestValue)));
  }
  return findings;
}

}  // namespace netns_lab
