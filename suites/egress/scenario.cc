#include "suites/egress/scenario.h"

#include <algorithm>
#include <cctype>
#include <utility>

#include "suites/common/forwarding.h"
#include "suites/common/parameters.h"
#include "suites/egress/requirements.h"

namespace netns_lab::egress {
namespace {

constexpr std::int32_t kSourceNat = 100;  // NF_IP_PRI_NAT_SRC, linux/netfilter_ipv4.h

// As nft(8) takes one without quotes.
bool is_table_name(const std::string& name) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-' || c == '.'; };
  return !name.empty() && name.size() <= 31 && std::isalpha(static_cast<unsigned char>(name.front())) != 0 &&
         std::all_of(name.begin(), name.end(), fits);
}

// What leaves the containers' subnet by another way than the bridge.
NftRule masquerade(const Prefix& subnet) {
  NftRule rule;
  rule.matches = {{subnet.address.is_v4() ? "ip saddr" : "ip6 saddr", subnet.to_string()},
                  {"oifname", bridge::kBridge, true}};
  rule.action = {"masquerade"};
  return rule;
}

Result<Topology> lay_out(const Parameters& parameters, Family family) {
  NETNS_LAB_ASSIGN(Topology topology, bridge::lay_out(parameters, family, bridge::names_of(family)));
  NETNS_LAB_ASSIGN(const TableName table, table_name(parameters, family));
  NETNS_LAB_ASSIGN(const std::string bridge_filter, suites::parameter_value(parameters, "BRIDGE_NF"));
  if (!bridge_filter.empty() && bridge_filter != "0" && bridge_filter != "1") {
    return tl::unexpected(Error::invalid(suites::parameter_text("BRIDGE_NF", bridge_filter),
                                         "it is neither 0 nor 1, nor left out",
                                         "1: bridged packets pass the filters of IP, 0: they do not"));
  }
  NftChain chain;
  chain.name = "POSTROUTING";
  chain.type = "nat";
  chain.hook = "postrouting";
  chain.priority = kSourceNat;
  chain.rules = {masquerade(topology.attachments.front().addresses.front().network())};
  topology.build.emplace_back(CreateNftTable{"", table.family, table.name, {chain}});
  topology.tear_down.emplace_back(DeleteNftTable{"", table.family, table.name});
  if (!bridge_filter.empty()) suites::add_bridge_netfilter(topology, family, bridge_filter == "1");
  suites::add_forwarding(topology, family);
  return topology;
}

}  // namespace

Result<TableName> table_name(const Parameters& parameters, Family family) {
  NETNS_LAB_ASSIGN(const std::string text, suites::parameter_value(parameters, "NFT_TABLE"));
  const std::string own = family == Family::kIpv4 ? "ip" : "ip6";
  TableName table{.family = own, .name = text};
  if (const std::size_t blank = text.find(' '); blank != std::string::npos) {
    table = {.family = text.substr(0, blank), .name = text.substr(blank + 1)};
    // The same parameters are for both families.
    if (table.family == "ip" || table.family == "ip6") table.family = own;
  }
  if ((table.family == own || table.family == "inet") && is_table_name(table.name)) return table;
  return tl::unexpected(Error::invalid(suites::parameter_text("NFT_TABLE", text),
                                       "it is no table's name, nor a family (ip, ip6, inet) and a name",
                                       "give the nft table that masquerades: nat, or \"inet egress\""));
}

Scenario scenario() {
  Scenario scenario = bridge::scenario();
  scenario.name = "egress";
  scenario.title = "Egress: the containers of part 2 reach the outside with their node's address";
  scenario.parameters.push_back(
      {"NFT_TABLE", "nat",
       "the nft table that masquerades: a name (iptables -t nat makes nat), or family and name (\"inet egress\")"});
  scenario.parameters.push_back(
      {"BRIDGE_NF", "",
       "net.bridge.bridge-nf-call-iptables (IPv6: -ip6tables) of the node, 0 or 1; nothing leaves it as it is"});
  scenario.requirements = requirements();
  scenario.topology = lay_out;
  scenario.kernel_options = {"CONFIG_BRIDGE", "CONFIG_NF_TABLES", "CONFIG_NFT_NAT", "CONFIG_NFT_MASQ"};
  return scenario;
}

}  // namespace netns_lab::egress
