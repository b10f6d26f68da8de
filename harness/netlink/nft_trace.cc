#include "harness/netlink/nft_trace.h"

#include <arpa/inet.h>
#include <endian.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <string>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/nft_request.h"
#include "harness/netlink/nft_table.h"

namespace netns_lab::netlink {
namespace {

constexpr auto kStart = "trace what a packet filter does";

void put_be32(Request& request, std::uint16_t type, std::uint32_t value) { request.put_u32(type, htonl(value)); }

Request new_table(std::uint8_t family, const std::string& table) {
  Request request = nft_request(NFT_MSG_NEWTABLE, family, NLM_F_CREATE | NLM_F_EXCL);
  request.put_string(NFTA_TABLE_NAME, table);
  put_be32(request, NFTA_TABLE_FLAGS, NFT_TABLE_F_OWNER);
  return request;
}

Request new_chain(std::uint8_t family, const std::string& table, const char* name, std::uint32_t hook) {
  Request request = nft_request(NFT_MSG_NEWCHAIN, family, NLM_F_CREATE);
  request.put_string(NFTA_CHAIN_TABLE, table);
  request.put_string(NFTA_CHAIN_NAME, name);
  request.put_nested(NFTA_CHAIN_HOOK, [&] {
    put_be32(request, NFTA_HOOK_HOOKNUM, hook);
    put_be32(request, NFTA_HOOK_PRIORITY, static_cast<std::uint32_t>(INT_MIN));  // NF_IP_PRI_FIRST
  });
  request.put_string(NFTA_CHAIN_TYPE, "filter");
  return request;
}

template <typename Fill>
void put_expression(Request& request, const char* name, Fill fill) {
  request.put_nested(NFTA_LIST_ELEM, [&] {
    request.put_string(NFTA_EXPR_NAME, name);
    request.put_nested(NFTA_EXPR_DATA, fill);
  });
}

// ip saddr|daddr ADDRESS meta nftrace set 1
Request new_rule(std::uint8_t family, const std::string& table, const char* chain, const IpAddress& address,
                 bool is_source) {
  const bool v4 = family == NFPROTO_IPV4;
  const Bytes bytes = address.bytes();
  const auto size = static_cast<std::uint32_t>(bytes.size());
  const std::uint32_t source_offset = v4 ? 12 : 8;  // RFC 791, 3.1; RFC 8200, 3
  Request request = nft_request(NFT_MSG_NEWRULE, family, NLM_F_CREATE | NLM_F_APPEND);
  request.put_string(NFTA_RULE_TABLE, table);
  request.put_string(NFTA_RULE_CHAIN, chain);
  request.put_nested(NFTA_RULE_EXPRESSIONS, [&] {
    put_expression(request, "payload", [&] {
      put_be32(request, NFTA_PAYLOAD_DREG, NFT_REG_1);
      put_be32(request, NFTA_PAYLOAD_BASE, NFT_PAYLOAD_NETWORK_HEADER);
      put_be32(request, NFTA_PAYLOAD_OFFSET, is_source ? source_offset : source_offset + size);
      put_be32(request, NFTA_PAYLOAD_LEN, size);
    });
    put_expression(request, "cmp", [&] {
      put_be32(request, NFTA_CMP_SREG, NFT_REG_1);
      put_be32(request, NFTA_CMP_OP, NFT_CMP_EQ);
      request.put_nested(NFTA_CMP_DATA, [&] { request.put_bytes(NFTA_DATA_VALUE, bytes); });
    });
    put_expression(request, "immediate", [&] {
      put_be32(request, NFTA_IMMEDIATE_DREG, NFT_REG_1);
      request.put_nested(NFTA_IMMEDIATE_DATA, [&] { request.put_u8(NFTA_DATA_VALUE, 1); });
    });
    put_expression(request, "meta", [&] {
      put_be32(request, NFTA_META_KEY, NFT_META_NFTRACE);
      put_be32(request, NFTA_META_SREG, NFT_REG_1);
    });
  });
  return request;
}

std::string verdict_name(std::uint32_t code) {
  switch (code & NF_VERDICT_MASK) {
    case NF_DROP:
      return "drops";
    case NF_STOLEN:
      return "takes";
    case NF_QUEUE:
      return "gives to a program";
    default:
      return "";  // it goes on
  }
}

}  // namespace

Result<FilterVerdict> decode_trace_step(const MessageView& message) {
  NETNS_LAB_ASSIGN(const nfgenmsg header, read_header<nfgenmsg>(message, "NFT_MSG_TRACE"));
  FilterVerdict step;
  std::string table;
  AttributeReader reader(after_header<nfgenmsg>(message));
  while (reader.next()) {
    if (reader.type() == NFTA_TRACE_TABLE) table = reader.string();
    if (reader.type() == NFTA_TRACE_CHAIN) step.chain = reader.string();
    if (reader.type() == NFTA_TRACE_RULE_HANDLE) step.rule = be64toh(reader.u64());
    if (reader.type() == NFTA_TRACE_POLICY) step.verdict = verdict_name(ntohl(reader.u32()));
    if (reader.type() != NFTA_TRACE_VERDICT) continue;
    reader.nested([&](AttributeReader& verdict) {
      while (verdict.next()) {
        if (verdict.type() == NFTA_VERDICT_CODE) step.verdict = verdict_name(ntohl(verdict.u32()));
      }
    });
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode NFT_MSG_TRACE"));
  step.table = fmt::format("{} {}", nft_family_name(header.nfgen_family), table);
  return step;
}

Result<FilterTrace> FilterTrace::start(UniqueFd requests, UniqueFd events, const std::vector<IpAddress>& addresses) {
  if (addresses.empty()) return tl::unexpected(Error::invalid(kStart, "no address is given"));
  const std::uint8_t family = addresses.front().is_v4() ? NFPROTO_IPV4 : NFPROTO_IPV6;
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  const int group = NFNLGRP_NFTRACE;
  const int queue = 1 << 20;
  if (::bind(events.get(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0 ||
      ::setsockopt(events.get(), SOL_SOCKET, SO_RCVBUF, &queue, sizeof queue) != 0 ||
      ::setsockopt(events.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group, sizeof group) != 0) {
    return tl::unexpected(Error::system(kStart, errno));
  }
  NETNS_LAB_ASSIGN(NetlinkSocket asking, NetlinkSocket::adopt(std::move(requests), Protocol::kNetfilter));
  const std::string table = trace_table_name(asking.port());
  std::vector<Request> changes;
  changes.push_back(new_table(family, table));
  changes.push_back(new_chain(family, table, "prerouting", NF_INET_PRE_ROUTING));
  changes.push_back(new_chain(family, table, "output", NF_INET_LOCAL_OUT));
  for (const char* chain : {"prerouting", "output"}) {
    for (const IpAddress& address : addresses) {
      for (const bool is_source : {true, false}) changes.push_back(new_rule(family, table, chain, address, is_source));
    }
  }
  NETNS_LAB_TRY(asking.commit(std::move(changes), NFNL_SUBSYS_NFTABLES));
  return FilterTrace(std::move(asking), std::move(events));
}

Result<std::vector<FilterVerdict>> FilterTrace::take() {
  std::vector<FilterVerdict> found;
  std::vector<std::uint8_t> buffer(1 << 16);
  for (;;) {
    const ssize_t size = ::recv(events_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size < 0 && errno == ENOBUFS) has_lost_ = true;  // the others count
    if (size < 0 && (errno == EINTR || errno == ENOBUFS)) continue;
    if (size < 0 && errno == EAGAIN) break;
    if (size < 0) return tl::unexpected(Error::system("read the trace of a packet filter", errno));
    NETNS_LAB_ASSIGN(const auto messages, split_messages({buffer.data(), static_cast<std::size_t>(size)}));
    for (const MessageView& message : messages) {
      if (message.type != ((NFNL_SUBSYS_NFTABLES << 8) | NFT_MSG_TRACE)) continue;
      NETNS_LAB_ASSIGN(FilterVerdict step, decode_trace_step(message));
      if (step.verdict.empty() || std::find(found.begin(), found.end(), step) != found.end()) continue;
      found.push_back(std::move(step));
    }
  }
  for (FilterVerdict& verdict : found) NETNS_LAB_TRY(place(verdict));
  return found;
}

Result<void> FilterTrace::place(FilterVerdict& verdict) {
  if (verdict.rule == 0) return {};
  const auto rules = requests_.dump(nft_request(NFT_MSG_GETRULE));
  if (!rules) return tl::unexpected(rules.error());
  std::uint32_t position = 0;
  for (std::size_t i = 0; i < rules->size(); ++i) {
    NETNS_LAB_ASSIGN(const nfgenmsg header, read_header<nfgenmsg>((*rules)[i], "NFT_MSG_NEWRULE"));
    std::string table;
    std::string chain;
    std::uint64_t handle = 0;
    AttributeReader reader(after_header<nfgenmsg>((*rules)[i]));
    while (reader.next()) {
      if (reader.type() == NFTA_RULE_TABLE) table = reader.string();
      if (reader.type() == NFTA_RULE_CHAIN) chain = reader.string();
      if (reader.type() == NFTA_RULE_HANDLE) handle = be64toh(reader.u64());
    }
    if (!reader.ok()) return tl::unexpected(reader.error("decode NFT_MSG_NEWRULE"));
    if (fmt::format("{} {}", nft_family_name(header.nfgen_family), table) != verdict.table || chain != verdict.chain)
      continue;
    ++position;
    if (handle == verdict.rule) verdict.position = position;
  }
  return {};
}

}  // namespace netns_lab::netlink
