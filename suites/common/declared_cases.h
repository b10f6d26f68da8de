// The cases that every scenario can have for nothing: what it declares is there, nothing else is, and it goes and comes
// back as a whole. Catalogue::as_declared() words the claims.
//
//   class Mine : public suites::DeclaredCases {};
//   NETNS_LAB_SUITE(Mine, "mine");
//   NETNS_LAB_DECLARED(Mine, "mine");                                             // before the scenario's own claims
//   NETNS_LAB_CLAIM(Mine, ServersAreReached, "mine.served", expect_served(both_ways(0, 1)));
//   NETNS_LAB_LIFE(Mine, "mine", expect_reached(subject, both_ways(0, 1), {.ttl = 63}));  // last: on a fresh node
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "suites/common/closed_world_cases.h"
#include "suites/common/network_cases.h"

namespace netns_lab::suites {

class DeclaredCases : public NetworkCases {
 protected:
  // Of the node that is looked at, by what its topology declares.
  void judge_namespaces();
  void judge_links();
  void judge_links_up();
  void judge_addresses();
  void judge_routes();
  void judge_neighbours();
  void judge_forwarding();

  // A container by its number: in the order of the topology's attachments.
  const Attachment& container(std::size_t number) const { return topology().attachments.at(number); }
  static const IpAddress& address_of(const Attachment& container) { return container.addresses.front().address; }
  // The two, each as sender and as receiver.
  using Pairs = std::vector<std::pair<Attachment, Attachment>>;
  Pairs both_ways(std::size_t one, std::size_t other) const;
  // From a container's link to another's, whatever lies between.
  static Way way(const Attachment& from, const Attachment& to);

  // How a packet is sent, and how it must arrive.
  struct Packet {
    std::uint8_t ttl = 64;  // less one for each router on the way
    std::uint32_t payload = kPayload;
    bool dont_fragment = false;
  };
  // Every echo arrives at the receiver's link from the sender's address, intact, with that TTL, and is answered so,
  // once.
  void expect_reached(Subject& subject, const Pairs& pairs, const Packet& packet);
  void expect_reached(const Pairs& pairs, const Packet& packet) { expect_reached(subject(), pairs, packet); }
  // What the sender sends over UDP and TCP comes back intact from a server at the receiver's address.
  void expect_served(const Pairs& pairs);
  // The sender's kernel would send to the receiver by its own gateway, over its own link, from its own address.
  void expect_gateway_chosen(const Pairs& pairs);
  // The node's kernel would send to no container over a link of the scenario.
  void expect_node_apart();

 private:
  // What is seen there, by a matcher; that there is no such namespace is a failure.
  void expect_in(const std::string& network_namespace, const ::testing::Matcher<const NamespaceState&>& matcher);
  RouteAnswer way_chosen(const std::string& network_namespace, const IpAddress& destination);
};

}  // namespace netns_lab::suites

// A claim that a statement judges, on each node.
#define NETNS_LAB_CLAIM(fixture, name, id, ...) \
  TEST_P(fixture, name) {                       \
    REQUIREMENT(id);                            \
    on_each_node([this] { __VA_ARGS__; });      \
  }                                             \
  static_assert(true, "a semicolon may follow")

#define NETNS_LAB_DECLARED(fixture, scenario)                                                       \
  TEST_P(fixture, TargetReportsSuccess) {                                                           \
    REQUIREMENT(scenario ".build");                                                                 \
    on_each_node([this] {                                                                           \
      const TargetOutcome& outcome = build_outcome();                                               \
      EXPECT_TRUE(outcome.succeeded) << outcome.failure << "\n" << outcome.output;                  \
    });                                                                                             \
  }                                                                                                 \
  NETNS_LAB_CLAIM(fixture, NamespacesStand, scenario ".namespaces", judge_namespaces());            \
  NETNS_LAB_CLAIM(fixture, LinksStand, scenario ".links", judge_links());                           \
  NETNS_LAB_CLAIM(fixture, LinksAreUp, scenario ".links-up", judge_links_up());                     \
  NETNS_LAB_CLAIM(fixture, AddressesAreTheDeclared, scenario ".addresses", judge_addresses());      \
  NETNS_LAB_CLAIM(fixture, RoutesAreTheDeclared, scenario ".routes", judge_routes());               \
  NETNS_LAB_CLOSED_WORLD(fixture, scenario);                                                        \
  NETNS_LAB_CLAIM(fixture, NoOtherNeighbours, scenario ".no-other-neighbours", judge_neighbours()); \
  NETNS_LAB_CLAIM(fixture, NoOtherForwarding, scenario ".no-other-forwarding", judge_forwarding())

// Tear-down, and build again: then the statement judges, on `subject`, that packets pass again.
#define NETNS_LAB_LIFE(fixture, scenario, ...)                \
  TEST_P(fixture, TearDownLeavesNothing) {                    \
    REQUIREMENT(scenario ".tear-down");                       \
    judge_tear_down();                                        \
  }                                                           \
  TEST_P(fixture, RebuildWorks) {                             \
    REQUIREMENT(scenario ".rebuild");                         \
    judge_rebuild([this](Subject& subject) { __VA_ARGS__; }); \
  }                                                           \
  static_assert(true, "a semicolon may follow")
