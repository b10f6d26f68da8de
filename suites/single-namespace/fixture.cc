#include "suites/single-namespace/fixture.h"

#include <fmt/format.h>

#include <array>

#include "harness/testing/matchers.h"

namespace netns_lab::single_namespace {
namespace {

using std::chrono::milliseconds;

constexpr auto kThirdLink = "eth0";
// Addresses for benchmarking and documentation: no real network has them (RFC 2544, C.2.2; RFC 3849).
// A subnet each: the kernel may still be at the first one's link when the second comes, and a route back over that link
// would have strict reverse-path filtering (RFC 3704) drop what the second one sends.
struct Sides {
  const char* node;
  const char* third;
};
constexpr std::array<Sides, 2> kIpv4Sides = {
    {{"198.18.200.1/30", "198.18.200.2/30"}, {"198.18.200.5/30", "198.18.200.6/30"}}};
constexpr std::array<Sides, 2> kIpv6Sides = {
    {{"2001:db8:200::1/64", "2001:db8:200::2/64"}, {"2001:db8:200:1::1/64", "2001:db8:200:1::2/64"}}};

Prefix prefix_of(const char* text) { return Prefix::parse(text).value(); }

}  // namespace

void SingleNamespace::SetUp() {
  ConformanceTest::SetUp();
  if (!can_be_judged()) return;
  std::vector<EchoSpec> specs;
  for (const std::uint32_t payload : {0U, kPayload, large_payload()}) {
    specs.push_back(echo_in(payload));
    specs.push_back(echo_out(payload));
  }
  for (const std::uint32_t payload : about_full_payloads()) {
    specs.push_back(echo_in(payload, true));
    specs.push_back(echo_out(payload, true));
  }
  std::vector<Talk> talks;
  for (const Transport transport : {Transport::kUdp, Transport::kTcp}) {
    talks.push_back(talk_in(transport));
    talks.push_back(talk_out(transport));
  }
  plan(std::move(specs), std::move(talks));
}

EchoSpec SingleNamespace::echo_in(std::uint32_t payload, bool dont_fragment) const {
  return suites::echoes("", address(), payload, dont_fragment, {"", con()});
}

EchoSpec SingleNamespace::echo_out(std::uint32_t payload, bool dont_fragment) {
  return suites::echoes(con(), uplink_address(), payload, dont_fragment, {"", con()});
}

Talk SingleNamespace::talk_in(Transport transport) const {
  return suites::talk_between(transport, "", con(), address());
}

Talk SingleNamespace::talk_out(Transport transport) {
  return suites::talk_between(transport, con(), "", uplink_address());
}

void SingleNamespace::expect_echoes_both_ways(Subject& subject) {
  const auto reports = ping_on(subject, {echo_in(kPayload), echo_out(kPayload)});
  EXPECT_THAT(reports[0], EveryEchoAnswered(From(address()), Crossing(inward()), PayloadIntact()));
  EXPECT_THAT(reports[1], EveryEchoAnswered(From(uplink_address()), Crossing(outward()), PayloadIntact()));
}

ThirdNamespace::ThirdNamespace(Subject& subject, int number, Family family)
    : subject_(&subject),
      family_(family),
      name_(fmt::format("netns-lab-third{}", number)),
      node_link_(fmt::format("nl-third{}", number)),
      key_(family == Family::kIpv4 ? fmt::format("net.ipv4.conf.{}.forwarding", node_link_)
                                   : "net.ipv6.conf.all.forwarding") {
  const NamespaceState* node_state = subject.before().find_namespace("");
  if (node_state == nullptr) return;
  // Whether a packet is forwarded is up to the link it comes in by (IN_DEV_FORWARD), and a new one starts with
  // `default`; in IPv6 one setting counts for all. Of the node as the target found it: what that changed is its own.
  const auto found = node_state->sysctls.find(family == Family::kIpv4 ? "net.ipv4.conf.default.forwarding" : key_);
  if (found != node_state->sysctls.end()) value_before_ = found->second;
}

Result<ThirdNamespace> ThirdNamespace::create(Subject& subject, int number, Family family) {
  ThirdNamespace third(subject, number, family);
  const Sides& sides = (family == Family::kIpv4 ? kIpv4Sides : kIpv6Sides).at(static_cast<std::size_t>(number));
  CreateVeth pair;
  pair.name = third.node_link_;
  pair.peer_namespace = third.name_;
  pair.peer_name = kThirdLink;
  pair.up = true;
  AddAddress node_side;
  node_side.link = third.node_link_;
  node_side.prefix = prefix_of(sides.node);
  AddAddress third_side;
  third_side.network_namespace = third.name_;
  third_side.link = kThirdLink;
  third_side.prefix = prefix_of(sides.third);
  SetLink raise;
  raise.network_namespace = third.name_;
  raise.name = kThirdLink;
  raise.up = true;
  Route way_out;
  way_out.destination = Prefix::default_route(family);
  NextHop hop;
  hop.link = kThirdLink;
  hop.gateway = node_side.prefix.address;
  way_out.hops = {hop};
  // The one before it may still be going (--repeat): the kernel deletes its link some 30 ms after its namespace.
  protocol::AwaitRequest gone;
  gone.links = {{"", third.node_link_, false, false}};
  gone.absent_namespaces = {third.name_};
  NETNS_LAB_TRY(subject.node().await_kernel(gone, milliseconds(5'000)));
  NETNS_LAB_TRY(subject.node().apply(
      {CreateNamespace{third.name_}, pair, node_side, third_side, raise, AddRoute{third.name_, way_out}}));
  protocol::AwaitRequest up;
  up.links = {{"", third.node_link_, true, true}, {third.name_, kThirdLink, true, true}};
  NETNS_LAB_TRY(subject.node().await_kernel(up, milliseconds(3'000)));
  return third;
}

ThirdNamespace::ThirdNamespace(ThirdNamespace&& other) noexcept
    : subject_(std::exchange(other.subject_, nullptr)),
      family_(other.family_),
      name_(std::move(other.name_)),
      node_link_(std::move(other.node_link_)),
      key_(std::move(other.key_)),
      value_before_(std::move(other.value_before_)),
      has_changed_the_node_(std::exchange(other.has_changed_the_node_, false)) {}

ThirdNamespace::~ThirdNamespace() {
  if (subject_ == nullptr) return;
  // What cannot be undone here is undone when the session ends: the names are claimed, the sysctl is journalled.
  std::vector<Change> undo = {DeleteNamespace{name_}};
  if (has_changed_the_node_) undo.insert(undo.begin(), SetSysctl{"", key_, value_before_});
  static_cast<void>(subject_->node().apply(std::move(undo)));
}

EchoSpec ThirdNamespace::echo_to(const IpAddress& destination, std::vector<std::string> watch,
                                 milliseconds reply_wait) const {
  EchoSpec spec = suites::echoes(name_, destination, 56, false, std::move(watch));
  spec.reply_wait = reply_wait;
  return spec;
}

bool ThirdNamespace::changes_the_node(bool on) const {
  return family_ == Family::kIpv6 && value_before_ != (on ? "1" : "0");
}

Result<void> ThirdNamespace::set_forwarding(bool on) {
  if (value_before_ == (on ? "1" : "0")) return {};
  has_changed_the_node_ = changes_the_node(on);
  return subject_->node().apply({SetSysctl{"", key_, on ? "1" : "0"}});
}

}  // namespace netns_lab::single_namespace
