#include "harness/conformance/translation_scope.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "harness/base/text.h"
#include "harness/conformance/rule_trial.h"

namespace netns_lab {
namespace {

constexpr std::uint32_t kUnicast = 1, kLocal = 2;  // RTN_*, linux/rtnetlink.h
constexpr std::uint32_t kNew = 8;                  // NF_CT_STATE_BIT(IP_CT_NEW), linux/netfilter/nf_conntrack_common.h

// Addresses of the outside that no rule is likely to name (RFC 5737, RFC 3849).
std::vector<IpAddress> somewhere(Family family) {
  if (family == Family::kIpv4) return {IpAddress::v4(203, 0, 113, 66), IpAddress::v4(198, 51, 100, 66)};
  return {IpAddress::parse("2001:db8:66::66").value(), IpAddress::parse("2001:db8:ffff:66::66").value()};
}

// A first packet of a connection, on its way through the node.
struct Sample {
  IpAddress source;
  IpAddress destination;
  std::string in;   // links; "" not known
  std::string out;  // "" not decided yet
  bool to_the_node = false;
  std::optional<std::uint8_t> protocol{};
  std::uint16_t port = 0;
};

// Nothing where that is not known.
std::optional<bool> holds(const NftMatch& match, const Sample& sample) {
  const auto plain = [&]() -> std::optional<bool> {
    const bool is_source = match.what == "ip saddr" || match.what == "ip6 saddr";
    if (is_source || match.what == "ip daddr" || match.what == "ip6 daddr") {
      const auto prefix = Prefix::parse(match.value);
      if (!prefix) return std::nullopt;
      return prefix->contains(is_source ? sample.source : sample.destination);
    }
    if (match.what == "iifname" && !sample.in.empty()) return match.value == sample.in;
    if (match.what == "oifname" && !sample.out.empty()) return match.value == sample.out;
    if (match.what == "ct status" && match.value == "dnat") return false;
    if (match.what == "ct state" && match.value == "new") return true;
    if (match.what == "fib daddr type" && match.value == "local") return sample.to_the_node;
    if (match.what == "tcp dport" || match.what == "udp dport") {
      if (!sample.protocol) return std::nullopt;
      const std::uint8_t protocol = match.what == "tcp dport" ? IPPROTO_TCP : IPPROTO_UDP;
      return sample.protocol == protocol && match.value == std::to_string(sample.port);
    }
    return std::nullopt;
  }();
  return plain ? std::optional<bool>(*plain != match.negated) : plain;
}

// Does the declaration translate it so, at that hook? Nothing where that cannot be told.
std::optional<bool> is_declared(const DeclaredTable& table, const std::string& hook, const std::string& verb,
                                const Sample& sample) {
  for (const NftChain& chain : table.chains) {
    if (chain.hook != hook) continue;
    for (const NftRule& rule : chain.rules) {
      if (rule.action.verb != verb) return std::nullopt;  // it may be an exception
      bool all = true;
      for (const NftMatch& match : rule.matches) {
        const std::optional<bool> one = holds(match, sample);
        if (!one) return std::nullopt;
        all = all && *one;
      }
      if (all) return true;
    }
  }
  return false;
}

class Judgement {
 public:
  Judgement(const Declaration& declared, const DeclaredTable& table, const NamespaceState& is, Family family)
      : declared_(declared), table_(table), is_(is), family_(family) {
    for (const PacketFilter& filter : is.nft_tables) {
      if (!filter.is_dormant && !filter.chains.empty() && declared.find_nft_table(is.name, filter.name) == &table)
        filters_.push_back(&filter);
    }
    for (const Route& route : is.routes) {
      const bool is_default = route.destination == Prefix::default_route(family) && route.table == kMainTable;
      if (uplink_.empty() && is_default && !route.hops.empty()) uplink_ = route.hops.front().link;
    }
    for (const DeclaredAddress& one : declared.addresses) {
      if (one.network_namespace == is.name || one.prefix.address.family() != family) continue;
      const std::string link = link_to(one.prefix.address);
      if (!link.empty()) containers_.push_back({one, link});
    }
  }

  std::vector<std::string> findings() {
    if (filters_.empty() || containers_.empty() || uplink_.empty()) return {};
    for (const Container& each : containers_) judge_ways_out(each);
    judge_strangers();
    judge_clients();
    return std::move(findings_);
  }

 private:
  struct Container {
    DeclaredAddress own;
    std::string link;  // of the node, by which it is reached
  };

  // The declared link whose network holds it.
  std::string link_to(const IpAddress& address) const {
    for (const DeclaredAddress& one : declared_.addresses) {
      if (one.network_namespace == is_.name && one.prefix.address.family() == family_ &&
          one.prefix.network().contains(address))
        return one.link;
    }
    return "";
  }

  bool is_of_the_node(const IpAddress& address) const {
    return std::any_of(is_.addresses.begin(), is_.addresses.end(), [&](const InterfaceAddress& one) {
      return one.prefix.address == address || one.broadcast == address;
    });
  }
  // One that packets from elsewhere may have, or may be for, by way of the uplink.
  bool is_outside(const IpAddress& address) const {
    constexpr std::uint8_t kReserved = 240;  // RFC 1112, 4
    const std::uint8_t first = address.bytes()[0];
    if (address.is_unspecified() || address.is_loopback() || address.is_link_local() || address.is_multicast() ||
        is_of_the_node(address) || !link_to(address).empty())
      return false;
    if (address.is_v4() && (first == 0 || first >= kReserved)) return false;
    return std::none_of(is_.addresses.begin(), is_.addresses.end(), [&](const InterfaceAddress& one) {
      return one.prefix.address.family() == family_ && one.prefix.network().address == address;  // anycast (RFC 4291)
    });
  }

  void tell_cut(const PacketFilter& filter) {
    if (!std::exchange(is_cut_, true))
      findings_.push_back(fmt::format("more rules, or elements of sets, than are looked at ({})", filter.name));
  }

  std::vector<IpAddress> named(AddressEnd end, bool neighbours) {
    std::set<IpAddress> all;
    if (neighbours) {
      for (const IpAddress& address : somewhere(family_)) all.insert(address);
    }
    for (const PacketFilter* filter : filters_) {
      const NamedAddresses some = addresses_named(filter->chains, family_, end, neighbours);
      all.insert(some.addresses.begin(), some.addresses.end());
      if (some.is_cut) tell_cut(*filter);
    }
    std::vector<IpAddress> outside;
    for (const IpAddress& address : all) {
      if (is_outside(address)) outside.push_back(address);
    }
    return outside;
  }

  void add_link(TrialPacket& packet, const std::string& name, const char* of_name, const char* of_index) const {
    if (name.empty()) return;
    packet.known[of_name] = name_bytes(name);
    if (const Link* link = is_.find_link(name)) packet.known[of_index] = number_bytes(link->index);
  }

  Trial trial(const PacketFilter& filter, const Sample& sample, const std::vector<std::string>& hooks) const {
    TrialPacket packet{sample.source, sample.destination, sample.protocol, std::nullopt, {}};
    if (sample.protocol) packet.destination_port = sample.port;
    packet.known = {{"ct state", number_bytes(kNew)},
                    {"ct status", number_bytes(0)},
                    {"ct direction", "00"},
                    {"saddr type", number_bytes(kUnicast)},
                    {"daddr type", number_bytes(sample.to_the_node ? kLocal : kUnicast)}};
    add_link(packet, sample.in, "iifname", "iif");
    add_link(packet, sample.out, "oifname", "oif");
    return try_packet(filter.chains, packet, hooks);
  }
  // By any of the tables.
  Trial trial(const Sample& sample, const std::vector<std::string>& hooks) {
    Trial all;
    for (const PacketFilter* filter : filters_) {
      const Trial one = trial(*filter, sample, hooks);
      all.may_give_source = all.may_give_source || one.may_give_source;
      all.may_give_destination = all.may_give_destination || one.may_give_destination;
      all.by_source = all.by_source || one.by_source;
      all.by_destination = all.by_destination || one.by_destination;
      if (one.is_cut) tell_cut(*filter);
    }
    return all;
  }

  // The first of them, and whether there are more.
  static std::string text(const std::vector<IpAddress>& addresses) {
    constexpr std::size_t kTold = 3;
    std::vector<std::string> told;
    for (std::size_t i = 0; i < std::min(addresses.size(), kTold); ++i) told.push_back(addresses[i].to_string());
    std::string all = join(told, ", ");
    if (addresses.size() > kTold) all += " and others";
    return all;
  }

  // What a container sends to the outside.
  void judge_ways_out(const Container& from) {
    std::vector<IpAddress> left;
    bool is_any = false;
    for (const IpAddress& to : named(AddressEnd::kDestination, true)) {
      const Sample sample{from.own.prefix.address, to, from.link, uplink_};
      if (is_declared(table_, "postrouting", "masquerade", sample) != true) continue;
      const bool is_given = trial(sample, {"prerouting", "postrouting"}).may_give_source;
      is_any = is_any || is_given;
      if (!is_given) left.push_back(to);
    }
    // Where nothing of it is translated the packets have told.
    if (!is_any || left.empty()) return;
    findings_.push_back(fmt::format("an exception: what {} ({}) sends to {} keeps its source",
                                    from.own.network_namespace, from.own.prefix.address.to_string(), text(left)));
  }

  // What others send, whom a rule names.
  void judge_strangers() {
    std::vector<IpAddress> to_outside = somewhere(family_);
    for (const IpAddress& one : named(AddressEnd::kDestination, false)) to_outside.push_back(one);
    std::vector<IpAddress> strangers;
    for (const IpAddress& from : named(AddressEnd::kSource, false)) {
      std::vector<Sample> samples;
      for (const IpAddress& to : to_outside) samples.push_back({from, to, "", uplink_});
      for (const Container& to : containers_) samples.push_back({from, to.own.prefix.address, uplink_, to.link});
      const bool is_translated = std::any_of(samples.begin(), samples.end(), [&](const Sample& sample) {
        if (is_declared(table_, "postrouting", "masquerade", sample) != false) return false;
        const Trial one = trial(sample, {"prerouting", "postrouting"});
        return one.may_give_source && one.by_source;
      });
      if (is_translated) strangers.push_back(from);
    }
    if (strangers.empty()) return;
    findings_.push_back(
        fmt::format("another source for what {} sends, which is none of the containers'", text(strangers)));
  }

  // Who asks for a port of the node that is mapped, and who asks for that port of another address.
  void judge_clients() {
    const auto address = std::find_if(is_.addresses.begin(), is_.addresses.end(), [&](const InterfaceAddress& one) {
      return one.link == uplink_ && one.prefix.address.family() == family_ && !one.prefix.address.is_link_local();
    });
    if (address == is_.addresses.end()) return;
    for (const PortTranslation& mapped : table_.translations) {
      Sample sample;
      sample.in = uplink_;
      sample.protocol = mapped.protocol;
      sample.port = mapped.first_port;
      const std::string what = fmt::format("{} port {}", mapped.protocol == IPPROTO_TCP ? "tcp" : "udp", sample.port);

      sample.destination = address->prefix.address;
      sample.to_the_node = true;
      std::vector<IpAddress> left;
      bool is_any = false;
      for (const IpAddress& from : named(AddressEnd::kSource, true)) {
        sample.source = from;
        if (is_declared(table_, "prerouting", "dnat", sample) != true) continue;
        const bool is_given = trial(sample, {"prerouting"}).may_give_destination;
        is_any = is_any || is_given;
        if (!is_given) left.push_back(from);
      }
      if (is_any && !left.empty())
        findings_.push_back(
            fmt::format("an exception: what {} sends to {} of the node keeps its destination", text(left), what));

      sample.to_the_node = false;
      std::vector<IpAddress> taken;
      for (const IpAddress& to : named(AddressEnd::kDestination, false)) {
        sample.destination = to;
        for (const auto& [from, in] : askers()) {
          sample.source = from;
          sample.in = in;
          if (is_declared(table_, "prerouting", "dnat", sample) != false) continue;
          const Trial one = trial(sample, {"prerouting"});
          if (!one.may_give_destination || !one.by_destination) continue;
          taken.push_back(to);
          break;
        }
      }
      if (!taken.empty())
        findings_.push_back(fmt::format("another destination for what is sent to {} of {}, which is not the node's",
                                        what, text(taken)));
    }
  }
  std::vector<std::pair<IpAddress, std::string>> askers() const {
    std::vector<std::pair<IpAddress, std::string>> all;
    for (const IpAddress& from : somewhere(family_)) all.emplace_back(from, uplink_);
    for (const Container& each : containers_) all.emplace_back(each.own.prefix.address, each.link);
    return all;
  }

  const Declaration& declared_;
  const DeclaredTable& table_;
  const NamespaceState& is_;
  Family family_;
  std::vector<const PacketFilter*> filters_;
  std::string uplink_;
  std::vector<Container> containers_;
  std::vector<std::string> findings_;
  bool is_cut_ = false;
};

}  // namespace

std::vector<std::string> scope_findings(const Declaration& declared, const DeclaredTable& table,
                                        const NamespaceState& is) {
  std::vector<std::string> findings;
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    for (std::string& finding : Judgement(declared, table, is, family).findings())
      findings.push_back(std::move(finding));
  }
  return findings;
}

std::vector<std::string> scope_findings(const Declaration& declared, const NamespaceState& was,
                                        const NamespaceState& is) {
  std::vector<std::string> findings;
  for (const DeclaredTable& table : declared.nft_tables) {
    const auto is_this = [&](const PacketFilter& filter) {
      return declared.find_nft_table(is.name, filter.name) == &table;
    };
    if (table.network_namespace != is.name || std::ranges::any_of(was.nft_tables, is_this)) continue;
    for (const std::string& finding : scope_findings(declared, table, is))
      findings.push_back(fmt::format("{} is declared, and nobody declared that it also has: {}", table.name, finding));
  }
  return findings;
}

}  // namespace netns_lab
