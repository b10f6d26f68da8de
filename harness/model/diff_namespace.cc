#include "harness/model/diff_namespace.h"

#include <fmt/format.h>

#include <set>
#include <tuple>
#include <type_traits>
#include <utility>

#include "harness/base/text.h"
#include "harness/model/diff_list.h"

namespace netns_lab {
namespace {

constexpr std::uint32_t kTentativeFlag = 0x40;  // IFA_F_TENTATIVE

// Collects "mtu 1500" / "mtu 1400" for each attribute that differs.
class Attributes {
 public:
  void add(const char* name, const std::string& before, const std::string& after) {
    if (before == after) return;
    append(before_, name, before);
    append(after_, name, after);
  }
  void add_settings(const BridgeSettings& before, const BridgeSettings& after) {
    const auto text = [](const BridgeSettings& settings, const std::string& name) {
      const auto found = settings.find(name);
      return found == settings.end() ? std::string() : std::to_string(found->second);
    };
    BridgeSettings all = before;
    all.insert(after.begin(), after.end());
    for (const auto& [name, value] : all) add(name.c_str(), text(before, name), text(after, name));
  }
  bool none() const { return before_.empty(); }
  const std::string& before() const { return before_; }
  const std::string& after() const { return after_; }

 private:
  static void append(std::string& text, const char* name, const std::string& value) {
    if (!text.empty()) text += ", ";
    text += fmt::format("{} {}", name, value.empty() ? "none" : visible_line(value));
  }
  std::string before_;
  std::string after_;
};

template <typename T>
std::string or_none(const std::optional<T>& value) {
  return value ? printed(*value) : std::string();
}

class Comparison {
 public:
  Comparison(const NamespaceState& before, const NamespaceState& after, const DiffOptions& options,
             const PeerName& peer_before, const PeerName& peer_after)
      : before_(before), after_(after), options_(options), peer_before_(peer_before), peer_after_(peer_after) {}

  std::vector<Finding> findings() {
    links();
    addresses();
    routes();
    rules();
    neighbours();
    forwarding();
    qdiscs();
    nft_tables();
    sockets();
    further();
    sysctls();
    return std::move(findings_);
  }

 private:
  void add(Finding::Kind kind, const char* object, std::string subject, std::string before, std::string after) {
    findings_.push_back({.kind = kind,
                         .network_namespace = after_.name,
                         .object = object,
                         .subject = std::move(subject),
                         .before = std::move(before),
                         .after = std::move(after)});
  }

  // `key` tells objects apart, `differing` says what two of one key differ in, `kept` leaves out what is not to be
  // compared.
  template <typename T, typename Key, typename Differing, typename Subject, typename Kept>
  void compare(const char* object, const std::vector<T>& before, const std::vector<T>& after, Key key,
               Differing differing, Subject subject, Kept kept) {
    const auto pointers = [&kept](const std::vector<T>& items) {
      std::vector<const T*> found;
      for (const T& item : items) {
        if (kept(item)) found.push_back(&item);
      }
      return found;
    };
    const auto same = [&](const T& a, const T& b) {
      if constexpr (!std::is_same_v<T, Link>) {  // equal links may have peers that are not
        if (a == b) return true;
      }
      return key(a) == key(b) && differing(a, b).none();
    };
    const ListDifference<T> difference = compare_lists<T>(pointers(before), pointers(after), same, key);
    for (const T* one : difference.removed) add(Finding::Kind::kRemoved, object, subject(*one), text(*one), "");
    for (const auto& [old, now] : difference.changed) {
      const Attributes attributes = differing(*old, *now);
      add(Finding::Kind::kChanged, object, subject(*now), attributes.before(), attributes.after());
    }
    for (const T* one : difference.added) add(Finding::Kind::kAdded, object, subject(*one), "", text(*one));
  }

  template <typename T>
  static std::string text(const T& value) {
    return visible_line(printed(value));
  }

  static constexpr auto kEvery = [](const auto&) { return true; };
  static constexpr auto kNoAttributes = [](const auto&, const auto&) { return Attributes(); };

  static std::string master(const NamespaceState& state, const Link& link) {
    if (!link.master) return "";
    const Link* found = state.find_link(*link.master);
    return found != nullptr ? found->name : fmt::format("#{}", *link.master);
  }

  // With the uplink by its name: indexes differ from build to build.
  static std::string vxlan(const NamespaceState& state, const Link& link) {
    if (!link.vxlan) return "";
    VxlanSettings settings = *link.vxlan;
    const Link* uplink = state.find_link(std::exchange(settings.link_index, 0));
    return (uplink == nullptr ? "" : "dev " + uplink->name + " ") + to_string(settings);
  }

  void links() {
    const auto differing = [this](const Link& a, const Link& b) {
      Attributes attributes;
      attributes.add("kind", a.kind, b.kind);
      attributes.add("mac", a.mac.to_string(), b.mac.to_string());
      attributes.add("broadcast", a.broadcast.to_string(), b.broadcast.to_string());
      attributes.add("mtu", std::to_string(a.mtu), std::to_string(b.mtu));
      attributes.add("flags", a.flags_text(), b.flags_text());
      attributes.add("state", to_string(a.operstate), to_string(b.operstate));
      attributes.add("carrier", a.carrier ? "yes" : "no", b.carrier ? "yes" : "no");
      attributes.add("master", master(before_, a), master(after_, b));
      attributes.add("peer", peer_before_(a), peer_after_(b));
      attributes.add("group", std::to_string(a.group), std::to_string(b.group));
      attributes.add("promiscuity", std::to_string(a.promiscuity), std::to_string(b.promiscuity));
      attributes.add("qdisc", a.qdisc, b.qdisc);
      attributes.add("alias", a.alias, b.alias);
      attributes.add("alternative names", join(a.alternative_names, " "), join(b.alternative_names, " "));
      attributes.add_settings(a.bridge, b.bridge);
      attributes.add_settings(a.bridge_port, b.bridge_port);
      attributes.add("vxlan", vxlan(before_, a), vxlan(after_, b));
      attributes.add_settings(a.settings, b.settings);
      attributes.add("switched off", join(a.switched_off, " "), join(b.switched_off, " "));
      attributes.add("token", or_none(a.token), or_none(b.token));
      attributes.add("xdp", a.xdp_attached ? "attached" : "", b.xdp_attached ? "attached" : "");
      return attributes;
    };
    const auto name = [](const Link& link) { return link.name; };
    compare("link", before_.links, after_.links, name, differing, name, kEvery);
  }

  void addresses() {
    const auto flags = [this](const InterfaceAddress& address) {
      InterfaceAddress kept = address;
      if (!options_.tentative) kept.flags &= ~kTentativeFlag;
      return kept.flags_text();
    };
    const auto lifetime = [this](std::uint32_t seconds, std::uint32_t other) {
      if (seconds == kForeverLifetime) return std::string("forever");
      if (!options_.counting_lifetimes && other != kForeverLifetime) return std::string("limited");
      return fmt::format("{} s", seconds);
    };
    const auto differing = [flags, lifetime](const InterfaceAddress& a, const InterfaceAddress& b) {
      Attributes attributes;
      attributes.add("broadcast", or_none(a.broadcast), or_none(b.broadcast));
      attributes.add("scope", to_string(a.scope), to_string(b.scope));
      attributes.add("flags", flags(a), flags(b));
      attributes.add("valid", lifetime(a.valid_lifetime, b.valid_lifetime),
                     lifetime(b.valid_lifetime, a.valid_lifetime));
      attributes.add("preferred", lifetime(a.preferred_lifetime, b.preferred_lifetime),
                     lifetime(b.preferred_lifetime, a.preferred_lifetime));
      attributes.add("label", a.label, b.label);
      return attributes;
    };
    const auto key = [](const InterfaceAddress& address) {
      return std::tie(address.link, address.prefix, address.peer);
    };
    const auto subject = [](const InterfaceAddress& address) {
      return fmt::format("{} on {}", address.prefix.to_string(), visible_line(address.link));
    };
    compare("address", before_.addresses, after_.addresses, key, differing, subject, kEvery);
  }

  void routes() {
    const auto differing = [](const Route& a, const Route& b) {
      Attributes attributes;
      if (printed(a) != printed(b)) attributes.add("route", printed(a), printed(b));
      return attributes;
    };
    const auto key = [](const Route& route) {
      return std::tie(route.destination, route.source, route.table, route.tos, route.metric);
    };
    const auto subject = [](const Route& route) {
      return route.destination.is_default_route() ? to_string(route.destination.address.family()) + " default"
                                                  : route.destination.to_string();
    };
    const auto kept = [this](const Route& route) {
      return options_.kernel_routes || route.protocol != kKernelProtocol;
    };
    compare("route", before_.routes, after_.routes, key, differing, subject, kept);
  }

  void rules() {
    const auto differing = [](const RoutingRule& a, const RoutingRule& b) {
      Attributes attributes;
      if (!(a == b)) attributes.add("rule", printed(a), printed(b));
      return attributes;
    };
    const auto key = [](const RoutingRule& rule) { return std::tie(rule.family, rule.priority); };
    const auto subject = [](const RoutingRule& rule) {
      return fmt::format("{} {}", to_string(rule.family), rule.priority);
    };
    compare("rule", before_.rules, after_.rules, key, differing, subject, kEvery);
  }

  void neighbours() {
    const auto differing = [this](const Neighbour& a, const Neighbour& b) {
      Attributes attributes;
      attributes.add("mac", or_none(a.mac), or_none(b.mac));
      if (options_.dynamic_neighbours || a.is_permanent() != b.is_permanent()) {
        attributes.add("state", a.state_text(), b.state_text());
      }
      attributes.add("flags", fmt::format("0x{:x}", a.flags), fmt::format("0x{:x}", b.flags));
      return attributes;
    };
    const auto key = [](const Neighbour& neighbour) { return std::tie(neighbour.link, neighbour.address); };
    const auto subject = [](const Neighbour& neighbour) {
      return fmt::format("{} on {}", neighbour.address.to_string(), visible_line(neighbour.link));
    };
    const auto kept = [this](const Neighbour& neighbour) {
      return options_.dynamic_neighbours || neighbour.is_static();
    };
    compare("neighbour", before_.neighbours, after_.neighbours, key, differing, subject, kept);
  }

  void forwarding() {
    const auto differing = [](const ForwardingEntry& a, const ForwardingEntry& b) {
      Attributes attributes;
      attributes.add("state", neighbour_state_text(a.state), neighbour_state_text(b.state));
      attributes.add("flags", neighbour_flags_text(a.flags), neighbour_flags_text(b.flags));
      attributes.add("destination", or_none(a.destination), or_none(b.destination));
      return attributes;
    };
    const auto key = [](const ForwardingEntry& entry) { return std::tie(entry.link, entry.mac, entry.vlan); };
    const auto subject = [](const ForwardingEntry& entry) {
      return fmt::format("{} behind {}", entry.mac.to_string(), visible_line(entry.link));
    };
    const auto kept = [this](const ForwardingEntry& entry) {
      return options_.dynamic_neighbours || !entry.is_learned();
    };
    compare("forwarding entry", before_.forwarding, after_.forwarding, key, differing, subject, kept);
  }

  void qdiscs() {
    const auto differing = [](const QueueDiscipline& a, const QueueDiscipline& b) {
      Attributes attributes;
      if (!(a == b)) attributes.add("qdisc", printed(a), printed(b));
      return attributes;
    };
    const auto key = [](const QueueDiscipline& qdisc) { return std::tie(qdisc.link, qdisc.parent); };
    const auto subject = [](const QueueDiscipline& qdisc) { return qdisc.kind + " on " + visible_line(qdisc.link); };
    compare("qdisc", before_.qdiscs, after_.qdiscs, key, differing, subject, kEvery);
  }

  void nft_tables() {
    const auto text_of = [](const PacketFilter& table) { return to_string(table); };
    compare("nft table", before_.nft_tables, after_.nft_tables, text_of, kNoAttributes, text_of, kEvery);
  }

  void sockets() {
    const auto key = [](const BoundSocket& socket) { return std::tie(socket.protocol, socket.address, socket.port); };
    const auto subject = [](const BoundSocket& socket) { return printed(socket); };
    compare("socket", before_.sockets, after_.sockets, key, kNoAttributes, subject, kEvery);
  }

  void further() {
    const auto key = [](const FurtherObject& object) { return std::tie(object.kind, object.name); };
    const auto differing = [](const FurtherObject& a, const FurtherObject& b) {
      Attributes attributes;
      attributes.add("as", a.details, b.details);
      return attributes;
    };
    const auto subject = [](const FurtherObject& object) { return object.name; };
    std::set<std::string> kinds;
    for (const auto* objects : {&before_.further, &after_.further}) {
      for (const FurtherObject& object : *objects) kinds.insert(object.kind);
    }
    for (const std::string& kind : kinds) {
      const auto kept = [&kind](const FurtherObject& object) { return object.kind == kind; };
      compare(kind.c_str(), before_.further, after_.further, key, differing, subject, kept);
    }
  }

  void sysctls() {
    for (const auto& [key, value] : before_.sysctls) {
      const auto now = after_.sysctls.find(key);
      if (now == after_.sysctls.end()) {
        if (options_.sysctls_of_one_side)
          add(Finding::Kind::kRemoved, "sysctl", key, key + " = " + visible_line(value), "");
      } else if (now->second != value) {
        add(Finding::Kind::kChanged, "sysctl", key, visible_line(value), visible_line(now->second));
      }
    }
    if (!options_.sysctls_of_one_side) return;
    for (const auto& [key, value] : after_.sysctls) {
      if (before_.sysctls.count(key) == 0)
        add(Finding::Kind::kAdded, "sysctl", key, "", key + " = " + visible_line(value));
    }
  }

  const NamespaceState& before_;
  const NamespaceState& after_;
  const DiffOptions& options_;
  const PeerName& peer_before_;
  const PeerName& peer_after_;
  std::vector<Finding> findings_;
};

}  // namespace

std::vector<Finding> diff_contents(const NamespaceState& before, const NamespaceState& after,
                                   const DiffOptions& options, const PeerName& peer_before,
                                   const PeerName& peer_after) {
  return Comparison(before, after, options, peer_before, peer_after).findings();
}

}  // namespace netns_lab
