// Queueing disciplines: RTM_GETQDISC (linux/pkt_sched.h, net/sched/sch_api.c).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "harness/netlink/netlink_socket.h"

namespace netns_lab::netlink {

struct Qdisc {
  std::uint32_t link_index = 0;
  std::string kind;          // "noqueue", "fq_codel", "netem" …
  std::uint32_t handle = 0;  // major:minor as 16:16 bits; 0 for those the kernel attached by itself
  std::uint32_t parent = 0;  // TC_H_ROOT 0xFFFFFFFF for the root
  std::uint32_t drops = 0;   // packets, since it was attached (TCA_STATS_QUEUE, linux/gen_stats.h)
  bool operator==(const Qdisc&) const = default;
};

Result<std::vector<Qdisc>> list_qdiscs(NetlinkSocket& socket);  // those the kernel shows by default; noqueue included
Result<Qdisc> decode_qdisc(const MessageView& message);

}  // namespace netns_lab::netlink
