#include "harness/netlink/neighbour.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

constexpr unsigned kExtendedFlagsShift = 8;  // NTF_EXT_SHIFT, include/net/neighbour.h

ndmsg neighbour_header(std::uint32_t link_index, const IpAddress& address, std::uint16_t state) {
  ndmsg header{};
  header.ndm_family = static_cast<std::uint8_t>(address_family(address.family()));
  header.ndm_ifindex = static_cast<int>(link_index);
  header.ndm_state = state;
  return header;
}

Request permanent_neighbour(std::uint16_t flags, std::uint32_t link_index, const IpAddress& address,
                            const MacAddress& mac) {
  Request request(RTM_NEWNEIGH, flags);
  request.put_header(neighbour_header(link_index, address, NUD_PERMANENT));
  request.put(NDA_DST, address);
  request.put(NDA_LLADDR, mac);
  return request;
}

// Of the tables of all families (neigh_dump_info, net/core/neighbour.c): their entries, or with NTF_PROXY their
// proxies.
Result<void> list_tables(NetlinkSocket& socket, std::uint8_t flags, std::vector<Neighbour>& neighbours) {
  Request request(RTM_GETNEIGH, 0);
  ndmsg header{};
  header.ndm_flags = flags;
  request.put_header(header);
  NETNS_LAB_ASSIGN(const Replies replies, socket.dump(std::move(request)));
  for (std::size_t i = 0; i < replies.size(); ++i) {
    NETNS_LAB_ASSIGN(const ndmsg found, read_header<ndmsg>(replies[i], "RTM_NEWNEIGH"));
    if (found.ndm_family != AF_INET && found.ndm_family != AF_INET6) continue;
    NETNS_LAB_ASSIGN(Neighbour neighbour, decode_neighbour(replies[i]));
    neighbours.push_back(std::move(neighbour));
  }
  return {};
}

}  // namespace

Request add_neighbour(std::uint32_t link_index, const IpAddress& address, const MacAddress& mac) {
  return permanent_neighbour(NLM_F_CREATE | NLM_F_REPLACE, link_index, address, mac);
}

Request add_new_neighbour(std::uint32_t link_index, const IpAddress& address, const MacAddress& mac) {
  return permanent_neighbour(NLM_F_CREATE | NLM_F_EXCL, link_index, address, mac);
}

Request delete_neighbour(std::uint32_t link_index, const IpAddress& address) {
  Request request(RTM_DELNEIGH, 0);
  request.put_header(neighbour_header(link_index, address, 0));
  request.put(NDA_DST, address);
  return request;
}

Result<std::vector<Neighbour>> list_neighbours(NetlinkSocket& socket) {
  std::vector<Neighbour> neighbours;
  NETNS_LAB_TRY(list_tables(socket, 0, neighbours));
  NETNS_LAB_TRY(list_tables(socket, NTF_PROXY, neighbours));
  return neighbours;
}

Result<Neighbour> decode_neighbour(const MessageView& message) {
  NETNS_LAB_ASSIGN(const ndmsg header, read_header<ndmsg>(message, "RTM_NEWNEIGH"));
  Neighbour neighbour;
  neighbour.link_index = static_cast<std::uint32_t>(header.ndm_ifindex);
  neighbour.state = header.ndm_state;
  neighbour.flags = header.ndm_flags;
  std::optional<IpAddress> address;
  AttributeReader reader(after_header<ndmsg>(message));
  while (reader.next()) {
    switch (reader.type()) {
      case NDA_DST:
        address = reader.address();
        break;
      case NDA_LLADDR:
        neighbour.mac = reader.mac();
        break;
      case NDA_FLAGS_EXT:
        neighbour.flags |= reader.u32() << kExtendedFlagsShift;
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWNEIGH"));
  if (!address) return tl::unexpected(Error::internal("decode RTM_NEWNEIGH", "there is no address in it"));
  neighbour.address = *address;
  return neighbour;
}

}  // namespace netns_lab::netlink
