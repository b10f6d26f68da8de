#include "suites/overlay/fixture.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "harness/base/text.h"
#include "harness/testing/matchers.h"

namespace netns_lab::overlay {
namespace {

template <typename Made>
const Made* find_change(const Topology& topology) {
  for (const Change& change : topology.build) {
    if (const auto* found = std::get_if<Made>(&change)) return found;
  }
  return nullptr;
}

// As the kernel makes a VXLAN link that nobody asked more of (vxlan_setup, vxlan_dev_configure,
// drivers/net/vxlan/vxlan_core.c); "df" and "ttl_inherit" are newer than the oldest kernels, which tell nothing of
// them.
struct Default {
  const char* name;
  std::uint32_t value;
};
constexpr std::array kDefaults = {
    Default{"proxy", 0},   Default{"rsc", 0},       Default{"l2miss", 0},         Default{"l3miss", 0},
    Default{"ttl", 0},     Default{"tos", 0},       Default{"udp6zerocsumtx", 0}, Default{"udp6zerocsumrx", 0},
    Default{"df", 0},      Default{"maxaddr", 0},   Default{"ageing", 300},       Default{"external", 0},
    Default{"gbp", 0},     Default{"gpe", 0},       Default{"ttl_inherit", 0},    Default{"remcsumtx", 0},
    Default{"udpcsum", 1}, Default{"remcsumrx", 0},
};

}  // namespace

std::vector<std::string> vxlan_findings(const VxlanSettings& seen, const CreateVxlan& declared, std::uint32_t uplink) {
  std::vector<std::string> findings;
  const auto compare = [&](const char* what, const std::string& is, const std::string& wanted) {
    if (is != wanted) findings.push_back(fmt::format("its {} is {}, not {}", what, is, wanted));
  };
  const auto text = [](const std::optional<IpAddress>& address) { return address ? address->to_string() : "none"; };
  compare("VNI", std::to_string(seen.vni), std::to_string(declared.vni));
  compare("UDP port", std::to_string(seen.port), std::to_string(declared.port));
  compare("local address", text(seen.local), declared.local.to_string());
  // `remote` makes an entry for all zeros; without it the entry may be made by hand, and is a claim of its own.
  if (seen.remote) compare("remote address", text(seen.remote), text(declared.remote));
  if (seen.link_index != uplink) {
    findings.push_back(seen.link_index == 0
                           ? "it is bound to no uplink"
                           : fmt::format("it is bound to link {}, not to the uplink", seen.link_index));
  }
  for (const auto& [name, value] : seen.other) {
    if (name == "learning") {
      compare("learning", std::to_string(value), declared.learning ? "1" : "0");
      continue;
    }
    const auto usual = std::find_if(kDefaults.begin(), kDefaults.end(),
                                    [&name = name](const Default& one) { return one.name == name; });
    if (usual != kDefaults.end() && usual->value != value)
      findings.push_back(fmt::format("its {} is {}; the kernel makes one with {}", name, value, usual->value));
  }
  if (!seen.other.contains("learning")) findings.emplace_back("the kernel does not tell whether it learns");
  return findings;
}

const CreateVxlan* Overlay::vxlan(std::size_t node) const { return find_change<CreateVxlan>(on(node)); }
const CreateTunRelay* Overlay::relay(std::size_t node) const { return find_change<CreateTunRelay>(on(node)); }

std::uint16_t Overlay::tunnel_port() const { return is_vxlan() ? vxlan(0)->port : relay(0)->port; }

Prefix Overlay::tunnel_address(std::size_t node) const {
  for (const Change& change : on(node).build) {
    const auto* added = std::get_if<AddAddress>(&change);
    if (added != nullptr && added->network_namespace.empty() && added->link == link_across()) return added->prefix;
  }
  return {};
}

const Link* Overlay::tunnel_link(std::size_t node) {
  const NamespaceState* state = subject().after(node).find_namespace("");
  return state == nullptr ? nullptr : state->find_link(link_across());
}

IpAddress Overlay::router(std::size_t node) {
  for (const IpAddress& address : subject().hello(node).outside_addresses) {
    if (address.family() == family() && !address.is_link_local()) return address;
  }
  lab_failed(Error::missing("the address of the router between the nodes", "the lab tells none of this family"));
}

std::string Overlay::uplink_text(std::size_t node) const {
  return fmt::format("{}'s {}", node_name(node), multi_node::kUplink);
}

Overlay::Passage Overlay::over_the_underlay(std::size_t from, const IpAddress& destination) {
  const std::size_t to = other_node(from);
  Passage made;
  made.from = from;
  made.source = node_ip(from);
  made.destination = destination;
  made.way = {place_on(node_name(from), ""), multi_node::kUplink, place_on(node_name(to), ""), multi_node::kUplink};
  constexpr std::uint8_t kRouted = 63;
  made.ttl = kRouted;
  made.bound_to = multi_node::kUplink;
  return made;
}

Overlay::OnTheUnderlay Overlay::look_at_underlay(std::vector<Passage> passages, std::uint32_t payload,
                                                 bool dont_fragment) {
  OnTheUnderlay seen;
  seen.passages = std::move(passages);
  std::array<protocol::Handle, 2> captures{};
  for (const std::size_t node : kNodes)
    captures.at(node) = value(subject().node(node).capture({.network_namespace = "", .link = multi_node::kUplink}));
  seen.reports = pings_of(seen.passages, payload, dont_fragment);
  for (const std::size_t node : kNodes) {
    // All of it has passed: the answers are back, or were waited for.
    std::string pcap;
    while (true) {
      protocol::ReadRequest request;
      request.handle = captures.at(node);
      Node::Chunk chunk = value(subject().node(node).read(request));
      if (chunk.reply.drops != 0)
        lab_failed(Error::internal("capture on " + uplink_text(node), "the kernel dropped packets"));
      if (chunk.output.empty()) break;
      pcap += chunk.output;
    }
    value(subject().node(node).close(captures.at(node)));
    seen.packets.at(node) = value(read_underlay(pcap, {.port = tunnel_port(), .vxlan = is_vxlan()}));
  }
  return seen;
}

Encapsulation Overlay::wanted_at(std::size_t node, const Passage& passage) {
  const std::size_t to = other_node(passage.from);
  Encapsulation want;
  want.place = uplink_text(node);
  want.near_tunnel = node_ip(passage.from);
  want.far_tunnel = node_ip(to);
  want.sender = passage.source;
  want.receiver = passage.destination;
  constexpr std::uint8_t kSent = 64, kRouted = 63;
  want.near_ttl = node == passage.from ? kSent : kRouted;
  want.far_ttl = node == to ? kSent : kRouted;
  want.headers = overhead(is_vxlan(), family());
  if (is_vxlan()) {
    want.vni = vxlan(0)->vni;
    want.near_mac = vxlan(passage.from)->mac;
    want.far_mac = vxlan(to)->mac;
  }
  return want;
}

void Overlay::expect_on_the_underlay(const OnTheUnderlay& seen, Judge judge) {
  for (std::size_t i = 0; i < seen.passages.size(); ++i) {
    const Passage& passage = seen.passages[i];
    for (const std::size_t node : kNodes) {
      const auto findings = judge(seen.packets.at(node), seen.reports.at(i), wanted_at(node, passage));
      EXPECT_TRUE(findings.empty()) << to_string(passage.way) << ":\n  - " << join(findings, "\n  - ");
    }
  }
}

}  // namespace netns_lab::overlay
