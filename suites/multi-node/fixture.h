// What the cases of part 3 share beyond part 2's: who sends what to whom on the other node, and by which way.
#pragma once

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "suites/bridge/fixture.h"
#include "suites/multi-node/scenario.h"

namespace netns_lab::multi_node {

class MultiNode : public bridge::Bridge {
 protected:
  void SetUp() override;

  static constexpr std::array<std::size_t, 2> kNodes = {0, 1};
  static std::size_t other_node(std::size_t node) { return 1 - node; }
  const Topology& on(std::size_t node) const { return topologies().at(node); }
  IpAddress node_ip(std::size_t node) const { return *on(node).node_address; }
  // What packets to the other node's containers leave by, and the node's own address there: of part 3 its uplink.
  virtual std::string link_across() const { return kUplink; }
  virtual IpAddress address_across(std::size_t node) const { return node_ip(node); }
  // Bytes of a packet: what that link takes; what passes between a node or container and one of the other node's
  // containers; what the sender's own link takes.
  virtual std::uint32_t link_mtu_across() { return uplink_mtu(); }
  std::uint32_t mtu_across() { return std::min(mtu(), link_mtu_across()); }
  std::uint32_t uplink_mtu();
  std::uint32_t full_payload_across() { return mtu_across() - (v4() ? 28U : 48U); }
  // Of an echo that must come in pieces: of what passes twice as much.
  std::uint32_t large_payload_across() { return std::min(2 * mtu_across(), kMostPayload); }
  const Attachment& container_of(std::size_t node, std::size_t container) const {
    return on(node).attachments.at(container);
  }
  IpAddress ip_of(std::size_t node, std::size_t container) const {
    return container_of(node, container).addresses.front().address;
  }

  // From one node to the other.
  struct Passage {
    std::size_t from = 0;        // nodes
    std::string from_namespace;  // "" the node itself
    std::string to_namespace;
    IpAddress source;
    IpAddress destination;
    Way way;               // between the ends, in the places that reports name (harness/testing/across.h)
    std::uint8_t ttl = 0;  // at either end
    std::string bound_to;  // the link that it is sent out of; "": the routes tell
    bool is_between_containers() const { return !from_namespace.empty() && !to_namespace.empty(); }
  };
  std::vector<Passage> between_containers();  // from each container to each of the other node's: eight
  std::vector<Passage> from_nodes();          // from each node to each container of the other: four
  std::vector<Passage> to_nodes();            // from each container to both addresses of the other node: eight
  std::vector<Passage> to_containers();       // the first two

  std::uint32_t sender_mtu(const Passage& passage) {
    return passage.from_namespace.empty() ? link_mtu_across() : mtu();
  }
  // What contradicts "the sender, whose own link takes it, was told on the way that the packet is too big, and how much
  // is not; nothing arrived". `may_know`: it may have been told before, so that its kernel refuses.
  std::vector<std::string> too_big_findings(const EchoReport& report, const Passage& passage, bool may_know);

  EchoAcross echo_of(const Passage& passage, std::uint32_t payload, bool dont_fragment = false) const;
  TalkAcross talk_of(const Passage& passage, Transport transport) const;

  // All at once, now.
  std::vector<EchoReport> pings_of(const std::vector<Passage>& passages, std::uint32_t payload,
                                   bool dont_fragment = false, std::uint32_t count = 3);
  void expect_answered_across(const Passage& passage, std::uint32_t payload, bool dont_fragment = false);
  void expect_talked_across(const Passage& passage, Transport transport);
  // Which way the kernels on the way would send it, for the message of a failed expectation.
  std::string ways_of(const Passage& passage);

  // What contradicts "each request passed from uplink to uplink, once, at that TTL and untouched, and so did its
  // answer".
  std::vector<std::string> segment_findings(const EchoReport& report, const Passage& passage);
  // What the claims of that name are judged by, in part 3 and wherever nodes route between such containers (across.cc).
  void judge_nodes_forward();
  void judge_nodes_have_exactly_one_route();
  void judge_nodes_kernels_choose_the_other_node();
  void judge_nodes_kernels_forward();
  void judge_containers_kernels_choose_their_bridge();
  void judge_containers_reach_those_of_the_other_node();
  void judge_nodes_reach_each_others_containers();
  void judge_containers_reach_the_other_node();
  void judge_echoes_of_the_full_mtu_are_answered();
  void judge_fragmented_echoes_are_answered();
  void judge_udp_is_echoed();
  void judge_tcp_is_echoed();
  void judge_sources_are_unchanged();
  void judge_two_nodes_rebuild();

  // What contradicts "everything that arrived at the far end came from `source`, and what came back from
  // `destination`".
  std::vector<std::string> source_findings(const std::vector<Sighting>& sightings, const Passage& passage) const;

 private:
  std::string link_in(std::size_t node, const std::string& network_namespace) const;
  Passage passage(std::size_t from, const std::string& from_namespace, const IpAddress& source,
                  const std::string& to_namespace, const IpAddress& destination);
};

}  // namespace netns_lab::multi_node
