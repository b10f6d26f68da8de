// Which way the answer to a packet should take.
#pragma once

#include "harness/conformance/packet_path.h"
#include "harness/conformance/packet_trace.h"

namespace netns_lab {

// `source`: the address that the packet was sent from, `there`: its way, to where it arrives. The answer goes to whom
// the packet was from when it was seen there: where a node on the way translated it (PacketTrace::may_be_translated) to
// an address of its own, to that node, which puts the sender's in again.
PathQuestion way_back(const World& world, const PacketTrace& trace, const Path& there, const IpAddress& source);

}  // namespace netns_lab
