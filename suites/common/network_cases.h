// What the cases of every scenario share: packets of the usual shape, what the scenario declares, and what neighbours
// know of each other.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "harness/conformance/closed_world.h"
#include "harness/testing/fixture.h"

namespace netns_lab::suites {

// Three echoes as ping(8) sends them but quicker, watched in these namespaces.
EchoSpec echoes(const std::string& from, const IpAddress& to, std::uint32_t payload, bool dont_fragment,
                std::vector<std::string> watch);
// A UDP or TCP exchange with a server at `destination` in namespace `to`; watched in both.
Talk talk_between(Transport transport, const std::string& from, const std::string& to, const IpAddress& destination);

class NetworkCases : public ConformanceTest {
 protected:
  bool v4() const { return family() == Family::kIpv4; }
  // Payload of an echo that fills the MTU: without IP and ICMP header.
  std::uint32_t full_payload() const { return mtu() - (v4() ? 28U : 48U); }
  // Of the containers' links, as the scenario declares it.
  std::uint32_t mtu() const;
  // Payload of an echo that must come in pieces: twice the MTU, or as much as an echo can carry.
  std::uint32_t large_payload() const;
  // Whether there are packets that are larger than the MTU at all; a case about such is skipped where not.
  bool some_are_over_mtu() const { return full_payload() < kMostPayload; }
  // The payloads that fill the MTU and, where there are such, go over it by one byte.
  std::vector<std::uint32_t> about_full_payloads() const;

  // The address from which the node's kernel sent that probe; it must be one of the node's.
  IpAddress node_source(const EchoReport& report);

  const Route& declared_route(const std::string& network_namespace) const;
  std::vector<Prefix> declared_addresses(const std::string& network_namespace, const std::string& link) const;

  // For a learner, behind a failed expectation: where a link is that is not where it should be, and what brings it
  // there; what raises a link, or the other end of its pair. "" where that is not plain.
  std::string where_it_is(const std::string& link, const std::string& wanted);
  std::string what_raises(const std::string& link, const std::string& network_namespace);
  std::string what_raises(const std::string& link, const std::string& network_namespace, const std::string& other,
                          const std::string& others_namespace);

  // /run/netns/NAME is a mount of a network namespace; the only name of it, mounted once.
  void expect_mount_of_namespace(const std::string& name);
  void expect_one_name(const std::string& name);
  // The two links, on the node and in that namespace, are each other's peer, each in its place.
  void expect_pair(const std::string& outer, const std::string& network_namespace, const std::string& inner);
  void expect_pair(const DeclaredLink& one, const DeclaredLink& other);

  // `state`'s entries on that link (those for `address`, if one is given) know only `owner`'s MAC.
  static void expect_known_by(const Link* owner, const NamespaceState* state, const std::string& link,
                              const std::optional<IpAddress>& address = std::nullopt);

  // Everything sent comes back intact across this way.
  void expect_talked(const Talk& talk, const Way& way);

  // Has every declared link forget what it knows of others' link-layer addresses.
  void forget_neighbours();

  // What the machine's own settings are, where the declared tear-down sets others; "" none. Scenarios know what a lab's
  // node has, not what another machine had.
  std::string machines_own_settings();

  // Nothing that nobody declared. On a machine that others use, too, what cannot be tied to the target
  // (conformance/shared_node.h) is told, and fails nothing.
  void judge_undeclared(Area area);

  void tell_untied(const std::vector<std::string>& all, const std::vector<std::string>& tied);

  // After a tear-down the node that is looked at is as before, and the target says so.
  void expect_torn_down(Subject& subject);

  // On a fresh node: after tear-down it is as before; built again, the same network stands and `reached` holds.
  void judge_tear_down();
  void judge_rebuild(const std::function<void(Subject&)>& reached);

  static constexpr std::uint32_t kMostPayload = 65'507;  // of an echo, which an IP packet of 65,535 bytes holds
  // How long something is waited for that shall not come.
  static constexpr std::chrono::milliseconds kNegativeWait{5};
  static constexpr std::uint32_t kPayload = 56;  // as ping(8)
};

}  // namespace netns_lab::suites
