// A full mesh of echoes: every one of many network namespaces asks every other one. What is asked, and what came of it,
// in a form that a thousand namespaces (999,000 ordered pairs) fit in.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <vector>

#include "harness/model/address.h"

namespace netns_lab {

struct MeshMember {
  std::string network_namespace;
  std::string link;   // by which it reaches the others
  IpAddress address;  // its own; all of one family
  bool operator==(const MeshMember&) const = default;
};

struct MeshSpec {
  std::vector<MeshMember> members;            // 2 to 4,096
  std::uint32_t window = 32;                  // 1 to 64: requests that one member sends before it looks for replies
  std::chrono::milliseconds reply_wait{500};  // how long nothing may come in before what is missing is missing
  // A part of the mesh: from this round on, of those that a mesh of so many members has, until this long has passed (0:
  // all; one round is always done), when in so many rounds before something was missing to the last.
  std::uint32_t first_round = 0;
  std::chrono::milliseconds at_most{0};
  std::uint32_t lossy_rounds = 0;
  bool operator==(const MeshSpec&) const = default;
};

// Members are asked in groups of so many, two lanes at a time, each at two groups: what the members of both ask one of
// them fits into that one's queue.
inline constexpr std::size_t kMeshGroup = 64;

// Descriptors that the node has open at once for a mesh of so many members: two sockets in each of both lanes'.
std::size_t mesh_descriptors(std::size_t members);

// What became of one ordered pair that was not answered as it should.
enum class MeshLoss : std::uint8_t {
  kAbsent,       // one of the two has no such namespace or link
  kNotSent,      // the sender's kernel refused
  kNotArrived,   // the receiver did not see the request
  kNotAnswered,  // the receiver saw the request, the sender no reply
  kWrong,        // request or reply had another address, TTL (64) or payload than it should
  kTwice,        // the request arrived, or was answered, more than once
};
std::string to_string(MeshLoss loss);  // "the request did not arrive"

// A member's pairs with the members `first` to `last` (itself left out): all of them lost in one way.
struct MeshGap {
  std::uint32_t from = 0;  // numbers: places in MeshSpec::members
  std::uint32_t first = 0;
  std::uint32_t last = 0;
  MeshLoss loss = MeshLoss::kNotArrived;
  int send_errno = 0;  // of kNotSent
  bool operator==(const MeshGap&) const = default;
};

struct MeshReport {
  std::uint64_t pairs = 0;          // ordered, of the rounds that were done; of all: members × (members - 1)
  std::uint64_t answered = 0;       // as they should
  std::vector<MeshGap> gaps;        // by `from`, then `first`; at most kMostGaps of them
  std::uint32_t rounds = 0;         // that were done
  std::uint32_t lossy_rounds = 0;   // a lane's share of one in which something was missing to the last
  bool is_complete = false;         // the last round was among them
  std::uint32_t repeated = 0;       // the same, done again, more slowly, because the machine dropped packets
  std::uint64_t backlog_drops = 0;  // packets that the kernel dropped from its backlogs (/proc/net/softnet_stat)
  std::uint64_t queue_drops = 0;    // packets that did not fit into the queues of our own sockets
  // Pairs are missing of a round that had such drops to the last: the network is not shown to be at fault.
  bool is_uncertain = false;
  std::uint64_t strangers = 0;  // echoes of our identifier that are none of any pair's
  // Permanent neighbour entries that were added for the mesh, all of which were removed again.
  std::uint64_t entries = 0;
  std::chrono::microseconds asking{0};  // both lanes' time for the echoes; the rest are entries and sockets

  static constexpr std::size_t kMostGaps = 4096;
  std::uint64_t missing() const { return pairs - answered; }
  bool operator==(const MeshReport&) const = default;
};
std::ostream& operator<<(std::ostream& out, const MeshReport& report);
// Adds the report on the rounds that came next.
void add_part(MeshReport& whole, MeshReport next);

// The gaps in words, a line each, the largest first: whole members ("to netns7 from all others: the request did not
// arrive"), then single pairs, `most` lines at most and then how many more there are.
std::vector<std::string> describe_gaps(const MeshSpec& spec, const MeshReport& report, std::size_t most);

}  // namespace netns_lab
