#include "harness/protocol/packed_sysctls.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace netns_lab::protocol {
namespace {

using Sysctls = std::map<std::string, std::string>;

std::vector<Sysctls*> places(Snapshot& snapshot) {
  std::vector<Sysctls*> all;
  for (NamespaceState& state : snapshot.namespaces) all.push_back(&state.sysctls);
  if (snapshot.pristine) all.push_back(&snapshot.pristine->sysctls);
  return all;
}

// Up to the next NUL, which is taken too; none when there is no NUL.
std::optional<std::string_view> next_field(std::string_view& bytes) {
  const std::size_t end = bytes.find('\0');
  if (end == std::string_view::npos) return std::nullopt;
  const std::string_view field = bytes.substr(0, end);
  bytes.remove_prefix(end + 1);
  return field;
}

}  // namespace

std::string take_sysctls(Snapshot& snapshot) {
  std::string bytes;
  const auto add = [&bytes](const std::string& field) { bytes.append(field.c_str()).push_back('\0'); };
  for (Sysctls* const sysctls : places(snapshot)) {
    for (const auto& [key, value] : std::exchange(*sysctls, {})) {
      if (key.empty() || key.front() == '\0') continue;
      add(key);
      add(value);
    }
    bytes.push_back('\0');
  }
  return bytes;
}

Result<void> put_sysctls(std::string_view bytes, Snapshot& snapshot) {
  if (bytes.empty()) return {};
  const auto refused = [](const char* why) {
    return tl::unexpected(Error::internal("read the sysctls of a snapshot", why));
  };
  for (Sysctls* const sysctls : places(snapshot)) {
    sysctls->clear();
    for (;;) {
      const auto key = next_field(bytes);
      if (!key) return refused("they end too early");
      if (key->empty()) break;
      const auto value = next_field(bytes);
      if (!value) return refused("the last key has no value");
      sysctls->emplace_hint(sysctls->end(), *key, *value);  // they come in order
    }
  }
  if (!bytes.empty()) return refused("there are more than namespaces");
  return {};
}

}  // namespace netns_lab::protocol
