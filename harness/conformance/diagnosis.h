// Why a packet did not make it: the first step at which it died, from evidence, in words a learner understands.
//
//   the request reached veth2 (netns1); netns1 has no way back to 10.0.0.2: asked for a route, its kernel says
//   ENETUNREACH (Network is unreachable). A default route is missing
//
// The walk follows the packet through what the kernels on its way say when they are asked (packet_path.h), and at each
// place where it must be seen looks whether it was (packet_trace.h). Where it was not, what lies between is asked:
// link, route, neighbour, filter, settings, counters. Where nothing of that tells more it says "dropped between X and
// Y".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "harness/conformance/packet_path.h"
#include "harness/conformance/packet_trace.h"
#include "harness/conformance/reachability.h"

namespace netns_lab {

// All that is known about one packet. What is missing is left out of the reasoning.
struct WalkEvidence {
  World world;
  std::size_t from = 0;  // of the world: where it is sent
  PacketTrace trace;
  Path there;
  Path back;                      // from where `there` ends; no stages when it ends nowhere
  std::optional<Way> wanted;      // a claim's: the two interfaces that it must cross
  std::vector<PacketDrop> drops;  // as the kernels tell, where they may be asked
};

struct Diagnosis {
  // In the order in which a packet meets them.
  enum class Step {
    kNone,  // it was answered
    kNamespace,
    kLink,  // one on the way is missing, down or without carrier
    kRoute,
    kSend,       // the sender's kernel refused
    kNeighbour,  // nobody says who has the next hop, or somebody wrong does
    kWire,       // between two ends of a link, or two machines
    kBridge,
    kForwarding,
    kReceiver,
    kWayBack,
    kDelivery,  // to the socket that waits for the answer
    kLoss,      // some of them only
    kDelay,     // the answers came too late
    kRewriting,
  };
  Step step = Step::kNone;
  std::string text;  // one or two sentences
};
std::string to_string(Diagnosis::Step step);  // "neighbour"

Diagnosis diagnose(const WalkEvidence& evidence);

// The points of the way there and back, in order, and how many packets were seen at each.
struct WalkedPoint {
  std::string what;   // "the request", "the reply"
  std::string place;  // "netns1 on node-1", "the node"
  std::string link;
  PacketDirection direction = PacketDirection::kReceived;
  std::size_t seen = 0;
};
std::vector<WalkedPoint> walked(const WalkEvidence& evidence);
std::string to_string(const WalkedPoint& point);  // "3 seen  veth11 (netns1 on node-1) sends the request"

}  // namespace netns_lab
