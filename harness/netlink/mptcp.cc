#include "harness/netlink/mptcp.h"

#include <fmt/format.h>

#include <linux/genetlink.h>
#include <linux/mptcp.h>

#include <utility>

#include "harness/netlink/attribute_reader.h"
#include "harness/netlink/generic.h"

namespace netns_lab::netlink {

Result<MptcpObject> decode_mptcp_endpoint(const MessageView& message) {
  MptcpObject endpoint;
  endpoint.object.kind = "MPTCP endpoint";
  std::string address;
  unsigned port = 0;
  std::uint32_t flags = 0;
  AttributeReader reader(after_header<genlmsghdr>(message));
  while (reader.next()) {
    if (reader.type() != MPTCP_PM_ATTR_ADDR) continue;
    reader.nested([&](AttributeReader& inner) {
      while (inner.next()) {
        switch (inner.type()) {
          case MPTCP_PM_ADDR_ATTR_ID:
            endpoint.object.name = fmt::format("id {}", inner.u8());
            break;
          case MPTCP_PM_ADDR_ATTR_ADDR4:
          case MPTCP_PM_ADDR_ATTR_ADDR6:
            if (const auto seen = inner.address()) address = seen->to_string();
            break;
          case MPTCP_PM_ADDR_ATTR_PORT:
            port = inner.u16();  // in the host's order (mptcp_nl_fill_addr)
            break;
          case MPTCP_PM_ADDR_ATTR_FLAGS:
            flags = inner.u32();
            break;
          case MPTCP_PM_ADDR_ATTR_IF_IDX:
            endpoint.link_index = inner.u32();
            break;
          default:
            break;
        }
      }
    });
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode MPTCP_PM_CMD_GET_ADDR"));
  endpoint.object.details = fmt::format("{} port {} flags {:#x}", address, port, flags);
  return endpoint;
}

Result<MptcpObject> decode_mptcp_limits(const MessageView& message) {
  std::uint32_t accepted = 0;
  std::uint32_t subflows = 0;
  AttributeReader reader(after_header<genlmsghdr>(message));
  while (reader.next()) {
    if (reader.type() == MPTCP_PM_ATTR_RCV_ADD_ADDRS) accepted = reader.u32();
    if (reader.type() == MPTCP_PM_ATTR_SUBFLOWS) subflows = reader.u32();
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode MPTCP_PM_CMD_GET_LIMITS"));
  MptcpObject limits;
  limits.object = {"MPTCP limits", "of a connection",
                   fmt::format("{} addresses accepted, {} subflows", accepted, subflows)};
  return limits;
}

Result<std::vector<MptcpObject>> list_mptcp_objects(NetlinkSocket& socket, std::uint16_t family) {
  const auto told = [](Error error, const char* attempted) {
    error.attempted = attempted;
    return tl::unexpected(std::move(error));
  };
  const auto endpoints = socket.dump(generic_request(family, MPTCP_PM_CMD_GET_ADDR, MPTCP_PM_VER));
  if (!endpoints) return told(endpoints.error(), "list the endpoints of MPTCP");
  NETNS_LAB_ASSIGN(std::vector<MptcpObject> objects, decode_all<MptcpObject>(*endpoints, decode_mptcp_endpoint));
  const auto limits = socket.exchange(generic_request(family, MPTCP_PM_CMD_GET_LIMITS, MPTCP_PM_VER));
  if (!limits) return told(limits.error(), "ask for the limits of MPTCP");
  NETNS_LAB_ASSIGN(std::vector<MptcpObject> found, decode_all<MptcpObject>(*limits, decode_mptcp_limits));
  for (MptcpObject& each : found) objects.push_back(std::move(each));
  return objects;
}

}  // namespace netns_lab::netlink
