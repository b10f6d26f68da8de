#include "harness/netlink/multicast_group.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/if_bridge.h>
#include <linux/if_ether.h>
#include <linux/rtnetlink.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

std::string group_text(const br_mdb_entry& entry) {
  const auto* const bytes = reinterpret_cast<const std::uint8_t*>(&entry.addr.u);
  switch (ntohs(entry.addr.proto)) {
    case ETH_P_IP:
      return IpAddress::from_bytes(Bytes(bytes, 4)).to_string();
    case ETH_P_IPV6:
      return IpAddress::from_bytes(Bytes(bytes, 16)).to_string();
    default:
      return fmt::format("{:02x}", fmt::join(bytes, bytes + ETH_ALEN, ":"));
  }
}

void read_entry(AttributeReader& reader, std::vector<MulticastGroup>& groups) {
  if (reader.type() != MDBA_MDB_ENTRY_INFO || reader.bytes().size() < sizeof(br_mdb_entry)) return;
  br_mdb_entry entry{};
  std::memcpy(&entry, reader.bytes().data(), sizeof entry);
  if (entry.state != MDB_PERMANENT) return;
  groups.push_back(
      {{"multicast group", group_text(entry), entry.vid == 0 ? "" : fmt::format("vlan {}", entry.vid)}, entry.ifindex});
}

}  // namespace

Result<std::vector<MulticastGroup>> decode_multicast_groups(const MessageView& message) {
  NETNS_LAB_ASSIGN([[maybe_unused]] const br_port_msg header, read_header<br_port_msg>(message, "RTM_GETMDB"));
  std::vector<MulticastGroup> groups;
  AttributeReader reader(after_header<br_port_msg>(message));
  while (reader.next()) {
    if (reader.type() != MDBA_MDB) continue;
    reader.nested([&](AttributeReader& entries) {
      while (entries.next()) {
        entries.nested([&](AttributeReader& entry) {
          while (entry.next()) read_entry(entry, groups);
        });
      }
    });
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_GETMDB"));
  return groups;
}

Result<std::vector<MulticastGroup>> list_multicast_groups(NetlinkSocket& socket) {
  Request request(RTM_GETMDB, 0);
  br_port_msg header{};
  header.family = AF_BRIDGE;
  request.put_header(header);
  const auto replies = socket.dump(std::move(request));
  // Whoever built a kernel without bridges has EOPNOTSUPP, or what answers for another family.
  if (!replies && (replies.error().system_errno == EOPNOTSUPP || replies.error().system_errno == EINVAL))
    return std::vector<MulticastGroup>();
  if (!replies) return tl::unexpected(replies.error());
  std::vector<MulticastGroup> groups;
  for (std::size_t i = 0; i < replies->size(); ++i) {
    NETNS_LAB_ASSIGN(std::vector<MulticastGroup> found, decode_multicast_groups((*replies)[i]));
    for (MulticastGroup& group : found) groups.push_back(std::move(group));
  }
  return groups;
}

}  // namespace netns_lab::netlink
