// The process that keeps a machine, or an instance: it alone holds the stream into it, and joins whoever comes to its
// sockets to channels.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "harness/base/deadline.h"
#include "harness/base/error.h"
#include "harness/lab/qemu/kept_machine.h"
#include "harness/lab/qemu/relay.h"
#include "harness/model/scenario.h"
#include "harness/node/sandbox_guard.h"

namespace netns_lab::cli {

inline constexpr auto kDoorSocket = "machine.sock";  // in a named lab's folder
inline constexpr auto kLastWordsFile = "ended";      // there too

struct KeeperLaunch {
  node::LabLife life = node::LabLife::kCallers;
  qemu::RelaySockets sockets;
  int log = -1;
  int last_words =
      -1;  // borrowed: a file, for why the machine ended; nothing is written when it was not wanted any more
  std::vector<int> keep;  // descriptors that `boot` needs, or whose end tells the keeper's
  std::vector<int> ends;  // borrowed, kept as well: when one of them is readable the machine is not wanted any more
  Deadline deadline = Deadline::never();
  // In the keeper. It gives up when one of the interrupts (descriptors) is readable.
  std::function<Result<std::unique_ptr<qemu::KeptMachine>>(std::span<const int> interrupts)> boot;
};

// Returns when it is booted, or why it is not.
Result<void> launch_keeper(KeeperLaunch what);
// All at the same time; the error of the first that failed.
Result<void> launch_keepers(std::vector<KeeperLaunch> launches);

// Ties the keepers of a lab's machines to each other: when one ends, the others learn that their machine is not wanted.
class KeeperTies {
 public:
  static Result<KeeperTies> create(int machines);
  void put_into(KeeperLaunch& what, int number) const;

 private:
  std::vector<std::pair<UniqueFd, UniqueFd>> pairs_;  // from the first to each of the others
};

// The sockets of a standing lab in its folder: node, outside, door. Where it has `of` machines, of the one with this
// number: only the first has the outside.
Result<qemu::RelaySockets> standing_sockets(const std::string& folder, int number = 1, int of = 1,
                                            Underlay underlay = Underlay::kOneSegment);
// Of a standing lab, in its folder.
Result<UniqueFd> last_words_file(const std::string& folder, int number = 1);
// What the keeper said so far, to standard error.
void pass_on_log(const std::string& path);

}  // namespace netns_lab::cli
