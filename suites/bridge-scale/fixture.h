// What the cases of part 2 at scale share: the census of all containers, and their pairs.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "suites/bridge-scale/census.h"
#include "suites/bridge-scale/scenario.h"
#include "suites/common/network_cases.h"

namespace netns_lab::bridge_scale {

class BridgeScale : public suites::NetworkCases {
 protected:
  void SetUp() override;

  std::size_t containers() const { return topology().attachments.size(); }
  const Attachment& container(std::size_t index) const { return topology().attachments.at(index); }
  const IpAddress& address(std::size_t index) const { return container(index).addresses.front().address; }
  const IpAddress& bridge_address() const { return *topology().attachments.front().gateway; }

  // Of all containers, taken when first asked for.
  const Census& census();

  // Containers `begin` to `end` and the node resolve each other and answer each other's echoes.
  void judge_resolution(std::size_t begin, std::size_t end, Findings& findings);
  // Does `work`, which says whether all went well, again as long as it did not and the kernel has dropped packets
  // meanwhile because a backlog was full (a broadcast to a thousand ports fills one); the first attempt is 1. Ends the
  // case as `error` when that goes on: nothing can be told of the network then.
  void beside_drops(const std::function<bool(int attempt)>& work);
  // After three echoes of a case without an answer it is known that the network does not answer: a second for each of a
  // thousand would be long.
  static constexpr std::chrono::milliseconds kImpatience{50};
  bool is_patient() const { return unanswered_ < 3; }
  void note_answer(const EchoReport& report) { unanswered_ += report.answered() == 0 ? 1 : 0; }

  // Has two containers forget what they know of each other.
  void forget_pair(std::size_t one, std::size_t other);
  // Ordered pairs, by a seed that is the run's.
  std::vector<std::pair<std::size_t, std::size_t>> sampled_pairs() const;
  MeshSpec mesh_spec() const;

 private:
  Findings resolution_findings(std::size_t begin, std::size_t end, std::uint32_t lanes);
  std::uint64_t backlog_drops();  // of the machine, so far
  // One echo each, one after the other in so many lanes.
  std::vector<EchoReport> in_lanes(std::vector<EchoSpec> specs, std::uint32_t lanes);

  int unanswered_ = 0;  // of the echoes of this case
  // Those namespaces, and the node's own where asked for: links, addresses, neighbours.
  Snapshot neighbours_of(std::size_t begin, std::size_t end);
  // Has those containers and the node forget each other, as far as `seen` shows what they know.
  void forget(const Snapshot& seen, std::size_t begin, std::size_t end);
};

}  // namespace netns_lab::bridge_scale
