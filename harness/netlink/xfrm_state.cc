#include "harness/netlink/xfrm_state.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/xfrm.h>

#include <cstdint>
#include <string>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

std::string address(const xfrm_address_t& address, std::uint16_t family) {
  const std::size_t size = family == AF_INET6 ? 16 : 4;
  return IpAddress::from_bytes(Bytes(reinterpret_cast<const std::uint8_t*>(&address), size)).to_string();
}

}  // namespace

Result<std::optional<FurtherObject>> decode_xfrm_state(const MessageView& message) {
  NETNS_LAB_ASSIGN(const xfrm_usersa_info state, read_header<xfrm_usersa_info>(message, "XFRM_MSG_NEWSA"));
  if (state.id.spi == 0) return std::nullopt;
  return FurtherObject{
      "xfrm state", fmt::format("{} to {}", address(state.saddr, state.family), address(state.id.daddr, state.family)),
      fmt::format("protocol {} mode {} reqid {} flags {}", state.id.proto, state.mode, state.reqid, state.flags)};
}

Result<std::vector<FurtherObject>> list_xfrm_states(NetlinkSocket& socket) {
  const auto replies = socket.dump(Request(XFRM_MSG_GETSA, 0));
  if (!replies) {
    Error error = replies.error();
    error.attempted = "list the states of the packet transformation (ip xfrm state)";
    return tl::unexpected(std::move(error));
  }
  std::vector<FurtherObject> states;
  for (std::size_t i = 0; i < replies->size(); ++i) {
    NETNS_LAB_ASSIGN(std::optional<FurtherObject> state, decode_xfrm_state((*replies)[i]));
    if (state) states.push_back(*std::move(state));
  }
  return states;
}

}  // namespace netns_lab::netlink
