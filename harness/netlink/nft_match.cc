#include "harness/netlink/nft_match.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <linux/netfilter/xt_addrtype.h>
#include <linux/netfilter/xt_conntrack.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "harness/base/text.h"

namespace netns_lab::netlink {
namespace {

// Of the host's order, at an offset.
template <typename Number>
Number number_at(Bytes info, std::size_t at) {
  Number number = 0;
  std::memcpy(&number, info.data() + at, sizeof number);
  return number;
}

std::string digits(std::uint8_t number) { return fmt::format("{:02x}", number); }
std::string digits(std::uint16_t number) { return fmt::format("{:04x}", number); }
std::string digits(std::uint32_t number) { return fmt::format("{:08x}", number); }

PacketMatch one(PacketField field, bool negated = false) { return {negated, {{std::move(field)}}}; }

PacketMatch ports(std::uint16_t offset, std::uint16_t first, std::uint16_t last, bool negated) {
  return one({"transport", offset, "", digits(first), digits(last)}, negated);
}

// struct xt_tcp, xt_udp: source ports, destination ports, of TCP then option, mask and value of the flags; what is
// inverted.
std::vector<PacketMatch> transport(bool is_tcp, Bytes info) {
  constexpr std::uint8_t kSource = 1, kDestination = 2, kMost = 4;  // XT_TCP_INV_*
  const std::uint8_t inverted = info[is_tcp ? 11 : 8];
  const std::uint8_t protocol = is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
  std::vector<PacketMatch> all = {
      one({"protocol", 0, "", digits(protocol), digits(protocol)}),
      ports(0, number_at<std::uint16_t>(info, 0), number_at<std::uint16_t>(info, 2), (inverted & kSource) != 0),
      ports(2, number_at<std::uint16_t>(info, 4), number_at<std::uint16_t>(info, 6), (inverted & kDestination) != 0)};
  if (is_tcp && (info[8] != 0 || info[9] != 0 || inverted >= kMost)) all.push_back(unknown_match());
  // All ports is what is said where none is asked for, of packets without ports, too.
  std::erase_if(all, [](const PacketMatch& match) {
    return !match.negated && match.any[0][0].first == "0000" && match.any[0][0].last == "ffff";
  });
  return all;
}

// struct xt_multiport_v1.
std::vector<PacketMatch> several_ports(Bytes info) {
  constexpr std::size_t kMostPorts = 15, kRanges = 2 + 2 * kMostPorts;
  PacketMatch match;
  match.negated = info[kRanges + kMostPorts] != 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(info[1], kMostPorts); ++i) {
    const auto first = number_at<std::uint16_t>(info, 2 + 2 * i);
    auto last = first;
    if (info[kRanges + i] != 0 && i + 1 < kMostPorts) last = number_at<std::uint16_t>(info, 2 + 2 * ++i);
    match.any.push_back({{"transport", 2, "", digits(first), digits(last)}});
  }
  return {match};
}

// struct xt_iprange_mtinfo: the source's least and most, the destination's, each of 16 bytes; flags. Of which family is
// not told: whoever asks knows which bytes are an address of its packet.
std::vector<PacketMatch> range(Bytes info) {
  constexpr std::uint8_t kSource = 1, kDestination = 2, kNoSource = 16, kNoDestination = 32;  // IPRANGE_*
  const std::uint8_t flags = info[64];
  const auto is_zero = [](std::uint8_t byte) { return byte == 0; };
  std::vector<PacketMatch> all;
  const auto add = [&](std::size_t at, bool is_source, bool negated) {
    const bool v4 = std::all_of(info.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                                info.begin() + static_cast<std::ptrdiff_t>(at) + 16, is_zero) &&
                    std::all_of(info.begin() + static_cast<std::ptrdiff_t>(at) + 20,
                                info.begin() + static_cast<std::ptrdiff_t>(at) + 32, is_zero);
    const std::size_t size = v4 ? 4 : 16;
    const unsigned offset = v4 ? (is_source ? 12 : 16) : (is_source ? 8 : 24);
    all.push_back(one({"network", static_cast<std::uint16_t>(offset), "", hexadecimal(info.subspan(at, size)),
                       hexadecimal(info.subspan(at + 16, size))},
                      negated));
  };
  if ((flags & kSource) != 0) add(0, true, (flags & kNoSource) != 0);
  if ((flags & kDestination) != 0) add(32, false, (flags & kNoDestination) != 0);
  return all;
}

// struct xt_addrtype_info_v1: a bit for each RTN_*.
std::vector<PacketMatch> address_types(Bytes info) {
  const auto flags = number_at<std::uint32_t>(info, 4);
  if ((flags & (XT_ADDRTYPE_LIMIT_IFACE_IN | XT_ADDRTYPE_LIMIT_IFACE_OUT)) != 0) return {unknown_match()};
  std::vector<PacketMatch> all;
  const auto add = [&](const char* of, std::uint16_t types, bool negated) {
    if (types == 0) return;
    PacketMatch match;
    match.negated = negated;
    for (std::uint32_t type = 0; type < 16; ++type) {
      if ((types >> type & 1U) != 0) match.any.push_back({{of, 0, "", digits(type), digits(type)}});
    }
    all.push_back(std::move(match));
  };
  add("saddr type", number_at<std::uint16_t>(info, 0), (flags & XT_ADDRTYPE_INVERT_SOURCE) != 0);
  add("daddr type", number_at<std::uint16_t>(info, 2), (flags & XT_ADDRTYPE_INVERT_DEST) != 0);
  return all;
}

PacketMatch bits(const char* of, std::uint32_t mask, bool negated) {
  return one({of, 0, digits(mask), digits(std::uint32_t{0}), digits(std::uint32_t{0})}, !negated);
}

// struct xt_conntrack_mtinfo3 (mtinfo2 is shorter), where only states are asked for. Its bits are not those of
// nf_tables (NF_CT_STATE_BIT): "was translated" is among them.
std::vector<PacketMatch> connection(Bytes info) {
  constexpr std::size_t kFlags = 146;
  const auto asked = number_at<std::uint16_t>(info, kFlags);
  const auto inverted = number_at<std::uint16_t>(info, kFlags + 2);
  const std::uint32_t states = number_at<std::uint16_t>(info, kFlags + 4);
  if ((asked & ~XT_CONNTRACK_STATE_ALIAS) != XT_CONNTRACK_STATE) return {unknown_match()};
  constexpr std::uint32_t kSource = 1U << 6, kDestination = 1U << 7;              // XT_CONNTRACK_STATE_SNAT, _DNAT
  constexpr std::uint32_t kSourceStatus = 1U << 4, kDestinationStatus = 1U << 5;  // IPS_SRC_NAT, IPS_DST_NAT
  const std::uint32_t status =
      ((states & kSource) != 0 ? kSourceStatus : 0) | ((states & kDestination) != 0 ? kDestinationStatus : 0);
  const std::uint32_t plain = states & ~(kSource | kDestination);
  const bool negated = (inverted & XT_CONNTRACK_STATE) != 0;
  if (status != 0 && plain != 0) return {unknown_match()};
  // The bits of the plain states are the same as nf_tables' (invalid 1, established 2, related 4, new 8).
  if (plain > 15) return {unknown_match()};
  return {status != 0 ? bits("ct status", status, negated) : bits("ct state", plain, negated)};
}

}  // namespace

PacketMatch unknown_match() { return one({}); }

std::vector<PacketMatch> matches_of(const std::string& name, Bytes info) {
  if (name == "comment") return {};
  if (name == "tcp" && info.size() >= 12) return transport(true, info);
  if (name == "udp" && info.size() >= 9) return transport(false, info);
  constexpr std::uint8_t kDestination = 1;  // XT_MULTIPORT_DESTINATION
  if (name == "multiport" && info.size() >= 48 && info[0] == kDestination) return several_ports(info);
  if (name == "iprange" && info.size() >= 65) return range(info);
  if (name == "addrtype" && info.size() >= 8 && info.size() < 12) return address_types(info);
  if (name == "conntrack" && info.size() >= 160) return connection(info);
  if (name == "mark" && info.size() >= 9) {  // struct xt_mark_mtinfo1
    const std::string value = digits(number_at<std::uint32_t>(info, 0));
    return {one({"mark", 0, digits(number_at<std::uint32_t>(info, 4)), value, value}, info[8] != 0)};
  }
  return {unknown_match()};
}

std::optional<PacketStep> mark_of(const std::string& target, Bytes info) {
  PacketStep step;
  step.does = "mark";
  if (target == "MARK") {  // struct xt_mark_tginfo2: (mark & ~mask) ^ value
    if (info.size() < 8) return step;
    step.value = digits(number_at<std::uint32_t>(info, 0));
    step.mask = digits(~number_at<std::uint32_t>(info, 4));
    return step;
  }
  constexpr std::uint8_t kRestore = 2;  // XT_CONNMARK_RESTORE, struct xt_connmark_tginfo1
  if (target == "CONNMARK" && (info.size() < 13 || info[12] == kRestore)) return step;
  return std::nullopt;
}

}  // namespace netns_lab::netlink
