// What the cases of part 1 share: the roles, the way between the two ends, the echoes that are sent, and a third
// namespace for isolation.
#pragma once

#include <string>
#include <vector>

#include "harness/testing/fixture.h"
#include "suites/single-namespace/scenario.h"

namespace netns_lab::single_namespace {

class SingleNamespace : public ConformanceTest {
 protected:
  void SetUp() override;

  const std::string& con() const { return topology().namespaces.front(); }
  const Attachment& attachment() const { return topology().attachments.front(); }
  const IpAddress& address() const { return attachment().addresses.front().address; }
  bool v4() const { return family() == Family::kIpv4; }

  Way inward() const { return {"", kHostLink, con(), kContainerLink}; }
  Way outward() const { return inward().reversed(); }

  // Payload of an echo that fills the MTU: without IP and ICMP header.
  std::uint32_t full_payload() const { return kMtu - (v4() ? 28U : 48U); }

  EchoSpec echo_in(std::uint32_t payload, bool dont_fragment = false) const;
  EchoSpec echo_out(std::uint32_t payload, bool dont_fragment = false);
  // The address from which the node's kernel sends to the container; it must be one of the node's.
  IpAddress node_source(const EchoReport& report);

  const Route& declared_route(const std::string& network_namespace) const;
  std::vector<Prefix> declared_addresses(const std::string& network_namespace, const std::string& link) const;

  // A UDP or TCP exchange: the node with a server in the namespace, and the reverse.
  Talk talk_in(Transport transport) const;
  Talk talk_out(Transport transport);

  // `state`'s entries on that link know only `peer`'s MAC.
  static void expect_known_by(const Link* peer, const NamespaceState* state, const std::string& link);

  // Has both ends forget what they know of each other's link-layer addresses.
  void forget_neighbours();

  void expect_echoes_both_ways(Subject& subject);

  static constexpr std::uint32_t kMtu = 1500;  // of a veth nobody changed (drivers/net/veth.c, ether_setup)
  // How long something is waited for that shall not come.
  static constexpr std::chrono::milliseconds kNegativeWait{5};
  // How long packets that should arrive, and are answered by nobody, are looked for before a second, patient look.
  static constexpr std::chrono::milliseconds kFirstLook{1};
  static constexpr std::uint32_t kPayload = 56;  // as ping(8)
};

// A further namespace behind the node, on the node of `subject`, with its own link, address and default route. Removed
// with this value.
class ThirdNamespace {
 public:
  static Result<ThirdNamespace> create(Subject& subject, int number, Family family);
  ThirdNamespace(ThirdNamespace&& other) noexcept;
  ThirdNamespace& operator=(ThirdNamespace&&) = delete;
  ~ThirdNamespace();

  const std::string& name() const { return name_; }
  const std::string& node_link() const { return node_link_; }
  EchoSpec echo_to(const IpAddress& destination, std::vector<std::string> watch,
                   std::chrono::milliseconds reply_wait) const;
  // Whether the node forwards what comes from this namespace. In IPv4 the kernel asks the link it came in by
  // (IN_DEV_FORWARD in ip_route_input_slow, net/ipv4/route.c), so it is set there, on our own link: ip_forward would
  // set every link's and accept_redirects besides (inet_forward_change, net/ipv4/devinet.c), and nothing could put that
  // back. In IPv6 it is the node's net.ipv6.conf.all.forwarding, put back by the destructor. Where the node does so of
  // itself nothing is set: what the target did to links made later is not hidden.
  Result<void> set_forwarding(bool on);
  // Whether that sets something that is not our own.
  bool changes_the_node(bool on) const;

 private:
  ThirdNamespace(Subject& subject, int number, Family family);
  Subject* subject_ = nullptr;
  Family family_ = Family::kIpv4;
  std::string name_, node_link_, key_, value_before_;
  bool has_changed_the_node_ = false;
};

}  // namespace netns_lab::single_namespace
