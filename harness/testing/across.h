// Probes from one node to another: what the sender's node saw of them and, beside it, what the receiver's did. In their
// reports namespaces are named with their node: "netns1 on node-2", and "node-2" for the node's own.
//
//   NETNS_LAB_ASSIGN(const auto reports, ping_across(subject, {{.from = 0, .to = 1, .spec = …, .far_watch =
//   {"netns1"}}})); EXPECT_THAT(reports.front(), EveryEchoAnswered(Crossing({"netns1 on node-1", "veth11", "netns1 on
//   node-2", "veth11"})));
#pragma once

#include <string>
#include <vector>

#include "harness/testing/subject.h"

namespace netns_lab {

// A server in one place and a client of it in another.
struct Talk {
  ServeSpec server;
  ExchangeSpec client;  // its port is the server's
  bool operator==(const Talk&) const = default;
};

// In place of a node's number: the lab's outside.
inline constexpr std::size_t kOutside = static_cast<std::size_t>(-1);

struct EchoAcross {
  std::size_t from = 0;  // nodes, or kOutside
  std::size_t to = 1;
  EchoSpec spec;                       // on the sender's node
  std::vector<std::string> far_watch;  // namespaces of the receiver's node
  bool operator==(const EchoAcross&) const = default;
};

struct TalkAcross {
  std::size_t from = 0;  // the client's node
  std::size_t to = 1;    // the server's
  Talk talk;             // the client watches on its own node
  std::vector<std::string> far_watch;
  bool operator==(const TalkAcross&) const = default;
};

std::string place_on(const std::string& node, const std::string& network_namespace);

// A probe, by its report, as a watch on another node is asked for it; `identifier`: its own, or the client's port.
template <typename Report>
protocol::FarProbe far_probe_of(const Report& report, std::uint16_t identifier) {
  return {.identifier = identifier,
          .payload_seed = report.payload_seed,
          .payload_size = report.spec.payload_size,
          .count = report.spec.count,
          .may_be_translated = report.spec.may_be_translated,
          .destination = report.spec.destination};
}

// Whether a server could not be opened for a reason that is no failure of ours: no such namespace (or a file that is
// none), link or address there.
bool server_lies_in_the_subject(const Error& error);

// One report for each, in order; those between the same two nodes are sent at once, as far as the queues of the
// receiver's captures hold them.
Result<std::vector<EchoReport>> ping_across(Subject& subject, const std::vector<EchoAcross>& echoes);
Result<std::vector<ExchangeReport>> talk_across(Subject& subject, const std::vector<TalkAcross>& talks);

}  // namespace netns_lab
