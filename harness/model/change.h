// One thing to do to a node's networks. A list of them is what the `native` target and the tests' own arrangements ask
// of an agent; the agent does them in order, in as few netlink messages as it can, and the first that fails names
// itself. In every change `network_namespace` is the name of a named namespace; "" is the node's own.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "harness/model/address.h"
#include "harness/model/nft_rules.h"
#include "harness/model/route.h"

namespace netns_lab {

struct CreateNamespace {
  std::string name;
  bool operator==(const CreateNamespace&) const = default;
};
struct DeleteNamespace {
  std::string name;
  bool operator==(const DeleteNamespace&) const = default;
};
struct CreateVeth {  // both ends in one message
  std::string network_namespace;
  std::string name;
  std::string peer_namespace;
  std::string peer_name;
  std::optional<std::uint32_t> mtu;  // both ends
  std::optional<MacAddress> mac;
  std::optional<MacAddress> peer_mac;
  std::optional<std::string> master;  // the near end's bridge: far cheaper here than by a SetLink afterwards
  std::uint32_t group = 0;
  bool up = false;  // raise the near end in the same message (the far end needs SetLink in its own namespace)
  bool operator==(const CreateVeth&) const = default;
};
struct CreateLink {  // any other kind without parameters: bridge, dummy, ifb
  std::string network_namespace;
  std::string name;
  std::string kind;
  bool operator==(const CreateLink&) const = default;
};
struct CreateVxlan {  // a tunnel of Ethernet frames in UDP (RFC 7348)
  std::string network_namespace;
  std::string name;
  std::uint32_t vni = 0;  // 24 bits
  std::uint16_t port = 4789;
  IpAddress local;
  std::optional<IpAddress> remote;  // the only other end; none: AddForwarding tells
  std::string link;                 // the uplink; "": the routes tell
  bool learning = true;             // of the senders' MAC addresses
  std::optional<std::uint32_t> mtu;
  std::optional<MacAddress> mac;
  bool operator==(const CreateVxlan&) const = default;
};
// A TUN link whose packets go to the other end as UDP, and come from there: one datagram a packet, nothing before it.
// The relay is the agent's; it ends, and the link goes, with DeleteLink, or with whoever asked for it.
struct CreateTunRelay {
  std::string network_namespace;
  std::string name;
  std::uint32_t mtu = 0;
  IpAddress local;
  IpAddress remote;
  std::uint16_t port = 9000;  // of both ends
  bool operator==(const CreateTunRelay&) const = default;
};
struct DeleteLink {
  std::string network_namespace;
  std::string name;
  bool operator==(const DeleteLink&) const = default;
};
struct SetLink {  // what is not set stays as it is
  std::string network_namespace;
  std::string name;
  std::optional<bool> up;
  std::optional<std::uint32_t> mtu;
  std::optional<MacAddress> mac;
  std::optional<std::string> master;  // "" releases it
  std::optional<std::string> new_name;
  std::optional<std::string> move_to;  // another namespace
  std::optional<bool> arp;             // false sets IFF_NOARP
  std::optional<bool> hairpin;         // a bridge's port sends packets back where they came from
  bool operator==(const SetLink&) const = default;
};
struct AddAddress {
  std::string network_namespace;
  std::string link;
  Prefix prefix;
  std::optional<Scope> scope;
  bool no_duplicate_detection = true;           // IFA_F_NODAD, IPv6 only: without it the address is tentative for 2 s
  std::optional<std::uint32_t> valid_lifetime;  // seconds
  std::optional<std::uint32_t> preferred_lifetime;  // seconds
  bool operator==(const AddAddress&) const = default;
};
struct DeleteAddress {
  std::string network_namespace;
  std::string link;
  Prefix prefix;
  bool operator==(const DeleteAddress&) const = default;
};
struct AddRoute {  // the hops' link names are looked up in the namespace; their indexes are ignored
  std::string network_namespace;
  Route route;
  bool operator==(const AddRoute&) const = default;
};
struct DeleteRoute {
  std::string network_namespace;
  Route route;
  bool operator==(const DeleteRoute&) const = default;
};
struct AddRule {
  std::string network_namespace;
  RoutingRule rule;
  bool operator==(const AddRule&) const = default;
};
struct DeleteRule {
  std::string network_namespace;
  RoutingRule rule;
  bool operator==(const DeleteRule&) const = default;
};
struct AddNeighbour {  // permanent
  std::string network_namespace;
  std::string link;
  IpAddress address;
  MacAddress mac;
  bool operator==(const AddNeighbour&) const = default;
};
struct DeleteNeighbour {
  std::string network_namespace;
  std::string link;
  IpAddress address;
  bool operator==(const DeleteNeighbour&) const = default;
};
struct AddForwarding {  // of a VXLAN link: frames for `mac` (zeros: those of no other entry) go to that tunnel end
  std::string network_namespace;
  std::string link;
  MacAddress mac;
  IpAddress destination;
  bool operator==(const AddForwarding&) const = default;
};
struct SetSysctl {
  std::string network_namespace;
  std::string key;  // "net.ipv4.ip_forward"; a '/' stands for a dot inside a name, as sysctl(8) has it
  std::string value;
  bool operator==(const SetSysctl&) const = default;
};
struct CreateNftTable {  // that is not there yet, all of it or nothing; by the program nft
  std::string network_namespace;
  std::string family;  // "ip", "ip6", "inet"
  std::string name;
  std::vector<NftChain> chains;
  bool operator==(const CreateNftTable&) const = default;
};
struct DeleteNftTable {  // with everything in it
  std::string network_namespace;
  std::string family;
  std::string name;
  bool operator==(const DeleteNftTable&) const = default;
};

using Change = std::variant<CreateNamespace, DeleteNamespace, CreateVeth, CreateLink, CreateVxlan, CreateTunRelay,
                            DeleteLink, SetLink, AddAddress, DeleteAddress, AddRoute, DeleteRoute, AddRule, DeleteRule,
                            AddNeighbour, DeleteNeighbour, AddForwarding, SetSysctl, CreateNftTable, DeleteNftTable>;

std::string to_string(const Change& change);  // "add address 10.200.1.1/32 to veth2 in netns1"
std::ostream& operator<<(std::ostream& out, const Change& change);

}  // namespace netns_lab
