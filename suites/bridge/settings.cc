#include "suites/bridge/settings.h"

#include <fmt/format.h>

#include <array>
#include <utility>

#include "suites/bridge/scenario.h"

namespace netns_lab::bridge {
namespace {

std::vector<std::string> named(const Link& link, std::vector<std::string> findings) {
  for (std::string& finding : findings) finding = link.name + ": " + finding;
  return findings;
}

}  // namespace

std::string port_state_text(std::uint32_t state) {
  static constexpr std::array kNames = {"disabled", "listening", "learning", "forwarding", "blocking"};
  return state < kNames.size() ? kNames.at(state) : std::to_string(state);
}

const std::vector<ExpectedSetting>& port_defaults() {
  static const std::vector<ExpectedSetting> defaults = {
      {"learning", 1},
      {"flood", 1},
      {"mcast_flood", 1},
      {"bcast_flood", 1},
      {"isolated", 0},
      {"hairpin", 0},
      {"guard", 0},
      {"root_block", 0},
      {"fastleave", 0},
      {"proxy_arp", 0},
      {"proxy_arp_wifi", 0},
      {"vlan_tunnel", 0},
      {"neigh_suppress", 0},
      {"group_fwd_mask", 0},
      {"priority", 32},
      {"locked", 0, false},            // Linux 5.18
      {"mcast_router", 1, false},      // where the kernel can snoop
      {"mcast_to_unicast", 0, false},  // likewise
      {"mcast_eht_hosts_limit", 512, false},
      {"mcast_max_groups", 0, false},
      {"backup_port", 0, false},  // told where one is set
      {"backup_nhid", 0, false},
      {"mab", 0, false},
      {"neigh_vlan_suppress", 0, false},
  };
  return defaults;
}

const std::vector<ExpectedSetting>& bridge_defaults() {
  static const std::vector<ExpectedSetting> defaults = {
      {"stp_state", 0},
      {"ageing_time", 30'000},  // hundredths of a second
      {"forward_delay", 1'500},
      {"hello_time", 200},
      {"max_age", 2'000},
      {"priority", 32'768},
      {"group_fwd_mask", 0},
      {"vlan_filtering", 0, false},  // where the kernel can
      {"vlan_default_pvid", 1, false},
      {"mcast_snooping", 1, false},
      {"mcast_querier", 0, false},
      {"mcast_router", 1, false},
      {"nf_call_iptables", 0, false},
      {"nf_call_ip6tables", 0, false},
      {"nf_call_arptables", 0, false},
  };
  return defaults;
}

std::vector<std::string> setting_findings(const BridgeSettings& settings,
                                          const std::vector<ExpectedSetting>& expected) {
  const auto spanning_tree = settings.find("stp_state");
  const bool has_no_tree = spanning_tree != settings.end() && spanning_tree->second == 0;
  std::vector<std::string> findings;
  for (const ExpectedSetting& each : expected) {
    if (has_no_tree && each.name == "forward_delay") continue;  // of nothing else (libvirt and others set 0)
    const auto found = settings.find(each.name);
    if (found == settings.end()) {
      if (each.always_told) findings.push_back(fmt::format("the kernel does not tell {}", each.name));
    } else if (found->second != each.value) {
      const auto text = [&](std::uint32_t value) {
        return each.name == "state" ? port_state_text(value) : std::to_string(value);
      };
      findings.push_back(fmt::format("{} is {}, not {}", each.name, text(found->second), text(each.value)));
    }
  }
  return findings;
}

std::vector<std::string> bridge_findings(const NamespaceState& node) {
  const Link* const bridge = node.find_link(kBridge);
  if (bridge == nullptr) return {fmt::format("there is no {}", kBridge)};
  return named(*bridge, setting_findings(bridge->bridge, bridge_defaults()));
}

std::vector<std::string> port_findings(const NamespaceState& node) {
  const Link* const bridge = node.find_link(kBridge);
  if (bridge == nullptr) return {fmt::format("there is no {}", kBridge)};
  std::vector<ExpectedSetting> expected = port_defaults();
  std::erase_if(expected, [](const ExpectedSetting& each) { return each.name == "hairpin"; });
  std::vector<std::string> findings;
  for (const Link& link : node.links) {
    if (link.master != bridge->index) continue;
    for (std::string& finding : named(link, setting_findings(link.bridge_port, expected)))
      findings.push_back(std::move(finding));
  }
  return findings;
}

}  // namespace netns_lab::bridge
