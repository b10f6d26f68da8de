#include "harness/model/json.h"
#include "harness/model/json_support.h"

namespace netns_lab {

NETNS_LAB_JSON(CreateNamespace, name);
NETNS_LAB_JSON(DeleteNamespace, name);
NETNS_LAB_JSON(CreateVeth, network_namespace, name, peer_namespace, peer_name, mtu, mac, peer_mac, master, group, up);
NETNS_LAB_JSON(CreateLink, network_namespace, name, kind);
NETNS_LAB_JSON(CreateVxlan, network_namespace, name, vni, port, local, remote, link, learning, mtu, mac);
NETNS_LAB_JSON(CreateTunRelay, network_namespace, name, mtu, local, remote, port);
NETNS_LAB_JSON(DeleteLink, network_namespace, name);
NETNS_LAB_JSON(SetLink, network_namespace, name, up, mtu, mac, master, new_name, move_to, arp, hairpin);
NETNS_LAB_JSON(AddAddress, network_namespace, link, prefix, scope, no_duplicate_detection, valid_lifetime,
               preferred_lifetime);
NETNS_LAB_JSON(DeleteAddress, network_namespace, link, prefix);
NETNS_LAB_JSON(AddRoute, network_namespace, route);
NETNS_LAB_JSON(DeleteRoute, network_namespace, route);
NETNS_LAB_JSON(AddRule, network_namespace, rule);
NETNS_LAB_JSON(DeleteRule, network_namespace, rule);
NETNS_LAB_JSON(AddNeighbour, network_namespace, link, address, mac);
NETNS_LAB_JSON(DeleteNeighbour, network_namespace, link, address);
NETNS_LAB_JSON(AddForwarding, network_namespace, link, mac, destination);
NETNS_LAB_JSON(SetSysctl, network_namespace, key, value);
NETNS_LAB_JSON(NftMatch, what, value, negated);
NETNS_LAB_JSON(NftAction, verb, address, port);
NETNS_LAB_JSON(NftRule, matches, action);
NETNS_LAB_JSON(NftChain, name, type, hook, priority, drops, rules);
NETNS_LAB_JSON(CreateNftTable, network_namespace, family, name, chains);
NETNS_LAB_JSON(DeleteNftTable, network_namespace, family, name);

NETNS_LAB_JSON_VARIANT(Change, "change", "create-namespace", "delete-namespace", "create-veth", "create-link",
                       "create-vxlan", "create-tun-relay", "delete-link", "set-link", "add-address", "delete-address",
                       "add-route", "delete-route", "add-rule", "delete-rule", "add-neighbour", "delete-neighbour",
                       "add-forwarding", "set-sysctl", "create-nft-table", "delete-nft-table");

}  // namespace netns_lab
