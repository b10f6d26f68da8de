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

constexpr std::uint32_t kUnicast = 1, kLocal = 2, kBroadcast = 3, kMulticast = 5;  // RTN_*, linux/rtnetlink.h
constexpr std::uint32_t kMapped = 0x20;  // IPS_DST_NAT, linux/netfilter/nf_conntrack_common.h
constexpr std::uint32_t kNew = 8;        // NF_CT_STATE_BIT(IP_CT_NEW), linux/netfilter/nf_conntrack_common.h

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
  std::uint32_t type = kUnicast;  // of a destination that is not the node's
  bool was_mapped = false;        // its destination has been translated before
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

  // Does what any container sends get another source, whatever protocol it is of, and wherever to? Of rules that name
  // many addresses it is not asked.
  bool gives_all(const PacketFilter& filter) {
    constexpr std::size_t kFew = 64;
    const std::vector<IpAddress> destinations = named(AddressEnd::kDestination, true);
    if (containers_.empty() || uplink_.empty() || destinations.empty() || destinations.size() > kFew) return false;
    return std::all_of(containers_.begin(), containers_.end(), [&](const Container& from) {
      return std::all_of(destinations.begin(), destinations.end(),
                         [&](const IpAddress& to) { return gives_every_protocol(filter, from, to); });
    });
  }

  std::vector<std::string> findings() {
    if (filters_.empty() || containers_.empty() || uplink_.empty()) return {};
    for (const Container& each : containers_) judge_ways_out(each);
    judge_strangers();
    judge_far_clients();
    judge_clients();
    judge_the_node();
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

  bool gives_every_protocol(const PacketFilter& filter, const Container& from, const IpAddress& to) const {
    constexpr unsigned kProtocols = 256;
    Sample sample{from.own.prefix.address, to, from.link, uplink_};
    for (unsigned protocol = 0; protocol < kProtocols; ++protocol) {
      sample.protocol = static_cast<std::uint8_t>(protocol);
      const Trial one = trial(filter, sample, {"prerouting", "postrouting"}, /*has_port=*/false);
      if (!one.may_give_source || one.may_keep_source || one.is_cut) return false;
    }
    return true;
  }

  void tell_cut(const PacketFilter& filter) {
    if (!std::exchange(is_cut_, true))
      findings_.push_back(fmt::format("more rules, or elements of sets, than are looked at ({})", filter.name));
  }

  // A lab's own networks may be of these addresses, too.
  std::vector<IpAddress> far() const {
    std::vector<IpAddress> all = somewhere(family_);
    std::erase_if(all, [this](const IpAddress& address) { return !is_outside(address); });
    return all;
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

  // `has_port`: else it may be of any.
  Trial trial(const PacketFilter& filter, const Sample& sample, const std::vector<std::string>& hooks,
              bool has_port = true) const {
    TrialPacket packet{sample.source, sample.destination, sample.protocol, std::nullopt, {}};
    if (sample.protocol && has_port) packet.destination_port = sample.port;
    packet.known = {{"ct state", number_bytes(kNew)},
                    {"ct status", number_bytes(sample.was_mapped ? kMapped : 0)},
                    {"ct direction", "00"},
                    {"saddr type", number_bytes(kUnicast)},
                    {"daddr type", number_bytes(sample.to_the_node ? kLocal : sample.type)}};
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
      all.sources.insert(all.sources.end(), one.sources.begin(), one.sources.end());
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
    tell_other_sources(fmt::format("{} ({})", from.own.network_namespace, from.own.prefix.address.to_string()),
                       {from.own.prefix.address, {}, from.link, uplink_}, {"prerouting", "postrouting"});
    // Where nothing of it is translated the packets have told.
    if (!is_any || left.empty()) return;
    findings_.push_back(fmt::format("an exception: what {} ({}) sends to {} keeps its source",
                                    from.own.network_namespace, from.own.prefix.address.to_string(), text(left)));
  }

  // What others send, whom a rule names.
  void judge_strangers() {
    std::vector<IpAddress> to_outside = far();
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

  // What is sent like `sample`, wherever to: a source that a rule names is one of the uplink's.
  void tell_other_sources(const std::string& who, Sample sample, const std::vector<std::string>& hooks) {
    std::set<IpAddress> others;
    std::vector<IpAddress> destinations;
    for (const IpAddress& to : named(AddressEnd::kDestination, true)) {
      sample.destination = to;
      std::vector<IpAddress> sources = trial(sample, hooks).sources;
      std::erase_if(sources, [this](const IpAddress& source) { return is_of_uplink(source); });
      if (!sources.empty()) destinations.push_back(to);
      others.insert(sources.begin(), sources.end());
    }
    if (others.empty()) return;
    findings_.push_back(fmt::format("what {} sends to {} gets the source {}, which is no address of {}", who,
                                    text(destinations), text({others.begin(), others.end()}), uplink_));
  }
  bool is_of_uplink(const IpAddress& address) const {
    return std::any_of(is_.addresses.begin(), is_.addresses.end(), [&](const InterfaceAddress& one) {
      return one.link == uplink_ && one.prefix.address == address;
    });
  }
  std::optional<Prefix> own_prefix() const {
    const auto address = std::find_if(is_.addresses.begin(), is_.addresses.end(), [&](const InterfaceAddress& one) {
      return one.link == uplink_ && one.prefix.address.family() == family_ && !one.prefix.address.is_link_local();
    });
    return address == is_.addresses.end() ? std::nullopt : std::optional(address->prefix);
  }

  // What a container is sent from further away has its source where what comes from the uplink's own network has, which
  // packets have told.
  void judge_far_clients() {
    const auto own = own_prefix();
    if (!own) return;
    std::vector<IpAddress> near = {own->network().address};
    for (const Route& route : is_.routes) {
      if (!route.hops.empty() && route.hops.front().link == uplink_ && route.hops.front().gateway)
        near.push_back(*route.hops.front().gateway);
    }
    for (const Container& to : containers_) {
      for (const bool was_mapped : {false, true}) {
        const auto is_given = [&](const IpAddress& from) {
          Sample sample{from, to.own.prefix.address, uplink_, to.link};
          sample.was_mapped = was_mapped;
          return trial(sample, {"postrouting"}).may_give_source;
        };
        if (std::any_of(near.begin(), near.end(), is_given)) continue;
        std::vector<IpAddress> masked;
        for (const IpAddress& from : far()) {
          if (is_given(from)) masked.push_back(from);
        }
        if (masked.empty()) continue;
        findings_.push_back(fmt::format("another source for what {} sends to {} ({}), and not for what comes from {}",
                                        text(masked), to.own.network_namespace, to.own.prefix.address.to_string(),
                                        own->network().to_string()));
        return;
      }
    }
  }

  // What the node itself sends, and what it takes in.
  void judge_the_node() {
    const auto own = own_prefix();
    if (!own) return;
    tell_other_sources("the node itself", {own->address, {}, "", uplink_}, {"output", "postrouting"});
    std::vector<IpAddress> masked;
    for (const IpAddress& from : named(AddressEnd::kSource, true)) {
      Sample sample{from, own->address, uplink_, "", true};
      if (trial(sample, {"input"}).may_give_source) masked.push_back(from);
    }
    if (!masked.empty())
      findings_.push_back(fmt::format("another source for what {} sends to the node (hook input)", text(masked)));
  }

  // What is for everybody's port, and what the node itself asks another machine's for.
  void judge_other_destinations(Sample sample, const std::string& what, const IpAddress& own) {
    const auto is_taken = [&](const Sample& one, const std::string& hook) {
      return trial(one, {hook}).may_give_destination;
    };
    if (far().empty()) return;
    sample.source = far().front();
    sample.destination = far().back();
    sample.type = kUnicast;
    if (!is_taken(sample, "prerouting")) {
      std::vector<std::string> kinds;
      for (const auto& [type, name] : {std::pair(kBroadcast, "broadcast"), std::pair(kMulticast, "multicast")}) {
        sample.type = type;
        if (is_taken(sample, "prerouting")) kinds.emplace_back(name);
      }
      if (!kinds.empty())
        findings_.push_back(
            fmt::format("another destination for what is sent to {} of {} addresses", what, join(kinds, " and ")));
    }
    sample.type = kUnicast;
    sample.source = own;
    sample.in.clear();
    sample.out = uplink_;
    std::vector<IpAddress> taken;
    for (const IpAddress& to : named(AddressEnd::kDestination, false)) {
      sample.destination = to;
      const Trial one = trial(sample, {"output"});
      if (one.may_give_destination && one.by_destination) taken.push_back(to);
    }
    if (!taken.empty())
      findings_.push_back(
          fmt::format("another destination for what the node itself sends to {} of {}", what, text(taken)));
  }

  // Who asks for a port of the node that is mapped, and who asks for that port of another address.
  void judge_clients() {
    const auto own = own_prefix();
    if (!own) return;
    for (const PortTranslation& mapped : table_.translations) {
      Sample sample;
      sample.in = uplink_;
      sample.protocol = mapped.protocol;
      sample.port = mapped.first_port;
      const std::string what = fmt::format("{} port {}", mapped.protocol == IPPROTO_TCP ? "tcp" : "udp", sample.port);

      sample.destination = own->address;
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
      sample.in = uplink_;
      judge_other_destinations(sample, what, own->address);
    }
  }
  std::vector<std::pair<IpAddress, std::string>> askers() const {
    std::vector<std::pair<IpAddress, std::string>> all;
    for (const IpAddress& from : far()) all.emplace_back(from, uplink_);
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

bool gives_every_protocol_a_source(const Declaration& declared, const DeclaredTable& table, const NamespaceState& is,
                                   const PacketFilter& filter) {
  const auto gives_all = [&](Family family) { return Judgement(declared, table, is, family).gives_all(filter); };
  return gives_all(Family::kIpv4) || gives_all(Family::kIpv6);
}

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
