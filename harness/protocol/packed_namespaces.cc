#include "harness/protocol/packed_namespaces.h"

#include <cstdint>
#include <cstring>
#include <utility>

#include "harness/model/packed.h"

namespace netns_lab::protocol {

std::string take_namespaces(Snapshot& snapshot) {
  const auto count = static_cast<std::uint32_t>(snapshot.namespaces.size());
  std::string bytes(reinterpret_cast<const char*>(&count), sizeof count);
  for (const NamespaceState& state : std::exchange(snapshot.namespaces, {})) append_packed(state, bytes);
  const auto pristine = std::exchange(snapshot.pristine, std::nullopt);
  bytes.push_back(pristine ? '\1' : '\0');
  if (pristine) append_packed(*pristine, bytes);
  return bytes;
}

Result<void> put_namespaces(std::string_view bytes, Snapshot& snapshot) {
  const auto refused = [](const char* why) {
    return tl::unexpected(Error::internal("read the namespaces of a snapshot", why));
  };
  std::uint32_t count = 0;
  if (bytes.size() < sizeof count) return refused("their count is missing");
  std::memcpy(&count, bytes.data(), sizeof count);
  bytes.remove_prefix(sizeof count);
  snapshot.namespaces.clear();
  for (std::uint32_t i = 0; i < count; ++i) {
    NETNS_LAB_ASSIGN(NamespaceState state, take_packed(bytes));
    snapshot.namespaces.push_back(std::move(state));
  }
  if (bytes.empty()) return refused("whether there is a pristine one is missing");
  const char has_pristine = bytes.front();
  bytes.remove_prefix(1);
  snapshot.pristine.reset();
  if (has_pristine == '\1') {
    NETNS_LAB_ASSIGN(snapshot.pristine, take_packed(bytes));
  }
  if (has_pristine > '\1' || has_pristine < '\0' || !bytes.empty()) return refused("there are more bytes than theirs");
  return {};
}

}  // namespace netns_lab::protocol
