// Why the kernel drops packets of ours: the tracepoint skb:kfree_skb, which tells a reason since Linux 5.17, by
// perf_event_open(2). It does not tell whose packet it is; so it is taken for ours only when a thread of this process
// was running (the kernel takes a packet through veths and bridges on its sender's back) and the packet had a length of
// ours at the last interface where it was seen (net:net_dev_queue, net:netif_receive_skb).
//
//   auto trace = DropTrace::start({.is_v4 = true, .length = 84});
//   ... packets ...
//   const std::vector<PacketDrop> drops = trace->take().value();
//
// The whole machine is looked at, for which the kernel wants real root (CAP_PERFMON; not in a user namespace). Nothing
// is switched on but for the descriptors' life.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/base/unique_fd.h"
#include "harness/model/packet_drop.h"
#include "harness/node/perf_records.h"
#include "harness/node/tracepoint_format.h"

namespace netns_lab::node {

struct PacketOfInterest {
  bool is_v4 = true;
  std::uint32_t length = 0;  // bytes of the IP packet; 0: any
};

struct DropFormats {
  TracepointFormat dropped;   // skb:kfree_skb
  TracepointFormat consumed;  // skb:consume_skb: it came to a good end
  TracepointFormat sent;      // net:net_dev_queue
  TracepointFormat taken_in;  // net:netif_receive_skb
};

// What the samples tell of packets of the process; those of which the kernel tells no reason are left out.
std::vector<PacketDrop> drops_of(std::vector<PerfSample> samples, const DropFormats& formats, std::uint32_t process,
                                 const PacketOfInterest& wanted);

class DropTrace {
 public:
  // kSystem or kMissing where the kernel tells no reasons, or may not be asked. Its tracefs is read by a mount that is
  // attached nowhere: a sandbox has none, and none is to be seen of ours.
  static Result<DropTrace> start(const PacketOfInterest& wanted);

  DropTrace(DropTrace&& other) noexcept = default;
  DropTrace& operator=(DropTrace&& other) noexcept = default;

  // Since it began, or was asked before. None where some records were lost: what is left could mislead.
  Result<std::vector<PacketDrop>> take();

 private:
  // One processor's ring, and the descriptors that write into it.
  class Ring {
   public:
    static Result<Ring> open(int processor, const DropFormats& formats);
    Ring(Ring&& other) noexcept;
    Ring& operator=(Ring&& other) noexcept;
    ~Ring();
    std::vector<std::uint8_t> take();

   private:
    Ring() = default;
    void* mapped_ = nullptr;
    std::vector<UniqueFd> events_;
  };

  DropTrace(DropFormats formats, PacketOfInterest wanted) : formats_(std::move(formats)), wanted_(wanted) {}

  DropFormats formats_;
  PacketOfInterest wanted_;
  std::vector<Ring> rings_;
};

}  // namespace netns_lab::node
