#include "harness/netlink/rule.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/fib_rules.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <map>
#include <optional>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

Request rule_request(const RoutingRule& rule, std::uint16_t type, std::uint16_t flags) {
  Request request(type, flags);
  fib_rule_hdr header{};
  header.family = static_cast<std::uint8_t>(address_family(rule.family));
  header.src_len = rule.source ? rule.source->length : std::uint8_t{0};
  header.dst_len = rule.destination ? rule.destination->length : std::uint8_t{0};
  header.table = rule.table < 256 ? static_cast<std::uint8_t>(rule.table) : std::uint8_t{RT_TABLE_COMPAT};
  header.action = rule.action;
  request.put_header(header);
  if (rule.source) request.put(FRA_SRC, rule.source->address);
  if (rule.destination) request.put(FRA_DST, rule.destination->address);
  if (rule.table != 0) request.put_u32(FRA_TABLE, rule.table);
  if (rule.priority != 0) request.put_u32(FRA_PRIORITY, rule.priority);
  if (!rule.input_link.empty()) request.put_string(FRA_IIFNAME, rule.input_link);
  if (!rule.output_link.empty()) request.put_string(FRA_OIFNAME, rule.output_link);
  if (rule.mark != 0) request.put_u32(FRA_FWMARK, rule.mark);
  if (rule.mark_mask != 0) request.put_u32(FRA_FWMASK, rule.mark_mask);
  if (rule.protocol != 0) request.put_u8(FRA_PROTOCOL, rule.protocol);
  return request;
}

// "22-80" of a fib_rule_port_range or fib_rule_uid_range, "0x10" of a number, else the bytes.
std::string condition_text(AttributeReader& reader) {
  const Bytes bytes = reader.bytes();
  switch (reader.type()) {
    case FRA_SPORT_RANGE:
    case FRA_DPORT_RANGE:
      if (bytes.size() == sizeof(fib_rule_port_range)) {
        fib_rule_port_range range{};
        std::memcpy(&range, bytes.data(), sizeof range);
        return fmt::format("{}-{}", range.start, range.end);
      }
      break;
    case FRA_UID_RANGE:
      if (bytes.size() == sizeof(fib_rule_uid_range)) {
        fib_rule_uid_range range{};
        std::memcpy(&range, bytes.data(), sizeof range);
        return fmt::format("{}-{}", range.start, range.end);
      }
      break;
    default:
      break;
  }
  if (bytes.size() == 1) return fmt::format("{}", reader.u8());
  if (bytes.size() == 4) return fmt::format("{}", reader.u32());
  return fmt::format("{:02x}", fmt::join(bytes, ""));
}

// What is neither told by a field of its own nor left as it is by default; a newer kernel's conditions by their number.
void read_condition(AttributeReader& reader, RoutingRule& rule) {
  static const std::map<std::uint16_t, const char*> kNames = {{FRA_GOTO, "goto"},
                                                              {FRA_FLOW, "realms"},
                                                              {FRA_TUN_ID, "tun_id"},
                                                              {FRA_L3MDEV, "l3mdev"},
                                                              {FRA_UID_RANGE, "uidrange"},
                                                              {FRA_IP_PROTO, "ipproto"},
                                                              {FRA_SPORT_RANGE, "sport"},
                                                              {FRA_DPORT_RANGE, "dport"},
                                                              {FRA_SUPPRESS_IFGROUP, "suppress_ifgroup"},
                                                              {FRA_SUPPRESS_PREFIXLEN, "suppress_prefixlength"}};
  if (reader.type() == FRA_PAD || reader.type() == FRA_UNSPEC) return;
  const auto known = kNames.find(reader.type());
  const std::string value = condition_text(reader);
  const bool is_suppression = reader.type() == FRA_SUPPRESS_IFGROUP || reader.type() == FRA_SUPPRESS_PREFIXLEN;
  if (is_suppression && value == "4294967295") return;  // -1: none
  if (reader.type() == FRA_L3MDEV && value == "0") return;
  rule.other[known == kNames.end() ? fmt::format("condition {}", reader.type()) : known->second] = value;
}

// Multicast routes have rules of their own (RTNL_FAMILY_IPMR, RTNL_FAMILY_IP6MR; net/ipv4/ipmr.c, net/ipv6/ip6mr.c).
std::optional<Family> family_of(std::uint8_t rule_family) {
  switch (rule_family) {
    case AF_INET:
    case RTNL_FAMILY_IPMR:
      return Family::kIpv4;
    case AF_INET6:
    case RTNL_FAMILY_IP6MR:
      return Family::kIpv6;
    default:
      return std::nullopt;
  }
}

}  // namespace

Request add_rule(const RoutingRule& rule) { return rule_request(rule, RTM_NEWRULE, NLM_F_CREATE | NLM_F_EXCL); }
Request delete_rule(const RoutingRule& rule) { return rule_request(rule, RTM_DELRULE, 0); }

Result<std::vector<RoutingRule>> list_rules(NetlinkSocket& socket) {
  Request request(RTM_GETRULE, 0);
  request.put_header(fib_rule_hdr{});  // AF_UNSPEC: of all families in one answer (fib_nl_dumprule)
  const auto replies = socket.dump(std::move(request));
  if (!replies && (replies.error().system_errno == EAFNOSUPPORT || replies.error().system_errno == EOPNOTSUPP))
    return std::vector<RoutingRule>();  // a kernel without rules
  if (!replies) return tl::unexpected(replies.error());
  std::vector<RoutingRule> rules;
  for (std::size_t i = 0; i < replies->size(); ++i) {
    NETNS_LAB_ASSIGN(const fib_rule_hdr header, read_header<fib_rule_hdr>((*replies)[i], "RTM_NEWRULE"));
    if (!family_of(header.family)) continue;  // of a protocol that is none of ours (DECnet, up to Linux 6.0)
    NETNS_LAB_ASSIGN(RoutingRule rule, decode_rule((*replies)[i]));
    rules.push_back(std::move(rule));
  }
  return rules;
}

Result<RoutingRule> decode_rule(const MessageView& message) {
  NETNS_LAB_ASSIGN(const fib_rule_hdr header, read_header<fib_rule_hdr>(message, "RTM_NEWRULE"));
  const std::optional<Family> family = family_of(header.family);
  if (!family)
    return tl::unexpected(Error::internal("decode RTM_NEWRULE", fmt::format("address family {}", header.family)));
  RoutingRule rule;
  rule.family = *family;
  if (header.family != AF_INET && header.family != AF_INET6) rule.other["multicast"] = "";
  rule.table = header.table;
  rule.action = header.action;
  std::optional<IpAddress> source;
  std::optional<IpAddress> destination;
  AttributeReader reader(after_header<fib_rule_hdr>(message));
  while (reader.next()) {
    switch (reader.type()) {
      case FRA_SRC:
        source = reader.address();
        break;
      case FRA_DST:
        destination = reader.address();
        break;
      case FRA_TABLE:
        rule.table = reader.u32();
        break;
      case FRA_PRIORITY:
        rule.priority = reader.u32();
        break;
      case FRA_IIFNAME:
        rule.input_link = reader.string();
        break;
      case FRA_OIFNAME:
        rule.output_link = reader.string();
        break;
      case FRA_FWMARK:
        rule.mark = reader.u32();
        break;
      case FRA_FWMASK:
        rule.mark_mask = reader.u32();
        break;
      case FRA_PROTOCOL:
        rule.protocol = reader.u8();
        break;
      default:
        read_condition(reader, rule);
        break;
    }
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWRULE"));
  if ((header.flags & FIB_RULE_INVERT) != 0) rule.other["not"] = "";
  if (header.tos != 0) rule.other["tos"] = fmt::format("0x{:x}", header.tos);
  const auto bad_prefix = [&](const std::optional<IpAddress>& address, unsigned length) {
    return address && (address->family() != rule.family || length > address->bits());
  };
  if (bad_prefix(source, header.src_len) || bad_prefix(destination, header.dst_len)) {
    return tl::unexpected(Error::internal("decode RTM_NEWRULE", "its prefix does not fit its address family"));
  }
  if (source) rule.source = Prefix{*source, header.src_len};
  if (destination) rule.destination = Prefix{*destination, header.dst_len};
  return rule;
}

}  // namespace netns_lab::netlink
