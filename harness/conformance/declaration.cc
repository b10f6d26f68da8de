#include "harness/conformance/declaration.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <iterator>
#include <string_view>
#include <type_traits>

namespace netns_lab {
namespace {

constexpr std::uint32_t kIpv6DefaultMetric = 1024;  // IP6_RT_PRIO_USER

// The ports that a declared rule translates. A rule that matches none translates all.
PortTranslation translation_of(const NftRule& rule) {
  PortTranslation translation;
  if (rule.action.address) translation.address = rule.action.address->to_string();
  translation.port = rule.action.port;
  for (const NftMatch& match : rule.matches) {
    const bool is_tcp = match.what == "tcp dport";
    std::uint16_t port = 0;
    const auto* const end = match.value.data() + match.value.size();
    if ((!is_tcp && match.what != "udp dport") || match.negated ||
        std::from_chars(match.value.data(), end, port).ptr != end)
      continue;
    translation.protocol = is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
    translation.first_port = translation.last_port = port;
  }
  return translation;
}

// A redirection is to the node itself, whatever address the declaration has for it. A port that is kept may be said.
bool is_same_translation(const PortTranslation& declared, const PortTranslation& seen) {
  const auto port_of = [](const PortTranslation& translation) {
    return translation.port ? *translation.port : translation.first_port;
  };
  return seen.protocol == declared.protocol && seen.first_port == declared.first_port &&
         seen.last_port == declared.last_port && (seen.address.empty() || seen.address == declared.address) &&
         port_of(seen) == port_of(declared);
}

struct Collector {
  Declaration declaration;

  void operator()(const CreateNamespace& change) { declaration.namespaces.push_back(change.name); }
  void operator()(const CreateVeth& change) {
    declaration.links.push_back({change.network_namespace, change.name, change.group});
    declaration.links.push_back({change.peer_namespace, change.peer_name, 0});
  }
  void operator()(const CreateLink& change) { declaration.links.push_back({change.network_namespace, change.name, 0}); }
  void operator()(const CreateVxlan& change) {
    declaration.links.push_back({change.network_namespace, change.name, 0});
    declaration.sockets.push_back({change.network_namespace, change.port});
    // What the kernel makes of it (__vxlan_dev_create, drivers/net/vxlan/vxlan_core.c).
    if (change.remote)
      declaration.forwarding.push_back({change.network_namespace, change.name, MacAddress(), *change.remote});
  }
  void operator()(const CreateTunRelay& change) {
    declaration.links.push_back({change.network_namespace, change.name, 0});
    declaration.sockets.push_back({change.network_namespace, change.port});
  }
  void operator()(const AddForwarding& change) {
    declaration.forwarding.push_back({change.network_namespace, change.link, change.mac, change.destination});
  }
  void operator()(const AddAddress& change) {
    declaration.addresses.push_back({change.network_namespace, change.link, change.prefix});
  }
  void operator()(const AddRoute& change) { declaration.routes.push_back({change.network_namespace, change.route}); }
  void operator()(const SetSysctl& change) {
    declaration.sysctls.push_back({change.network_namespace, change.key, change.value});
  }
  void operator()(const CreateNftTable& change) {
    DeclaredTable table{change.network_namespace, nft_table_text(change.family, change.name), {}};
    for (const NftChain& chain : change.chains) {
      if (chain.drops) table.statements.insert("drop");
      for (const NftRule& rule : chain.rules) {
        table.statements.insert(rule.action.verb);
        if (rule.action.verb == "dnat") table.translations.push_back(translation_of(rule));
      }
    }
    table.chains = change.chains;
    table.translates_all_sources = table.statements.contains("masquerade") && table.translations.empty();
    declaration.nft_tables.push_back(std::move(table));
  }
  template <typename Other>
  void operator()(const Other&) {}
};

std::string hop_text(const Route& route) {
  if (route.hops.empty()) return "no way out";
  std::string text;
  for (const auto& hop : route.hops) {
    if (!text.empty()) text += " and ";
    if (hop.gateway) text += "via " + hop.gateway->to_string() + " ";
    text += "dev " + hop.link;
  }
  return text;
}

const DeclaredTable* find_table(const std::vector<DeclaredTable>& tables, const std::string& network_namespace,
                                const std::string& table) {
  constexpr std::string_view kOld = "iptables (legacy) ";
  constexpr std::string_view kOld6 = "ip6tables (legacy) ";
  std::string name = table;
  if (name.rfind(kOld, 0) == 0) name = "ip " + name.substr(kOld.size());
  if (name.rfind(kOld6, 0) == 0) name = "ip6 " + name.substr(kOld6.size());
  const auto found = std::find_if(tables.begin(), tables.end(), [&](const DeclaredTable& one) {
    return one.network_namespace == network_namespace && one.name == name;
  });
  return found == tables.end() ? nullptr : &*found;
}

}  // namespace

bool Declaration::has_namespace(const std::string& name) const {
  return std::find(namespaces.begin(), namespaces.end(), name) != namespaces.end();
}

const DeclaredLink* Declaration::find_link(const std::string& network_namespace, const std::string& name) const {
  const auto found = std::find_if(links.begin(), links.end(), [&](const DeclaredLink& link) {
    return link.network_namespace == network_namespace && link.name == name;
  });
  return found == links.end() ? nullptr : &*found;
}

bool Declaration::has_link(const std::string& network_namespace, const std::string& name) const {
  return find_link(network_namespace, name) != nullptr;
}

bool Declaration::has_address(const std::string& network_namespace, const std::string& link,
                              const Prefix& prefix) const {
  return std::any_of(addresses.begin(), addresses.end(), [&](const DeclaredAddress& address) {
    return address.network_namespace == network_namespace && address.link == link && address.prefix == prefix;
  });
}

bool Declaration::routes_to(const std::string& network_namespace, const Prefix& destination) const {
  return std::any_of(routes.begin(), routes.end(), [&](const DeclaredRoute& route) {
    return route.network_namespace == network_namespace && route.route.destination == destination;
  });
}

const DeclaredTable* Declaration::find_nft_table(const std::string& network_namespace, const std::string& table) const {
  return find_table(nft_tables, network_namespace, table);
}

bool Declaration::has_nft_table(const std::string& network_namespace, const std::string& table) const {
  return find_nft_table(network_namespace, table) != nullptr;
}

std::vector<std::string> Declaration::undeclared_statements(const std::string& network_namespace,
                                                            const PacketFilter& table) const {
  const DeclaredTable* const declared = find_table(nft_tables, network_namespace, table.name);
  if (declared == nullptr) return {};
  std::set<std::string> known = declared->statements;
  known.insert("mark");
  if (known.contains("masquerade")) known.insert("snat");
  if (known.contains("dnat")) known.insert("redirect");
  std::vector<std::string> undeclared;
  std::set_difference(table.statements.begin(), table.statements.end(), known.begin(), known.end(),
                      std::back_inserter(undeclared));
  for (std::string& statement : undeclared) {
    if (const auto place = table.where.find(statement); place != table.where.end())
      statement += fmt::format(" ({})", place->second);
  }
  for (const std::string& condition : table.conditions) undeclared.push_back("a translation by " + condition);
  if (declared->translates_all_sources) {
    for (const std::string& how : table.parted) undeclared.push_back("a translation of some packets only: " + how);
  }
  if (!known.contains("dnat")) return undeclared;
  for (const PortTranslation& seen : table.translations) {
    const bool is_declared = std::any_of(declared->translations.begin(), declared->translations.end(),
                                         [&](const PortTranslation& one) { return is_same_translation(one, seen); });
    if (!is_declared) undeclared.push_back("dnat of " + to_string(seen));
  }
  return undeclared;
}

Declaration declaration_of(const Topology& topology) {
  Collector collector;
  for (const Change& change : topology.build) std::visit(collector, change);
  collector.declaration.daemons = topology.daemons;
  return std::move(collector.declaration);
}

std::string route_difference(const Route& declared, const Route& seen) {
  if (seen.type != declared.type)
    return fmt::format("its type is {}, not {}", to_string(seen.type), to_string(declared.type));
  if (seen.table != declared.table) return fmt::format("it is in table {}, not {}", seen.table, declared.table);
  const bool same_hops =
      seen.hops.size() == declared.hops.size() &&
      std::equal(seen.hops.begin(), seen.hops.end(), declared.hops.begin(),
                 [](const NextHop& a, const NextHop& b) { return a.link == b.link && a.gateway == b.gateway; });
  if (!same_hops) return fmt::format("it goes {}, not {}", hop_text(seen), hop_text(declared));
  const bool v4 = declared.destination.address.is_v4();
  const std::uint32_t metric = !v4 && declared.metric == 0 ? kIpv6DefaultMetric : declared.metric;
  if (seen.metric != metric) return fmt::format("its metric is {}, not {}", seen.metric, metric);
  // By an address of the namespace itself a route of scope link goes the same way (fib_check_nh,
  // net/ipv4/fib_semantics.c, takes no other gateway for it), and net-tools can make no other.
  const bool by_itself = seen.scope == Scope::kLink && seen.hops.size() == 1 && seen.hops.front().gateway;
  if (v4 && seen.scope != declared.scope && !by_itself) {
    return fmt::format("its scope is {}, not {}", to_string(seen.scope), to_string(declared.scope));
  }
  if (seen.tos != declared.tos) return fmt::format("it is for TOS {} only", seen.tos);
  if (seen.preferred_source != declared.preferred_source) {
    return fmt::format("it sets the source address to {}",
                       seen.preferred_source ? seen.preferred_source->to_string() : "none");
  }
  if (seen.mtu != declared.mtu) return fmt::format("it limits packets to {} bytes", seen.mtu.value_or(0));
  for (const auto& [name, value] : seen.other_metrics) {
    const auto wanted = declared.other_metrics.find(name);
    if (wanted == declared.other_metrics.end() || wanted->second != value) {
      return fmt::format("it sets {} to {}, which was not asked for", name, value);
    }
  }
  if (seen.source != declared.source) return "it is for certain source addresses only";
  return "";
}

std::string place_text(const std::string& network_namespace) {
  return network_namespace.empty() ? "the node" : "namespace " + network_namespace;
}

}  // namespace netns_lab
