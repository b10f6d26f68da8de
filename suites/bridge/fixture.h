// What the cases of part 2 share: the roles, the ways between them, and the truth table of who reaches what.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "suites/bridge/scenario.h"
#include "suites/common/network_cases.h"

namespace netns_lab::bridge {

class Bridge : public suites::NetworkCases {
 protected:
  void SetUp() override;

  // What the claims of that name are judged by, on the node that is looked at (standing.cc).
  void judge_target_reports_success();
  void judge_namespaces_are_mounts_of_nsfs();
  void judge_namespaces_are_two_and_not_the_nodes_own();
  void judge_namespaces_have_one_name_each();
  void judge_bridge_is_a_bridge_on_the_node();
  void judge_host_links_are_veths_on_the_node();
  void judge_container_links_are_veths_in_the_namespaces();
  void judge_links_are_each_others_peer();
  void judge_ports_are_the_two_host_links();
  void judge_bridge_is_up();
  void judge_host_links_are_up();
  void judge_container_links_are_up();
  void judge_ports_forward();
  void judge_ports_are_set_as_the_kernel_makes_them();
  void judge_bridge_is_set_as_the_kernel_makes_it();
  void judge_bridge_has_its_flags();
  void judge_host_links_have_their_flags();
  void judge_container_links_have_their_flags();
  void judge_loopbacks_are_up();
  void judge_mtu_is_the_same_everywhere();
  void judge_mac_addresses_differ();
  void judge_bridge_has_exactly_its_address();
  void judge_containers_have_exactly_their_addresses();
  void judge_ports_have_no_address();
  void judge_subnet_is_on_the_link_everywhere();
  void judge_namespaces_have_exactly_one_default_route_each();
  void judge_nodes_kernel_chooses_the_bridge();
  void judge_namespaces_kernels_choose_the_gateway();
  void judge_namespaces_kernels_choose_the_link_for_neighbours();
  void judge_no_neighbours_made_by_hand();
  void judge_no_forwarding_entries_made_by_hand();
  void judge_every_pair_reaches_as_expected();
  void judge_containers_reach_each_other();

  // The two containers, by number: 0, 1.
  static constexpr std::array<std::size_t, 2> kContainers = {0, 1};
  static std::size_t other(std::size_t container) { return 1 - container; }
  const std::string& con(std::size_t container) const { return topology().namespaces.at(container); }
  static const char* port(std::size_t container) { return kPairs.at(container).port; }
  static const char* inner(std::size_t container) { return kPairs.at(container).inner; }
  const Prefix& own(std::size_t container) const { return topology().attachments.at(container).addresses.front(); }
  const IpAddress& address(std::size_t container) const { return own(container).address; }
  const IpAddress& bridge_address() const { return *topology().attachments.front().gateway; }

  // The links of part 2 that the scenario declares, with their namespaces.
  std::vector<DeclaredLink> links_of_part_2() const;
  // Every link that the scenario declares, with its namespace.
  std::vector<DeclaredLink> all_links() const { return declared().links; }

  // The way of a packet from one namespace to another ("" is the node); from a namespace to itself by lo.
  Way way(const std::string& from, const std::string& to) const;
  // The link by which it leaves, or takes in, what comes over the bridge.
  std::string link_of(const std::string& network_namespace) const;

  EchoSpec echo(const std::string& from, const IpAddress& to, std::uint32_t payload, bool dont_fragment = false) const;

  // Who sends to which address, and what is to be seen of it.
  struct Journey {
    std::string from;  // a namespace
    IpAddress to;

    Way way;
    IpAddress source;
  };
  std::vector<Journey> truth_table();  // all twelve
  // Those that cross the bridge, or end at it: between the containers, and between each and the node.
  std::vector<Journey> crossing();
  Journey between(std::size_t from, std::size_t to);
  Journey from_node(std::size_t to);
  Journey to_node(std::size_t from);
  Journey to_bridge(std::size_t from);

  // Every echo of `payload` bytes is answered across its way, as it must look there.
  void expect_answered(const Journey& journey, std::uint32_t payload, bool dont_fragment = false);

  // Every pair of a client and a server: the containers with each other, and each with the node.
  std::vector<std::pair<Talk, Way>> talks(Transport transport);

  // Wherever that address is known on a declared link, it is at `owner`.
  void expect_owner_known(const Link* owner, const IpAddress& address);

  // The outside node's address; what it needs to answer the containers; packets to it from one of them.
  IpAddress outside_address(Subject& subject);
  void join_outside(Subject& subject);
  void set_forwarding(Subject& subject, bool on);
  EchoSpec echo_outside(Subject& subject, std::size_t container, std::chrono::milliseconds reply_wait);

 private:
  Journey journey(const std::string& from, const std::string& to, const IpAddress& destination);
};

}  // namespace netns_lab::bridge
