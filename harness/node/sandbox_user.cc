#include "harness/node/sandbox_user.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include <array>
#include <cerrno>
#include <fstream>
#include <iterator>
#include <sstream>

#include "harness/base/text.h"
#include "harness/base/unique_fd.h"

namespace netns_lab::node {
namespace {

bool has_capability(unsigned capability) {
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (::syscall(SYS_capget, &header, data.data()) != 0) return false;
  return (data[capability / 32].effective >> (capability % 32) & 1U) != 0;
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return tl::unexpected(Error::system(fmt::format("read {}", path), errno));
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

Result<void> write_file(const std::string& path, const std::string& text) {
  const UniqueFd file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  // One write(2): the kernel takes a map in a single call only.
  if (file.valid() && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size())) return {};
  return tl::unexpected(Error::system(fmt::format("write \"{}\" to {}", visible(text, 120), path), errno));
}

}  // namespace

std::string identity_map(std::string_view own_map) {
  std::string map;
  for (const std::string& line : split_lines(own_map)) {
    std::istringstream fields(line);
    unsigned long inside = 0;
    unsigned long outside = 0;
    unsigned long count = 0;
    if (fields >> inside >> outside >> count) map += fmt::format("{} {} {}\n", inside, inside, count);
  }
  return map;
}

Result<IdMaps> choose_id_maps() {
  if (::geteuid() == 0 && has_capability(CAP_SETUID) && has_capability(CAP_SETGID) && has_capability(CAP_SETFCAP)) {
    NETNS_LAB_ASSIGN(const std::string users, read_file("/proc/self/uid_map"));
    NETNS_LAB_ASSIGN(const std::string groups, read_file("/proc/self/gid_map"));
    return IdMaps{.users = identity_map(users), .groups = identity_map(groups), .allow_setgroups = true};
  }
  return IdMaps{.users = fmt::format("0 {} 1\n", ::geteuid()), .groups = fmt::format("0 {} 1\n", ::getegid())};
}

Result<void> write_id_maps(pid_t pid, const IdMaps& maps) {
  if (!maps.allow_setgroups) NETNS_LAB_TRY(write_file(fmt::format("/proc/{}/setgroups", pid), "deny"));
  NETNS_LAB_TRY(write_file(fmt::format("/proc/{}/uid_map", pid), maps.users));
  return write_file(fmt::format("/proc/{}/gid_map", pid), maps.groups);
}

}  // namespace netns_lab::node
