#include "harness/model/change.h"

#include <fmt/format.h>

#include <ostream>
#include <sstream>

namespace netns_lab {
namespace {

std::string in(const std::string& network_namespace) {
  return network_namespace.empty() ? std::string() : " in " + network_namespace;
}

template <typename T>
std::string printed(const T& value) {
  std::ostringstream out;
  out << value;
  return out.str();
}

std::string text(const CreateNamespace& change) { return "create namespace " + change.name; }
std::string text(const DeleteNamespace& change) { return "delete namespace " + change.name; }

std::string text(const CreateVeth& change) {
  std::string line = fmt::format("create veth {}{} with peer {}{}", change.name, in(change.network_namespace),
                                 change.peer_name, in(change.peer_namespace));
  if (change.mtu) line += fmt::format(" mtu {}", *change.mtu);
  if (change.mac) line += " mac " + change.mac->to_string();
  if (change.peer_mac) line += " peer mac " + change.peer_mac->to_string();
  if (change.master) line += " master " + *change.master;
  if (change.group != 0) line += fmt::format(" group {}", change.group);
  return line + (change.up ? " up" : "");
}

std::string text(const CreateLink& change) {
  return fmt::format("create {} {}{}", change.kind, change.name, in(change.network_namespace));
}
std::string text(const CreateVxlan& change) {
  std::string line = fmt::format("create vxlan {}{} id {} port {} local {}", change.name, in(change.network_namespace),
                                 change.vni, change.port, change.local.to_string());
  if (change.remote) line += " remote " + change.remote->to_string();
  if (!change.link.empty()) line += " dev " + change.link;
  if (!change.learning) line += " nolearning";
  if (change.mtu) line += fmt::format(" mtu {}", *change.mtu);
  if (change.mac) line += " mac " + change.mac->to_string();
  return line;
}
std::string text(const CreateTunRelay& change) {
  return fmt::format("create tun {}{} mtu {} relayed from {} to {}, port {}", change.name, in(change.network_namespace),
                     change.mtu, change.local.to_string(), change.remote.to_string(), change.port);
}
std::string text(const DeleteLink& change) {
  return fmt::format("delete link {}{}", change.name, in(change.network_namespace));
}

std::string text(const SetLink& change) {
  std::string line = fmt::format("set link {}{}", change.name, in(change.network_namespace));
  if (change.up) line += *change.up ? " up" : " down";
  if (change.mtu) line += fmt::format(" mtu {}", *change.mtu);
  if (change.mac) line += " mac " + change.mac->to_string();
  if (change.arp) line += *change.arp ? " arp on" : " arp off";
  if (change.hairpin) line += *change.hairpin ? " hairpin on" : " hairpin off";
  if (change.master) line += change.master->empty() ? std::string(" nomaster") : " master " + *change.master;
  if (change.new_name) line += " name " + *change.new_name;
  if (change.move_to) line += " netns " + (change.move_to->empty() ? std::string("of the node") : *change.move_to);
  return line;
}

std::string text(const AddAddress& change) {
  std::string line =
      fmt::format("add address {} to {}{}", change.prefix.to_string(), change.link, in(change.network_namespace));
  if (change.scope) line += " scope " + to_string(*change.scope);
  if (change.valid_lifetime) line += fmt::format(" valid {}s", *change.valid_lifetime);
  if (change.preferred_lifetime) line += fmt::format(" preferred {}s", *change.preferred_lifetime);
  return line;
}
std::string text(const DeleteAddress& change) {
  return fmt::format("delete address {} from {}{}", change.prefix.to_string(), change.link,
                     in(change.network_namespace));
}
std::string text(const AddRoute& change) { return "add route " + printed(change.route) + in(change.network_namespace); }
std::string text(const DeleteRoute& change) {
  return "delete route " + printed(change.route) + in(change.network_namespace);
}
std::string text(const AddRule& change) { return "add " + printed(change.rule) + in(change.network_namespace); }
std::string text(const DeleteRule& change) { return "delete " + printed(change.rule) + in(change.network_namespace); }
std::string text(const AddNeighbour& change) {
  return fmt::format("add neighbour {} at {} on {}{}", change.address.to_string(), change.mac.to_string(), change.link,
                     in(change.network_namespace));
}
std::string text(const DeleteNeighbour& change) {
  return fmt::format("delete neighbour {} from {}{}", change.address.to_string(), change.link,
                     in(change.network_namespace));
}
std::string text(const AddForwarding& change) {
  return fmt::format("add forwarding entry {} to {} on {}{}", change.mac.to_string(), change.destination.to_string(),
                     change.link, in(change.network_namespace));
}
std::string text(const SetSysctl& change) {
  return fmt::format("set sysctl {} to {}{}", change.key, change.value, in(change.network_namespace));
}
std::string text(const CreateNftTable& change) {
  std::string line =
      fmt::format("create nft table {}{} {{", nft_table_text(change.family, change.name), in(change.network_namespace));
  for (const NftChain& chain : change.chains) line += " " + to_string(chain);
  return line + " }";
}
std::string text(const DeleteNftTable& change) {
  return fmt::format("delete nft table {}{}", nft_table_text(change.family, change.name), in(change.network_namespace));
}

}  // namespace

std::string to_string(const Change& change) {
  return std::visit([](const auto& one) { return text(one); }, change);
}

std::ostream& operator<<(std::ostream& out, const Change& change) { return out << to_string(change); }

}  // namespace netns_lab
