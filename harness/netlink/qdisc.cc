#include "harness/netlink/qdisc.h"

#include <sys/socket.h>

#include <linux/gen_stats.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {

Result<std::vector<Qdisc>> list_qdiscs(NetlinkSocket& socket) {
  Request request(RTM_GETQDISC, 0);
  request.put_header(tcmsg{});
  const auto replies = socket.dump(std::move(request));
  // A kernel without CONFIG_NET_SCHED.
  if (!replies && replies.error().system_errno == EOPNOTSUPP) return std::vector<Qdisc>{};
  if (!replies) return tl::unexpected(replies.error());
  return decode_all<Qdisc>(*replies, decode_qdisc);
}

Result<Qdisc> decode_qdisc(const MessageView& message) {
  NETNS_LAB_ASSIGN(const tcmsg header, read_header<tcmsg>(message, "RTM_NEWQDISC"));
  Qdisc qdisc;
  qdisc.link_index = static_cast<std::uint32_t>(header.tcm_ifindex);
  qdisc.handle = header.tcm_handle;
  qdisc.parent = header.tcm_parent;
  AttributeReader reader(after_header<tcmsg>(message));
  while (reader.next()) {
    if (reader.type() == TCA_KIND) qdisc.kind = reader.string();
    if (reader.type() != TCA_STATS2) continue;
    reader.nested([&](AttributeReader& statistics) {
      while (statistics.next()) {
        gnet_stats_queue queue{};
        if (statistics.type() != TCA_STATS_QUEUE || statistics.bytes().size() < sizeof queue) continue;
        std::memcpy(&queue, statistics.bytes().data(), sizeof queue);
        qdisc.drops = queue.drops;
      }
    });
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWQDISC"));
  return qdisc;
}

}  // namespace netns_lab::netlink
