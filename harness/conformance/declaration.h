// What a scenario declares, read off its topology: the objects that shall be there, and beside which there shall be
// nothing else.
#pragma once

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "harness/model/nft_rules.h"
#include "harness/model/scenario.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

// In all of them "" is the node's own namespace.
struct DeclaredLink {
  std::string network_namespace;
  std::string name;
  std::uint32_t group = 0;
};
struct DeclaredAddress {
  std::string network_namespace;
  std::string link;
  Prefix prefix;
};
struct DeclaredRoute {
  std::string network_namespace;
  Route route;
};
struct DeclaredSysctl {
  std::string network_namespace;
  std::string key;
  std::string value;
};

struct DeclaredForwarding {
  std::string network_namespace;
  std::string link;
  MacAddress mac;
  IpAddress destination;
};
struct DeclaredSocket {
  std::string network_namespace;
  std::uint16_t port = 0;  // UDP
};

struct DeclaredTable {
  std::string network_namespace;
  std::string name;                    // "ip nat"
  std::set<std::string> statements{};  // what its rules and policies do: "masquerade", "dnat", "drop"
  std::vector<PortTranslation> translations{};
  bool translates_all_sources =
      false;  // a rule masquerades whatever protocol and port it is, and none has a port mapped
  std::vector<NftChain> chains{};
};

struct Declaration {
  std::vector<std::string> namespaces;
  std::vector<DeclaredLink> links;
  std::vector<DeclaredAddress> addresses;
  std::vector<DeclaredRoute> routes;
  std::vector<DeclaredSysctl> sysctls;
  std::vector<DeclaredForwarding> forwarding;
  std::vector<DeclaredSocket> sockets;  // a tunnel takes in its packets there
  std::vector<std::string> daemons;
  std::vector<DeclaredTable> nft_tables;

  bool has_namespace(const std::string& name) const;
  const DeclaredLink* find_link(const std::string& network_namespace, const std::string& name) const;
  bool has_link(const std::string& network_namespace, const std::string& name) const;
  bool has_address(const std::string& network_namespace, const std::string& link, const Prefix& prefix) const;
  // Is the destination, in the main table of that namespace, one that the scenario routes? (How it does is judged route
  // by route.)
  bool routes_to(const std::string& network_namespace, const Prefix& destination) const;
  // By name ("ip nat"), whatever it holds. The tables ip and ip6 of a name are also those of the old iptables and
  // ip6tables.
  const DeclaredTable* find_nft_table(const std::string& network_namespace, const std::string& name) const;
  bool has_nft_table(const std::string& network_namespace, const std::string& name) const;
  // What such a table does beyond what it is declared to do, as nft(8) calls it. A translation to one address is as
  // good as masquerade, redirect as good as dnat; a mark does nothing by itself. And which ports it translates ("tcp
  // port 8081 to 172.16.0.2:80") beyond those declared; and on what it
  // depends that has nothing to do with who talks to whom.
  std::vector<std::string> undeclared_statements(const std::string& network_namespace, const PacketFilter& table) const;
};

Declaration declaration_of(const Topology& topology);

// How `seen` differs from the declared route, in words; "" when it is that route. Who added it (the protocol) does not
// matter, nor do link indexes; an IPv6 route's metric is 1024 where none is declared (IP6_RT_PRIO_USER,
// net/ipv6/route.c).
std::string route_difference(const Route& declared, const Route& seen);

// How namespaces are called in messages: "the node", "namespace netns1".
std::string place_text(const std::string& network_namespace);

}  // namespace netns_lab
