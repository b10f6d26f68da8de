// The rules of a table as a packet meets them: jumps, sets and maps resolved, so that whoever reads them needs neither
// the kernel's structures nor the table. Of a rule that asks for something that is not told here it is not known
// whether it takes a packet.
//
//   ip daddr 198.51.100.0/24 accept; ip saddr 172.16.0.0/24 masquerade   ->   hook "postrouting", two steps:
//   {{{"network", 16, "", "c63364", "c63364"}}} "pass",   {{{"network", 12, "", "ac1000", "ac1000"}}} "source"
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace netns_lab {

// Bytes of a packet, or of what the kernel knows of it, from `offset` on: between `first` and `last`, compared from the
// left. All are hexadecimal digits, of numbers in network order.
struct PacketField {
  // "network" and "transport" (its headers), "ethertype", "family" (NFPROTO_*), "protocol", "iifname", "oifname"
  // (padded with zeros), "iif", "oif", "mark", "ct state", "ct status", "ct direction" and, of addresses, "saddr type",
  // "daddr type" (RTN_*); "" something else.
  std::string of;
  std::uint16_t offset = 0;
  std::string mask;  // applied before; "" none
  std::string first;
  std::string last;
  bool operator==(const PacketField&) const = default;
};

// One of `any` holds, with all its fields; or, negated, none does.
struct PacketMatch {
  bool negated = false;
  std::vector<std::vector<PacketField>> any;
  bool operator==(const PacketMatch&) const = default;
};

struct PacketStep {
  std::vector<PacketMatch> asks;  // all of them
  // "source" (to the address of `value`; "": the node's own, by masquerade, or not known), "destination" (translated),
  // "pass" (accepted, dropped: no rule of this chain comes after), "mark" (it is now (mark & mask) ^ value; not known
  // where `value` is ""), "skip" so many steps, "unless" (skip where it does not hold), "unknown" (more rules than are
  // told).
  std::string does;
  std::uint32_t skip = 0;
  std::string mask;
  std::string value;
  bool operator==(const PacketStep&) const = default;
};

// What begins at a hook.
struct PacketChain {
  std::string hook;  // "prerouting", "input", "forward", "output", "postrouting"
  std::int32_t priority = 0;
  std::vector<PacketStep> steps;
  bool operator==(const PacketChain&) const = default;
};

}  // namespace netns_lab
