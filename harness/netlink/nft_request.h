// A request to nf_tables (linux/netfilter/nfnetlink.h); internal to this folder.
#pragma once

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>

#include <cstdint>

#include "harness/netlink/message.h"

namespace netns_lab::netlink {

// `message`: NFT_MSG_*; `family`: NFPROTO_*, NFPROTO_UNSPEC all; `flags`: NLM_F_*.
inline Request nft_request(std::uint16_t message, std::uint8_t family = NFPROTO_UNSPEC, std::uint16_t flags = 0) {
  Request request(static_cast<std::uint16_t>((NFNL_SUBSYS_NFTABLES << 8) | message), flags);
  nfgenmsg header{};
  header.nfgen_family = family;
  header.version = NFNETLINK_V0;
  request.put_header(header);
  return request;
}

}  // namespace netns_lab::netlink
