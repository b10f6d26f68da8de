// Why a packet did not make it: the first step at which it died, from evidence, in words a learner understands.
//
//   netns1 has no route to 10.0.0.10: the kernel says ENETUNREACH when asked which way it would send the packet. …
#pragma once

#include <optional>
#include <string>

#include "harness/conformance/reachability.h"
#include "harness/model/echo.h"
#include "harness/model/route.h"
#include "harness/model/snapshot.h"

namespace netns_lab {

// All that is known about one failed echo. What is missing is left out of the reasoning.
struct EchoEvidence {
  EchoReport report;
  Way way;                           // that the packet should have taken
  std::optional<RouteAnswer> there;  // the sender's look-up of the destination
  std::optional<RouteAnswer> back;   // the receiver's look-up of the sender's address
  std::optional<Snapshot> now;       // after the probe: links, addresses, neighbours
};

struct Diagnosis {
  // In the order in which a packet meets them.
  enum class Step {
    kNone,  // the echoes were answered
    kNamespace,
    kRoute,
    kSenderLink,
    kReceiverLink,
    kSend,
    kNeighbour,
    kLink,
    kReceiver,
    kWayBack,
    kReplyNeighbour,
    kDelivery,
    kUnknown,
  };
  Step step = Step::kUnknown;
  std::string text;  // one or two sentences
};

Diagnosis diagnose(const EchoEvidence& evidence);

}  // namespace netns_lab
