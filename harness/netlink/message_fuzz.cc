// Any bytes into every decoder: a value or an error, never a crash. The first byte chooses the decoder, the rest is the
// payload; the bytes are also split as a datagram, and described as a request.
//
//   cmake --preset fuzz && cmake --build --preset fuzz --target netlink_message_fuzz && build/fuzz/netlink_message_fuzz
//   -max_total_time=60
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "harness/netlink/acknowledgement.h"
#include "harness/netlink/address_label.h"
#include "harness/netlink/bound_socket.h"
#include "harness/netlink/bridge.h"
#include "harness/netlink/interface_address.h"
#include "harness/netlink/ip_set.h"
#include "harness/netlink/link.h"
#include "harness/netlink/link_settings.h"
#include "harness/netlink/message.h"
#include "harness/netlink/mptcp.h"
#include "harness/netlink/multicast_group.h"
#include "harness/netlink/multicast_route.h"
#include "harness/netlink/namespace_id.h"
#include "harness/netlink/neighbour.h"
#include "harness/netlink/next_hop.h"
#include "harness/netlink/nft_contents.h"
#include "harness/netlink/nft_hooks.h"
#include "harness/netlink/nft_table.h"
#include "harness/netlink/nft_trace.h"
#include "harness/netlink/offload.h"
#include "harness/netlink/qdisc.h"
#include "harness/netlink/route.h"
#include "harness/netlink/route_lookup.h"
#include "harness/netlink/rule.h"
#include "harness/netlink/xfrm_policy.h"
#include "harness/netlink/xfrm_state.h"

namespace {

using namespace netns_lab::netlink;

template <typename T>
void use(const T& result) {
  if (!result && result.error().message().empty()) __builtin_trap();  // an error says something
}

// As the first of each sort of a table's objects: the bytes as the rule's or set's, too.
void use_nft_object(const MessageView& message) {
  for (const std::uint16_t sort : kNftObjectSorts) use(decode_nft_object(message, sort));
}

void decode(std::uint8_t kind, const MessageView& message) {
  switch (kind % 30) {
    case 0:
      return use(decode_link(message));
    case 1:
      return use(decode_address(message));
    case 2:
      return use(decode_route(message));
    case 3:
      return use(decode_rule(message));
    case 4:
      return use(decode_neighbour(message));
    case 5:
      return use(decode_namespace_id(message));
    case 6:
      return use(decode_route_answer(message));
    case 7:
      return use(decode_qdisc(message));
    case 8:
      return use(decode_nft_table(message));
    case 9:
      return use(decode_bound_socket(message));
    case 10:
      return use(decode_acknowledgement(message));
    case 11:
      return use(decode_forwarding(message));
    case 12:
      return use(decode_trace_step(message));
    case 13:
      return use(decode_xfrm_policy(message));
    case 14:
      return use(decode_next_hop(message));
    case 15:
      return use(decode_address_label(message));
    case 16:
      return use(decode_mptcp_endpoint(message));
    case 17:
      return use(decode_mptcp_limits(message));
    case 18:
      return use(decode_link_features(message));
    case 19:
      return use(decode_xfrm_state(message));
    case 20:
      return use(decode_multicast_route(message));
    case 21:
      return use(decode_link_settings(message));
    case 22:
      return use(decode_neighbour_settings(message));
    case 23:
      return use(decode_multicast_groups(message));
    case 24:
      return use(decode_xfrm_defaults(message));
    case 25:
      return use(decode_filter_chain(message));
    case 26:
      return use(decode_chain_of_rule(message));
    case 27:
      return use_nft_object(message);
    case 28:
      return use(decode_ip_set(message));
    default:
      return use(split_messages(message.payload));
  }
}

constexpr std::array<std::uint16_t, 16> kTypes = {
    RTM_NEWLINK, RTM_SETLINK,  RTM_DELLINK,         RTM_NEWADDR,
    RTM_DELADDR, RTM_NEWROUTE, RTM_DELROUTE,        RTM_GETROUTE,
    RTM_NEWRULE, RTM_NEWNEIGH, RTM_NEWNSID,         RTM_GETNSID,
    NLMSG_ERROR, NLMSG_DONE,   SOCK_DIAG_BY_FAMILY, (NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_GETTABLE};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 4) return 0;
  MessageView message;
  message.type = kTypes[data[1] % kTypes.size()];
  message.flags = static_cast<std::uint16_t>(data[2] | data[3] << 8);
  message.payload = Bytes(data, size).subspan(4);
  decode(data[0], message);
  if (describe(message).empty()) __builtin_trap();
  return 0;
}
