#include "suites/common/network_cases.h"

#include <fmt/format.h>

#include <linux/neighbour.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <variant>

#include "harness/base/text.h"
#include "harness/conformance/same_network.h"
#include "harness/conformance/shared_node.h"
#include "harness/testing/matchers.h"
#include "suites/common/parameters.h"

namespace netns_lab::suites {
namespace {

constexpr std::uint32_t kTcpPayload = 6'000;  // four times the MTU: TCP fills segments

// `link`, in namespace `here`, has its peer in namespace `there`.
void expect_peer_in(const Snapshot& node, const NamespaceState& here, const Link& link, const NamespaceState& there) {
  std::uint64_t inode = here.inode;
  std::string seen = "the link's own namespace";
  if (link.peer_netnsid) {
    const auto found = here.netnsids.find(*link.peer_netnsid);
    inode = found == here.netnsids.end() ? 0 : found->second;
    const auto named = std::find_if(node.namespaces.begin(), node.namespaces.end(),
                                    [inode](const NamespaceState& state) { return state.inode == inode; });
    seen = inode == 0 || named == node.namespaces.end() ? "a namespace that has no name on the node"
                                                        : place_text(named->name);
  }
  if (inode == there.inode) return;
  ADD_FAILURE() << link.name << "'s peer should be in " << place_text(there.name) << " and is in " << seen;
}

}  // namespace

EchoSpec echoes(const std::string& from, const IpAddress& to, std::uint32_t payload, bool dont_fragment,
                std::vector<std::string> watch) {
  EchoSpec spec;
  spec.network_namespace = from;
  spec.destination = to;
  spec.payload_size = payload;
  spec.dont_fragment = dont_fragment;
  spec.count = 3;
  spec.interval = std::chrono::microseconds(100);
  spec.watch = std::move(watch);
  return spec;
}

Talk talk_between(Transport transport, const std::string& from, const std::string& to, const IpAddress& destination) {
  Talk talk;
  talk.server.network_namespace = to;
  talk.server.transport = transport;
  talk.server.address = destination;
  talk.client.network_namespace = from;
  talk.client.transport = transport;
  talk.client.destination = destination;
  talk.client.watch = {from, to};
  if (transport == Transport::kTcp) talk.client.payload_size = kTcpPayload;
  return talk;
}

IpAddress NetworkCases::node_source(const EchoReport& report) {
  if (!report.source) return uplink_address();
  const NamespaceState* node_state = before().find_namespace("");
  const bool is_own = node_state != nullptr &&
                      std::any_of(node_state->addresses.begin(), node_state->addresses.end(),
                                  [&](const InterfaceAddress& own) { return own.prefix.address == *report.source; });
  EXPECT_TRUE(is_own) << "the node sends to the container from " << *report.source
                      << ", which was no address of it before the build";
  return *report.source;
}

std::uint32_t NetworkCases::mtu() const {
  for (const Change& change : topology().build) {
    const auto* const pair = std::get_if<CreateVeth>(&change);
    if (pair != nullptr) return pair->mtu.value_or(kEthernetMtu);
  }
  return kEthernetMtu;
}

std::vector<std::uint32_t> NetworkCases::about_full_payloads() const {
  std::vector<std::uint32_t> payloads{full_payload()};
  if (some_are_over_mtu()) payloads.push_back(full_payload() + 1);
  return payloads;
}

std::uint32_t NetworkCases::large_payload() const { return std::min(2 * mtu(), kMostPayload); }

const Route& NetworkCases::declared_route(const std::string& network_namespace) const {
  const auto& routes = declared().routes;
  return std::find_if(routes.begin(), routes.end(),
                      [&](const DeclaredRoute& route) { return route.network_namespace == network_namespace; })
      ->route;
}

std::vector<Prefix> NetworkCases::declared_addresses(const std::string& network_namespace,
                                                     const std::string& link) const {
  std::vector<Prefix> prefixes;
  for (const DeclaredAddress& entry : declared().addresses) {
    if (entry.network_namespace == network_namespace && entry.link == link) prefixes.push_back(entry.prefix);
  }
  return prefixes;
}

namespace {

// "ip -n netns1 link", on the node itself "ip link".
std::string ip_link_in(const std::string& network_namespace) {
  return network_namespace.empty() ? "ip link" : fmt::format("ip -n {} link", network_namespace);
}
std::string said(const std::string& network_namespace) {
  return network_namespace.empty() ? "on the node" : "in " + network_namespace;
}

}  // namespace

std::string NetworkCases::where_it_is(const std::string& link, const std::string& wanted) {
  if (this->link(wanted, link) != nullptr) return "";
  for (const NamespaceState& other : after().namespaces) {
    if (other.name == wanted || other.find_link(link) == nullptr) continue;
    return fmt::format("\nThere is a {} {}; what moves it: {} set {} netns {}", link, said(other.name),
                       ip_link_in(other.name), link, wanted.empty() ? "1" : wanted);
  }
  return "";
}

std::string NetworkCases::what_raises(const std::string& name, const std::string& network_namespace) {
  const Link* const here = link(network_namespace, name);
  if (here == nullptr || here->is_up()) return "";
  return fmt::format("\n{} {} is down, nobody raised it: {} set {} up", name, said(network_namespace),
                     ip_link_in(network_namespace), name);
}

std::string NetworkCases::what_raises(const std::string& name, const std::string& network_namespace,
                                      const std::string& other, const std::string& others_namespace) {
  const std::string own = what_raises(name, network_namespace);
  return own.empty() ? what_raises(other, others_namespace) : own;
}

void NetworkCases::expect_mount_of_namespace(const std::string& name) {
  const NamespaceEntry* entry = after().find_entry(name);
  if (entry == nullptr) {
    std::vector<std::string> others;
    for (const NamespaceEntry& other : after().entries) {
      if (subject().before(looked_at()).find_entry(other.name) == nullptr) others.push_back(other.name);
    }
    FAIL() << "there is no /run/netns/" << name
           << (others.empty() ? ", and no other was made" : "; what was made: " + join(others, ", "));
  }
  ASSERT_TRUE(entry->is_nsfs_mount) << "/run/netns/" << name << " is a plain file, not a mount of a namespace";
  EXPECT_TRUE(entry->is_network) << "/run/netns/" << name << " is a namespace, but not a network namespace";
}

void NetworkCases::expect_one_name(const std::string& name) {
  const NamespaceEntry* entry = after().find_entry(name);
  ASSERT_NE(entry, nullptr);
  EXPECT_EQ(entry->mounts, 1U) << "mounts are stacked on /run/netns/" << name;
  for (const NamespaceEntry& other : after().entries) {
    if (other.name == name) continue;
    EXPECT_NE(other.inode, entry->inode) << "/run/netns/" << other.name << " is a second name of " << name;
  }
}

void NetworkCases::expect_pair(const std::string& outer, const std::string& network_namespace,
                               const std::string& inner) {
  expect_pair({"", outer}, {network_namespace, inner});
}

void NetworkCases::expect_pair(const DeclaredLink& one, const DeclaredLink& other) {
  const Link* outer = link(one.network_namespace, one.name);
  const Link* inner = link(other.network_namespace, other.name);
  ASSERT_THAT(outer, ::testing::Ne(nullptr));
  ASSERT_THAT(inner, ::testing::Ne(nullptr));
  EXPECT_EQ(outer->peer_index.value_or(0), inner->index)
      << one.name << "'s peer is another interface than " << other.name;
  EXPECT_EQ(inner->peer_index.value_or(0), outer->index)
      << other.name << "'s peer is another interface than " << one.name;
  expect_peer_in(after(), *state(one.network_namespace), *outer, *state(other.network_namespace));
  expect_peer_in(after(), *state(other.network_namespace), *inner, *state(one.network_namespace));
}

void NetworkCases::expect_known_by(const Link* owner, const NamespaceState* state, const std::string& link,
                                   const std::optional<IpAddress>& address) {
  if (owner == nullptr || state == nullptr) return;
  for (const Neighbour& entry : state->neighbours) {
    const bool is_resolved = (entry.state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)) != 0;
    if (entry.link != link || !is_resolved || !entry.mac || (address && entry.address != *address)) continue;
    if (*entry.mac == owner->mac) continue;
    ADD_FAILURE() << place_text(state->name) << " takes " << entry.address << " to be at " << *entry.mac << " on "
                  << link << "; its owner " << owner->name << " is at " << owner->mac;
  }
}

void NetworkCases::expect_talked(const Talk& talk, const Way& way) {
  const ExchangeReport report = this->talk(talk);
  EXPECT_THAT(report, CameBackIntact(way)) << why(talk, report, way);
}

void NetworkCases::forget_neighbours() {
  SnapshotOptions options;
  options.processes = false;
  options.files = false;
  options.addressing_only = true;
  const Snapshot now = value(node().snapshot(options));
  std::vector<Change> changes;
  for (const DeclaredLink& end : declared().links) {
    const NamespaceState* state = now.find_namespace(end.network_namespace);
    if (state == nullptr) continue;
    for (const Neighbour& entry : state->neighbours) {
      if (entry.link != end.name || entry.is_permanent() || entry.is_proxy() || entry.address.is_multicast()) continue;
      changes.emplace_back(DeleteNeighbour{end.network_namespace, end.name, entry.address});
    }
  }
  if (!changes.empty()) value(node().apply(std::move(changes)));
}

std::string NetworkCases::machines_own_settings() {
  std::vector<std::string> others;
  for (const Change& change : topology().tear_down) {
    const auto* const setting = std::get_if<SetSysctl>(&change);
    if (setting == nullptr || !setting->network_namespace.empty()) continue;
    const auto& sysctls = before().find_namespace("")->sysctls;
    const auto found = sysctls.find(setting->key);
    if (found != sysctls.end() && found->second != setting->value)
      others.push_back(fmt::format("{} is {}", setting->key, found->second));
  }
  return join(others, ", ");
}

// `all` but those that are in `tied`: whose they are nobody can tell.
void NetworkCases::tell_untied(const std::vector<std::string>& all, const std::vector<std::string>& tied) {
  for (const std::string& finding : all) {
    if (std::find(tied.begin(), tied.end(), finding) == tied.end()) tell_of_others(finding);
  }
}

void NetworkCases::judge_undeclared(Area area) {
  if (!on_this_machine()) {
    EXPECT_THAT(after(), NothingUndeclared(area, before(), declared()));
    return;
  }
  const Snapshot tied = tied_to_target(before(), after(), declared());
  EXPECT_THAT(tied, NothingUndeclared(area, before(), declared()));
  tell_untied(undeclared(area, before(), after(), declared()), undeclared(area, before(), tied, declared()));
}

void NetworkCases::judge_tear_down() {
  if (const std::string others = machines_own_settings(); on_this_machine() && !others.empty()) {
    GTEST_SKIP() << "on this machine " << others
                 << ", which a right tear-down leaves as a lab's node has it; use --lab sandbox";
  }
  Subject& subject = fresh_subject();
  if (subject.builds() == 0) value(subject.build(Look::kLinks));
  // Where nothing was built it is no wonder that nothing is left.
  if (!is_told_that_build_failed()) {
    on_each_node([&] {
      const TargetOutcome& outcome = subject.outcome(looked_at());
      EXPECT_TRUE(outcome.succeeded) << "the build before it failed: " << outcome.failure << "\n"
                                     << outcome.output << others_beside(subject);
    });
  }
  if (&subject != &this->subject()) no_more_probes(this->subject());
  value(subject.tear_down());
  on_each_node([&] { expect_torn_down(subject); });
  if (HasFailure()) spoil_fresh_subject();
}

void NetworkCases::expect_torn_down(Subject& subject) {
  const std::size_t node = looked_at();
  const TargetOutcome& outcome = subject.tear_down_outcome(node);
  EXPECT_TRUE(outcome.succeeded) << outcome.failure << "\n" << outcome.output << others_beside(subject);
  const Snapshot& was = subject.before(node);
  Snapshot now = value(subject.observe(Look::kNode, node));
  if (on_this_machine()) {
    Snapshot tied = tied_to_target(was, now, declared());
    tell_untied(left_behind(was, now), left_behind(was, tied));
    now = std::move(tied);
  }
  EXPECT_THAT(now, SameAsBefore(was));
}

void NetworkCases::judge_rebuild(const std::function<void(Subject&)>& reached) {
  Subject& subject = fresh_subject();
  if (subject.builds() == 0) value(subject.build(Look::kLinks));
  std::vector<Snapshot> first;  // copies: in a lab without a second node the rebuild replaces them
  on_each_node([&] { first.push_back(without_sysctls(after())); });
  value(subject.tear_down());
  value(subject.build(Look::kLinks));
  reached(subject);
  no_more_probes(subject);
  // After the probe, whose captures close meanwhile.
  on_each_node([&] {
    const std::size_t node = looked_at();
    const TargetOutcome& outcome = subject.outcome(node);
    EXPECT_TRUE(outcome.succeeded) << outcome.failure << "\n" << outcome.output << others_beside(subject);
    const Snapshot& was = subject.before(node);
    Snapshot second = value(subject.observe(Look::kObjects, node));
    if (on_this_machine()) {
      first.at(node) = tied_to_target(was, std::move(first.at(node)), declared());
      second = tied_to_target(was, std::move(second), declared());
    }
    EXPECT_THAT(second, BuiltLike(first.at(node), was, declared()));
  });
  if (HasFailure()) spoil_fresh_subject();
}

}  // namespace netns_lab::suites
