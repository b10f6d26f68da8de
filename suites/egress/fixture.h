// What the cases of egress share: who sends what to the outside, and from which address it must arrive there.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "suites/common/declared_cases.h"
#include "suites/egress/scenario.h"

namespace netns_lab::egress {

class Egress : public suites::DeclaredCases {
 protected:
  static constexpr std::array<std::size_t, 2> kContainers = {0, 1};
  static constexpr std::array<Transport, 2> kTransports = {Transport::kUdp, Transport::kTcp};
  static constexpr auto kNoOutside = "this lab has no outside node to reach; use --lab sandbox";

  IpAddress outside_address();
  const Attachment& con(std::size_t number) const { return container(number); }
  // Of packets to the outside: the smaller of the containers' links' and the uplink's, bytes.
  std::uint32_t mtu_out() { return std::min(mtu(), uplink_mtu()); }
  std::uint32_t uplink_mtu();
  // "" the node itself.
  Way way_out(const std::string& network_namespace);
  std::string link_of(const std::string& network_namespace);

  // Echoes from there to the outside. Each claim has identifiers of its own (`claim`: 0 to 15): the node remembers
  // those of each container for half a minute, and gives another to the second container that uses the same.
  EchoAcross echo_out(const std::string& network_namespace, std::uint32_t payload, bool dont_fragment = false);
  std::vector<EchoReport> echoes_out(Subject& subject, unsigned claim, std::vector<EchoAcross> echoes);
  static std::uint16_t identifier_of(unsigned claim);
  TalkAcross talk_out(const std::string& network_namespace, Transport transport);

  // Every echo of each container arrives at the outside from the node's address, and is answered.
  void expect_masqueraded(Subject& subject, unsigned claim, std::uint32_t payload, bool dont_fragment,
                          bool in_fragments = false);
  void expect_masqueraded(Transport transport);
  void expect_answers_apart();
  void expect_containers_own_source();
  void expect_node_sees_own_source();
  void expect_node_untouched();
  void expect_errors_come_back();
  void expect_nat_table();
  void expect_gateway_chosen_out();

 private:
  std::string why_here(Subject& subject, const EchoAcross& echo, const EchoReport& report, const Way& way);
  // What arrived at the far end came from `source`, with that TTL.
  void expect_source(const ExchangeReport& report, const Way& way, const IpAddress& source, std::uint8_t ttl);
};

}  // namespace netns_lab::egress
