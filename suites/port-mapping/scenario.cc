#include "suites/port-mapping/scenario.h"

#include <fmt/format.h>

#include <charconv>
#include <utility>

#include "suites/bridge/scenario.h"
#include "suites/common/forwarding.h"
#include "suites/common/parameters.h"
#include "suites/port-mapping/requirements.h"

namespace netns_lab::port_mapping {
namespace {

Result<std::uint16_t> port(const Parameters& parameters, const std::string& name) {
  NETNS_LAB_ASSIGN(const std::string text, suites::parameter_value(parameters, name));
  std::uint16_t value = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (problem == std::errc() && end == text.data() + text.size() && value != 0) return value;
  return tl::unexpected(
      Error::invalid(suites::parameter_text(name, text), "is no port", "give a number from 1 to 65535"));
}

// Of two words the first, or not.
Result<bool> is_first(const Parameters& parameters, const std::string& name, const std::string& first,
                      const std::string& second) {
  NETNS_LAB_ASSIGN(const std::string text, suites::parameter_value(parameters, name));
  if (text == first || text == second) return text == first;
  return tl::unexpected(Error::invalid(suites::parameter_text(name, text), "is neither of the two",
                                       fmt::format("give {} or {}", first, second)));
}

// The rules that make the port the container's. What is not for the node itself is left alone, and so is what is for
// its loopback: nothing from there can leave the node (RFC 1122, 3.2.1.3).
CreateNftTable table_of(const Mapping& mapping, Family family, const Prefix& own) {
  const bool v4 = family == Family::kIpv4;
  const std::string ip = v4 ? "ip" : "ip6";
  const IpAddress& container = own.address;
  const auto mapped = [&](const char* transport, bool is_own) {
    NftRule rule;
    rule.matches.push_back({"fib daddr type", "local"});
    if (is_own) rule.matches.push_back({ip + " daddr", v4 ? "127.0.0.0/8" : "::1", true});
    rule.matches.push_back({std::string(transport) + " dport", std::to_string(mapping.host_port)});
    rule.action = {"dnat", container, mapping.container_port};
    return rule;
  };
  NftRule source;  // so that the answers come back through the node, which alone can translate them
  if (mapping.preserves_source) source.matches.push_back({ip + " saddr", own.network().to_string()});
  source.matches.push_back({ip + " daddr", container.to_string()});
  source.matches.push_back({"ct status", "dnat"});
  source.action = {"masquerade"};

  constexpr std::int32_t kDestination = -100, kSource = 100;  // NF_IP_PRI_NAT_DST, NF_IP_PRI_NAT_SRC
  CreateNftTable table;
  table.family = ip;
  table.name = kTable;
  table.chains = {
      {"prerouting", "nat", "prerouting", kDestination, false, {mapped("tcp", false), mapped("udp", false)}},
      {"output", "nat", "output", kDestination, false, {mapped("tcp", true), mapped("udp", true)}},
      {"postrouting", "nat", "postrouting", kSource, false, {source}},
  };
  return table;
}

Result<Topology> lay_out(const Parameters& parameters, Family family) {
  NETNS_LAB_ASSIGN(const Mapping mapping, mapping_of(parameters, family));
  NETNS_LAB_ASSIGN(Topology topology, bridge::lay_out(parameters, family, bridge::names_of(family)));
  if (mapping.bridge_calls_nf) suites::add_bridge_netfilter(topology, family, *mapping.bridge_calls_nf);
  if (mapping.bridge_calls_nf == true) {
    // What the first container sends to its own published port is then translated where it enters the bridge, and
    // leaves by the port it came from (br_nf_pre_routing_finish_bridge, net/bridge/br_netfilter_hooks.c).
    SetLink hairpin;
    hairpin.name = bridge::kPairs[0].port;
    hairpin.hairpin = true;
    topology.build.emplace_back(hairpin);
  }
  const CreateNftTable table = table_of(mapping, family, topology.attachments.front().addresses.front());
  topology.build.emplace_back(table);
  topology.tear_down.emplace_back(DeleteNftTable{"", table.family, table.name});
  suites::add_forwarding(topology, family);
  return topology;
}

}  // namespace

Result<Mapping> mapping_of(const Parameters& parameters, Family family) {
  Mapping mapping;
  NETNS_LAB_ASSIGN(mapping.host_port, port(parameters, "HOST_PORT"));
  NETNS_LAB_ASSIGN(mapping.container_port, port(parameters, "CONTAINER_PORT"));
  NETNS_LAB_ASSIGN(mapping.preserves_source, is_first(parameters, "SOURCE", "preserved", "masqueraded"));
  NETNS_LAB_ASSIGN(const std::string bridge_nf, suites::parameter_value(parameters, "BRIDGE_NF"));
  if (!bridge_nf.empty()) {
    NETNS_LAB_ASSIGN(mapping.bridge_calls_nf, is_first(parameters, "BRIDGE_NF", "1", "0"));
  }
  const bridge::Names& names = bridge::names_of(family);
  NETNS_LAB_ASSIGN(mapping.bridge, suites::unicast_address(parameters, names.bridge, family, names.example));
  return mapping;
}

Scenario scenario() {
  Scenario scenario = bridge::scenario();
  scenario.name = "port-mapping";
  scenario.title = "Port mapping: a port of part 2's node that is the first container's";
  const std::vector<Parameter> own = {
      {"HOST_PORT", "8080", "the port of the node, TCP and UDP"},
      {"CONTAINER_PORT", "80", "the port of the first container that it is"},
      {"SOURCE", "preserved",
       "what the container sees of the outside: preserved (its address), or masqueraded (the bridge's)"},
      {"BRIDGE_NF", "",
       "net.bridge.bridge-nf-call-iptables (IPv6: -ip6tables) of the node, 0 or 1; nothing leaves it as it is"},
  };
  scenario.parameters.insert(scenario.parameters.begin(), own.begin(), own.end());
  scenario.requirements = requirements();
  scenario.topology = lay_out;
  scenario.kernel_options = {"CONFIG_BRIDGE", "CONFIG_NF_TABLES", "CONFIG_NFT_NAT", "CONFIG_NFT_MASQ"};
  return scenario;
}

}  // namespace netns_lab::port_mapping
