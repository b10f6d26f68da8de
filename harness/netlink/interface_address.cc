#include "harness/netlink/interface_address.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <linux/if_addr.h>
#include <linux/rtnetlink.h>

#include <utility>

#include "harness/netlink/attribute_reader.h"

namespace netns_lab::netlink {
namespace {

ifaddrmsg address_header(std::uint32_t link_index, const Prefix& prefix) {
  ifaddrmsg header{};
  header.ifa_family = static_cast<std::uint8_t>(address_family(prefix.address.family()));
  header.ifa_prefixlen = prefix.length;
  header.ifa_index = link_index;
  return header;
}

}  // namespace

Request add_address(const AddressSpec& spec) {
  Request request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
  ifaddrmsg header = address_header(spec.link_index, spec.prefix);
  const Scope fallback = spec.prefix.address.is_loopback() ? Scope::kHost : Scope::kGlobal;
  header.ifa_scope = static_cast<std::uint8_t>(spec.scope.value_or(fallback));
  request.put_header(header);
  request.put(IFA_LOCAL, spec.prefix.address);
  request.put(IFA_ADDRESS, spec.prefix.address);
  if (!spec.prefix.address.is_v4() && spec.no_duplicate_detection) request.put_u32(IFA_FLAGS, IFA_F_NODAD);
  if (spec.valid_lifetime || spec.preferred_lifetime) {
    ifa_cacheinfo lifetimes{};
    lifetimes.ifa_valid = spec.valid_lifetime.value_or(kForeverLifetime);
    lifetimes.ifa_prefered = spec.preferred_lifetime.value_or(lifetimes.ifa_valid);
    request.put_struct(IFA_CACHEINFO, lifetimes);
  }
  return request;
}

Request delete_address(std::uint32_t link_index, const Prefix& prefix) {
  Request request(RTM_DELADDR, 0);
  request.put_header(address_header(link_index, prefix));
  request.put(IFA_LOCAL, prefix.address);
  request.put(IFA_ADDRESS, prefix.address);
  return request;
}

Result<std::vector<InterfaceAddress>> list_addresses(NetlinkSocket& socket) {
  Request request(RTM_GETADDR, 0);
  request.put_header(ifaddrmsg{});
  NETNS_LAB_ASSIGN(const Replies replies, socket.dump(std::move(request)));
  return decode_all<InterfaceAddress>(replies, decode_address);
}

Result<InterfaceAddress> decode_address(const MessageView& message) {
  NETNS_LAB_ASSIGN(const ifaddrmsg header, read_header<ifaddrmsg>(message, "RTM_NEWADDR"));
  InterfaceAddress address;
  address.link_index = header.ifa_index;
  address.scope = static_cast<Scope>(header.ifa_scope);
  address.flags = header.ifa_flags;
  std::optional<IpAddress> local;
  std::optional<IpAddress> other;
  AttributeReader reader(after_header<ifaddrmsg>(message));
  while (reader.next()) {
    switch (reader.type()) {
      case IFA_LOCAL:
        local = reader.address();
        break;
      case IFA_ADDRESS:
        other = reader.address();
        break;
      case IFA_BROADCAST:
        address.broadcast = reader.address();
        break;
      case IFA_LABEL:
        address.label = reader.string();
        break;
      case IFA_FLAGS:
        address.flags = reader.u32();
        break;
      case IFA_CACHEINFO:
        if (reader.bytes().size() >= sizeof(ifa_cacheinfo)) {
          ifa_cacheinfo lifetimes;
          std::memcpy(&lifetimes, reader.bytes().data(), sizeof lifetimes);
          address.valid_lifetime = lifetimes.ifa_valid;
          address.preferred_lifetime = lifetimes.ifa_prefered;
        }
        break;
      default:
        break;
    }
  }
  if (!reader.ok()) return tl::unexpected(reader.error("decode RTM_NEWADDR"));
  // IFA_ADDRESS is the peer of a point-to-point address; otherwise it repeats, or (IPv6) replaces, IFA_LOCAL.
  const std::optional<IpAddress>& own = local ? local : other;
  if (!own) return tl::unexpected(Error::internal("decode RTM_NEWADDR", "there is no address in it"));
  if (header.ifa_prefixlen > own->bits()) {
    return tl::unexpected(Error::internal("decode RTM_NEWADDR", fmt::format("prefix length {}", header.ifa_prefixlen)));
  }
  address.prefix = {*own, header.ifa_prefixlen};
  if (local && other && *other != *local) address.peer = other;
  return address;
}

}  // namespace netns_lab::netlink
