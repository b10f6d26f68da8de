#include "harness/netlink/nft_translation.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nf_tables_compat.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <set>
#include <utility>

#include "harness/netlink/nft_attributes.h"
#include "harness/netlink/nft_elements.h"

namespace netns_lab::netlink {
namespace {

constexpr unsigned kDeepest = 16;  // NFT_JUMP_STACK_SIZE
constexpr std::size_t kMostWays = 10'000;
constexpr std::size_t kSlots = 20;  // registers of 32 bits
constexpr auto kSomewhere = "somewhere";

using Octets = std::vector<std::uint8_t>;

// Which packets, as far as it is known.
struct Packets {
  std::uint8_t protocol = 0;
  std::uint16_t first = 0;
  std::uint16_t last = 65'535;
};
// Nothing where no packet is of both.
std::optional<Packets> both(const Packets& a, const Packets& b) {
  if (a.protocol != 0 && b.protocol != 0 && a.protocol != b.protocol) return std::nullopt;
  const Packets common{a.protocol != 0 ? a.protocol : b.protocol, std::max(a.first, b.first), std::min(a.last, b.last)};
  if (common.first > common.last) return std::nullopt;
  return common;
}

// One of several ways through a rule: which packets take it, and what the registers hold then.
struct Slot {
  enum class Kind { kUnknown, kProtocol, kPort, kBytes };
  Kind kind = Kind::kUnknown;
  std::array<std::uint8_t, 4> bytes{};
};
struct Way {
  Packets packets;
  std::array<Slot, kSlots> slots{};
};

std::size_t slot_of(std::uint32_t reg) {
  if (reg >= NFT_REG_1 && reg <= NFT_REG_4) return (reg - NFT_REG_1) * 4;
  return reg >= NFT_REG32_00 && reg <= NFT_REG32_15 ? reg - NFT_REG32_00 : kSlots;
}

void put(Way& way, std::size_t slot, const Octets& bytes) {
  for (std::size_t at = 0; at < bytes.size() && slot < kSlots; at += 4, ++slot) {
    way.slots[slot] = {Slot::Kind::kBytes, {}};
    std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(at), std::min<std::size_t>(4, bytes.size() - at),
                way.slots[slot].bytes.begin());
  }
}
void forget(Way& way, std::size_t slot) {
  for (std::size_t i = 0; i < 4 && slot + i < kSlots; ++i) way.slots[slot + i] = Slot();
}

std::uint16_t big_endian(const std::uint8_t* bytes) { return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]); }

// Which packets have an element's key in the registers from `slot` on.
Packets packets_of(const NftKey& element, const Way& way, std::size_t slot) {
  Packets packets;
  for (std::size_t at = 0; at < element.key.size() && slot < kSlots; at += 4, ++slot) {
    const Octets& end = element.key_end ? *element.key_end : element.key;
    if (way.slots[slot].kind == Slot::Kind::kProtocol && element.key[at] == (at < end.size() ? end[at] : 0))
      packets.protocol = element.key[at];
    if (way.slots[slot].kind == Slot::Kind::kPort && at + 1 < element.key.size() && at + 1 < end.size()) {
      packets.first = big_endian(&element.key[at]);
      packets.last = big_endian(&end[at]);
    }
  }
  return packets;
}

class Walk {
 public:
  explicit Walk(const NftProgram& program) : program_(program) {}

  std::vector<PortTranslation> all() {
    for (const std::string& chain : program_.base_chains) follow(chain, Packets(), 0);
    return {found_.begin(), found_.end()};
  }

 private:
  void follow(const std::string& chain, Packets packets, unsigned depth) {
    const auto rules = program_.rules.find(chain);
    if (rules == program_.rules.end() || depth >= kDeepest) return;
    if (++ways_ > kMostWays) packets = Packets();  // told as all ports
    if (ways_ > 2 * kMostWays) return;
    for (const auto& rule : rules->second) {
      Way way;
      way.packets = packets;
      std::vector<Way> ways = {way};
      for (const NftExpression& expression : rule) {
        ways = after(expression, std::move(ways), depth);
        if (ways.empty()) break;
      }
    }
  }

  // The ways that go on behind an expression.
  std::vector<Way> after(const NftExpression& expression, std::vector<Way> ways, unsigned depth) {
    const auto attributes = attributes_of(expression.data);
    std::vector<Way> on;
    for (Way& way : ways) take(expression.name, attributes, std::move(way), depth, on);
    return on;
  }

  using Attributes = NftAttributes;

  static void narrow(Way way, const Packets& packets, std::vector<Way>& on) {
    const auto common = both(way.packets, packets);
    if (!common) return;
    way.packets = *common;
    on.push_back(std::move(way));
  }

  void take(const std::string& name, const Attributes& attributes, Way way, unsigned depth, std::vector<Way>& on) {
    if (name == "meta") return load_meta(attributes, std::move(way), on);
    if (name == "payload") return load_payload(attributes, std::move(way), on);
    if (name == "cmp") return compare(attributes, std::move(way), on);
    if (name == "range") return in_range(attributes, std::move(way), on);
    if (name == "lookup") return look_up(attributes, way, depth, on);
    if (name == "immediate") return immediate(attributes, std::move(way), depth, on);
    if (name == "match") return match(attributes, std::move(way), on);
    if (name == "target") translate_by_target(attributes, way);
    if (name == "nat") translate(attributes, way);
    if (name == "redir") redirect(attributes, way);
    // Whatever else loads a register (all call it the same number but for a few, which are not loaded for a nat).
    if (name == "ct" || name == "fib" || name == "hash" || name == "numgen" || name == "exthdr" || name == "rt" ||
        name == "socket" || name == "osf")
      forget(way, slot_of(number(attributes, 1, 0)));
    if (name == "bitwise" || name == "byteorder") forget(way, slot_of(number(attributes, 2, 0)));
    on.push_back(std::move(way));
  }

  static void load_meta(const Attributes& attributes, Way way, std::vector<Way>& on) {
    const std::size_t slot = slot_of(number(attributes, NFTA_META_DREG));
    if (attributes.count(NFTA_META_DREG) != 0) forget(way, slot);
    if (slot < kSlots && number(attributes, NFTA_META_KEY) == NFT_META_L4PROTO)
      way.slots[slot].kind = Slot::Kind::kProtocol;
    on.push_back(std::move(way));
  }

  static void load_payload(const Attributes& attributes, Way way, std::vector<Way>& on) {
    const std::size_t slot = slot_of(number(attributes, NFTA_PAYLOAD_DREG));
    if (attributes.count(NFTA_PAYLOAD_DREG) != 0) forget(way, slot);
    const std::uint32_t base = number(attributes, NFTA_PAYLOAD_BASE);
    const std::uint32_t offset = number(attributes, NFTA_PAYLOAD_OFFSET);
    const std::uint32_t length = number(attributes, NFTA_PAYLOAD_LEN);
    if (slot < kSlots && base == NFT_PAYLOAD_TRANSPORT_HEADER && offset == 2 && length == 2)
      way.slots[slot].kind = Slot::Kind::kPort;
    // The protocol of IPv4, and of IPv6 without extension headers.
    if (slot < kSlots && base == NFT_PAYLOAD_NETWORK_HEADER && (offset == 9 || offset == 6) && length == 1)
      way.slots[slot].kind = Slot::Kind::kProtocol;
    on.push_back(std::move(way));
  }

  static void compare(const Attributes& attributes, Way way, std::vector<Way>& on) {
    const std::size_t slot = slot_of(number(attributes, NFTA_CMP_SREG));
    const Octets with = value(attributes, NFTA_CMP_DATA);
    Packets packets;
    if (slot < kSlots && way.slots[slot].kind == Slot::Kind::kProtocol && !with.empty() &&
        number(attributes, NFTA_CMP_OP) == NFT_CMP_EQ)
      packets.protocol = with[0];
    if (slot < kSlots && way.slots[slot].kind == Slot::Kind::kPort && with.size() >= 2) {
      const std::uint16_t port = big_endian(with.data());
      switch (number(attributes, NFTA_CMP_OP)) {
        case NFT_CMP_EQ:
          packets.first = packets.last = port;
          break;
        case NFT_CMP_LT:
          if (port == 0) return;
          packets.last = static_cast<std::uint16_t>(port - 1);
          break;
        case NFT_CMP_LTE:
          packets.last = port;
          break;
        case NFT_CMP_GT:
          if (port == 65'535) return;
          packets.first = static_cast<std::uint16_t>(port + 1);
          break;
        case NFT_CMP_GTE:
          packets.first = port;
          break;
        default:
          break;
      }
    }
    narrow(std::move(way), packets, on);
  }

  static void in_range(const Attributes& attributes, Way way, std::vector<Way>& on) {
    const std::size_t slot = slot_of(number(attributes, NFTA_RANGE_SREG));
    const Octets from = value(attributes, NFTA_RANGE_FROM_DATA);
    const Octets to = value(attributes, NFTA_RANGE_TO_DATA);
    Packets packets;
    if (slot < kSlots && way.slots[slot].kind == Slot::Kind::kPort && from.size() >= 2 && to.size() >= 2 &&
        number(attributes, NFTA_RANGE_OP) == NFT_RANGE_EQ)
      packets = {0, big_endian(from.data()), big_endian(to.data())};
    narrow(std::move(way), packets, on);
  }

  void look_up(const Attributes& attributes, const Way& way, unsigned depth, std::vector<Way>& on) {
    const auto set = program_.sets.find(text(attributes, NFTA_LOOKUP_SET));
    const std::size_t slot = slot_of(number(attributes, NFTA_LOOKUP_SREG));
    const bool is_map = attributes.count(NFTA_LOOKUP_DREG) != 0;
    const std::uint32_t destination = number(attributes, NFTA_LOOKUP_DREG);
    if ((number(attributes, NFTA_LOOKUP_FLAGS) & NFT_LOOKUP_F_INV) != 0 || set == program_.sets.end()) {
      on.push_back(way);
      if (is_map) forget(on.back(), slot_of(destination));
      return;
    }
    for (const NftKey& element : elements_of(set->second, program_.intervals.contains(set->first))) {
      const auto common = both(way.packets, packets_of(element, way, slot));
      if (!common || ++ways_ > kMostWays) continue;
      if (is_map && destination == NFT_REG_VERDICT) {
        if (!element.chain.empty()) follow(element.chain, *common, depth + 1);
        continue;
      }
      on.push_back(way);
      on.back().packets = *common;
      if (is_map) put(on.back(), slot_of(destination), element.data);
    }
    if (is_map && destination == NFT_REG_VERDICT) on.push_back(way);  // what is not in it goes on
    if (ways_ > kMostWays) {
      on.push_back(way);
      if (is_map) forget(on.back(), slot_of(destination));
    }
  }

  void immediate(const Attributes& attributes, Way way, unsigned depth, std::vector<Way>& on) {
    if (number(attributes, NFTA_IMMEDIATE_DREG) == NFT_REG_VERDICT) {
      const std::string chain = chain_of(attributes, NFTA_IMMEDIATE_DATA);
      if (!chain.empty()) follow(chain, way.packets, depth + 1);
    } else {
      put(way, slot_of(number(attributes, NFTA_IMMEDIATE_DREG)), value(attributes, NFTA_IMMEDIATE_DATA));
    }
    on.push_back(std::move(way));
  }

  // What iptables asks for by its own matches: struct xt_tcp, xt_udp, xt_multiport_v1; ports in the host's order.
  static void match(const Attributes& attributes, Way way, std::vector<Way>& on) {
    const std::string name = text(attributes, NFTA_MATCH_NAME);
    const auto found = attributes.find(NFTA_MATCH_INFO);
    const Bytes info = found == attributes.end() ? Bytes() : found->second;
    const auto port = [&info](std::size_t at) {
      std::uint16_t value = 0;
      std::memcpy(&value, info.data() + at, sizeof value);
      return value;
    };
    if ((name == "tcp" && info.size() >= 12) || (name == "udp" && info.size() >= 9)) {
      const bool is_tcp = name == "tcp";
      constexpr std::uint8_t kInverted = 0x02;  // XT_TCP_INV_DSTPT, XT_UDP_INV_DSTPT
      Packets packets;
      packets.protocol = is_tcp ? IPPROTO_TCP : IPPROTO_UDP;
      if ((info[is_tcp ? 11 : 8] & kInverted) == 0) {
        packets.first = port(4);
        packets.last = port(6);
      }
      return narrow(std::move(way), packets, on);
    }
    constexpr std::size_t kMostPorts = 15;
    constexpr std::size_t kRanges = 2 + 2 * kMostPorts;
    constexpr std::uint8_t kDestination = 1;  // XT_MULTIPORT_DESTINATION
    if (name == "multiport" && info.size() >= kRanges + kMostPorts + 1 && info[0] == kDestination &&
        info[kRanges + kMostPorts] == 0) {
      for (std::size_t i = 0; i < std::min<std::size_t>(info[1], kMostPorts); ++i) {
        Packets packets{0, port(2 + 2 * i), port(2 + 2 * i)};
        if (info[kRanges + i] != 0 && i + 1 < kMostPorts) packets.last = port(2 + 2 * ++i);
        narrow(way, packets, on);
      }
      return;
    }
    on.push_back(std::move(way));
  }

  void add(const char* /*verb*/, const Packets& packets, std::string address, std::optional<std::uint16_t> port) {
    found_.insert({packets.protocol, packets.first, packets.last, std::move(address), port});
  }

  static std::optional<Octets> held(const Way& way, std::size_t slot, std::size_t size) {
    Octets bytes;
    for (std::size_t at = 0; at < size; at += 4, ++slot) {
      if (slot >= kSlots || way.slots[slot].kind != Slot::Kind::kBytes) return std::nullopt;
      bytes.insert(bytes.end(), way.slots[slot].bytes.begin(), way.slots[slot].bytes.end());
    }
    bytes.resize(size);
    return bytes;
  }

  // "" where no register is named.
  static std::string address_in(const Way& way, const Attributes& attributes, std::uint16_t type, std::size_t size) {
    if (attributes.count(type) == 0) return "";
    const auto bytes = held(way, slot_of(number(attributes, type)), size);
    return bytes ? IpAddress::from_bytes(*bytes).to_string() : kSomewhere;
  }

  // 0 where it is not known, which no port is.
  static std::optional<std::uint16_t> port_in(const Way& way, const Attributes& attributes, std::uint16_t type) {
    if (attributes.count(type) == 0) return std::nullopt;
    const auto bytes = held(way, slot_of(number(attributes, type)), 2);
    return bytes ? big_endian(bytes->data()) : std::uint16_t{0};
  }

  void translate(const Attributes& attributes, const Way& way) {
    if (number(attributes, NFTA_NAT_TYPE) != NFT_NAT_DNAT) return;
    const std::size_t size = number(attributes, NFTA_NAT_FAMILY) == NFPROTO_IPV6 ? 16 : 4;
    std::string address = address_in(way, attributes, NFTA_NAT_REG_ADDR_MIN, size);
    const std::string last = address_in(way, attributes, NFTA_NAT_REG_ADDR_MAX, size);
    if (!last.empty() && last != address) address += "-" + last;
    std::optional<std::uint16_t> port = port_in(way, attributes, NFTA_NAT_REG_PROTO_MIN);
    const std::optional<std::uint16_t> last_port = port_in(way, attributes, NFTA_NAT_REG_PROTO_MAX);
    if (last_port && last_port != port) port = 0;  // one of several
    add("dnat", way.packets, std::move(address), port);
  }

  void redirect(const Attributes& attributes, const Way& way) {
    add("redirect", way.packets, "", port_in(way, attributes, NFTA_REDIR_REG_PROTO_MIN));
  }

  // struct nf_nat_range2 and nf_nat_range (revisions 1 and 2 of DNAT, REDIRECT of IPv6): flags, two addresses of 16
  // bytes, two ports; nf_nat_ipv4_multi_range_compat (revision 0): how many, flags, two addresses of 4, two ports.
  void translate_by_target(const Attributes& attributes, const Way& way) {
    const std::string name = text(attributes, NFTA_TARGET_NAME);
    if (name != "DNAT" && name != "REDIRECT" && name != "NETMAP") return;
    const auto found = attributes.find(NFTA_TARGET_INFO);
    const Bytes info = found == attributes.end() ? Bytes() : found->second;
    const bool is_short = info.size() < 40;
    if (name == "NETMAP" || info.size() < 20) return add("dnat", way.packets, kSomewhere, std::nullopt);
    const std::size_t flags_at = is_short ? 4 : 0;
    const std::size_t width = is_short ? 4 : 16;
    std::uint32_t flags = 0;
    std::memcpy(&flags, info.data() + flags_at, sizeof flags);
    constexpr std::uint32_t kAddresses = 1, kPorts = 2;  // NF_NAT_RANGE_MAP_IPS, NF_NAT_RANGE_PROTO_SPECIFIED
    const auto address_at = [&](std::size_t at) {
      // An IPv4 address stands in the first 4 of 16 bytes, and the rest is zero.
      const bool is_v4 = width == 4 || std::all_of(info.begin() + static_cast<std::ptrdiff_t>(at) + 4,
                                                   info.begin() + static_cast<std::ptrdiff_t>(at) + 16,
                                                   [](std::uint8_t byte) { return byte == 0; });
      return IpAddress::from_bytes(info.subspan(at, is_v4 ? 4 : 16)).to_string();
    };
    std::string address;
    if ((flags & kAddresses) != 0) {
      address = address_at(flags_at + 4);
      const std::string last = address_at(flags_at + 4 + width);
      if (last != address) address += "-" + last;
    }
    std::optional<std::uint16_t> port;
    if ((flags & kPorts) != 0) {
      const std::uint8_t* const ports = info.data() + flags_at + 4 + 2 * width;
      port = big_endian(ports) == big_endian(ports + 2) ? big_endian(ports) : std::uint16_t{0};
    }
    add(name == "DNAT" ? "dnat" : "redirect", way.packets, std::move(address), port);
  }

  const NftProgram& program_;
  std::set<PortTranslation> found_;
  std::size_t ways_ = 0;
};

}  // namespace

std::vector<PortTranslation> translations_of(const NftProgram& program) { return Walk(program).all(); }

}  // namespace netns_lab::netlink
