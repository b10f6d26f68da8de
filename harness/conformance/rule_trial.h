// What the rules of a table would do to one packet, without sending it: for what they could not all be tried with.
//
//   TrialPacket packet{.source = container, .destination = far, .known = {{"oifname", name_bytes("eth0")}}};
//   const Trial trial = try_packet(table.chains, packet, {"prerouting", "postrouting"});
//   if (!trial.may_give_source) …  // whatever is not known of it, it keeps its source
//
// A rule that asks for something of which the packet says nothing may take it, and may not.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "harness/model/address.h"
#include "harness/model/packet_rules.h"

namespace netns_lab {

struct TrialPacket {
  IpAddress source;
  IpAddress destination;  // of the same family
  std::optional<std::uint8_t> protocol{};
  std::optional<std::uint16_t> destination_port{};
  std::map<std::string, std::string> known{};  // PacketField::of -> its bytes
};
std::string name_bytes(const std::string& link);  // of "iifname", "oifname"
std::string number_bytes(std::uint32_t number);   // of "iif", "mark", "ct state", "daddr type", …

struct Trial {
  bool may_give_source = false;
  bool may_keep_source = false;
  bool may_give_destination = false;
  // And a rule on the way there asks for just such a source, or destination.
  bool by_source = false;
  bool by_destination = false;
  std::vector<IpAddress> sources{};  // that it may be given by name; not by masquerade
  bool is_cut = false;               // there are more rules than are told
};
Trial try_packet(const std::vector<PacketChain>& chains, const TrialPacket& packet,
                 const std::vector<std::string>& hooks);

// The addresses at the ends of what the rules ask for as a source (destination), and, with `neighbours`, those next to
// them: what is true of them and of one that no rule names is true of all.
enum class AddressEnd { kSource, kDestination };
struct NamedAddresses {
  std::vector<IpAddress> addresses;
  bool is_cut = false;  // some 1,000 are told, and the rules ask for more
};
NamedAddresses addresses_named(const std::vector<PacketChain>& chains, Family family, AddressEnd end, bool neighbours);

}  // namespace netns_lab
