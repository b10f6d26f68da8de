// What the cases of part 1 share: the roles, the way between the two ends, the echoes that are sent, and a third
// namespace for isolation.
#pragma once

#include <string>
#include <vector>

#include "suites/common/network_cases.h"
#include "suites/single-namespace/scenario.h"

namespace netns_lab::single_namespace {

class SingleNamespace : public suites::NetworkCases {
 protected:
  void SetUp() override;

  const std::string& con() const { return topology().namespaces.front(); }
  const Attachment& attachment() const { return topology().attachments.front(); }
  const IpAddress& address() const { return attachment().addresses.front().address; }

  Way inward() const { return {"", kHostLink, con(), kContainerLink}; }
  Way outward() const { return inward().reversed(); }

  EchoSpec echo_in(std::uint32_t payload, bool dont_fragment = false) const;
  EchoSpec echo_out(std::uint32_t payload, bool dont_fragment = false);
  // A UDP or TCP exchange: the node with a server in the namespace, and the reverse.
  Talk talk_in(Transport transport) const;
  Talk talk_out(Transport transport);

  void expect_echoes_both_ways(Subject& subject);

  // How long packets that should arrive, and are answered by nobody, are looked for before a second, patient look.
  static constexpr std::chrono::milliseconds kFirstLook{1};
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
