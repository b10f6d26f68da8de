#include "harness/node/reservations.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

namespace netns_lab::node {
namespace {

std::vector<std::string> things_of(const protocol::ClaimRequest& claim) {
  std::vector<std::string> things;
  for (const std::string& name : claim.namespaces) things.push_back("network namespace " + name);
  for (const std::string& name : claim.links) things.push_back("interface " + name);
  for (const std::string& name : claim.nft_tables) things.push_back("nft table " + name);
  for (const Prefix& prefix : claim.addresses) things.push_back("address " + prefix.to_string());
  return things;
}

Result<UniqueFd> reserve_one(const std::string& thing) {
  const std::string attempted = "claim " + thing;
  UniqueFd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.valid()) return tl::unexpected(Error::system(attempted, errno));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The first byte stays NUL: abstract. A name that is too long (of a namespace, 255 bytes) is told apart by its hash.
  std::string name = "netns-lab/" + thing;
  constexpr std::size_t kMost = sizeof address.sun_path - 1;
  if (name.size() > kMost) {
    const std::string hash = fmt::format("{:016x}", std::hash<std::string>()(name));
    name = name.substr(0, kMost - hash.size()) + hash;
  }
  std::memcpy(address.sun_path + 1, name.data(), name.size());
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + name.size());
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0) return socket;
  if (errno != EADDRINUSE) return tl::unexpected(Error::system(attempted, errno));
  return tl::unexpected(Error::taken(attempted, "another run of netns-lab on this machine is using it",
                                     "wait for that run to end, use other names (--param), or --lab sandbox"));
}

}  // namespace

Result<void> Reservations::reserve(const protocol::ClaimRequest& wanted) {
  const std::lock_guard lock(mutex_);
  std::map<std::string, UniqueFd> fresh;
  for (const std::string& thing : things_of(wanted)) {
    if (held_.contains(thing) || fresh.contains(thing)) continue;
    NETNS_LAB_ASSIGN(UniqueFd socket, reserve_one(thing));
    fresh.emplace(thing, std::move(socket));
  }
  held_.merge(fresh);
  return {};
}

void Reservations::release(const protocol::ClaimRequest& held) {
  const std::lock_guard lock(mutex_);
  for (const std::string& thing : things_of(held)) held_.erase(thing);
}

}  // namespace netns_lab::node
