#include "harness/node/sysctl.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <utility>

#include "harness/base/text.h"

namespace netns_lab::node {
namespace {

constexpr std::string_view kRoot = "/proc/sys/";

std::string swapped(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c == '.') {
      c = '/';
    } else if (c == '/') {
      c = '.';
    }
  }
  return out;
}

// What one file holds, without its line end; none when it cannot be read (errno says why). Values are some bytes long,
// never over a page.
std::optional<std::string> read_value(int file) {
  std::array<char, 4096> page;
  ssize_t size = 0;
  do {
    size = ::read(file, page.data(), page.size());
  } while (size < 0 && errno == EINTR);
  if (size < 0) return std::nullopt;
  while (size > 0 && page[static_cast<std::size_t>(size) - 1] == '\n') --size;
  return std::string(page.data(), static_cast<std::size_t>(size));
}

struct Listing {
  std::vector<std::string> files;
  std::vector<std::string> folders;
};

Result<Listing> list(int folder) {
  // linux_dirent64, which has no header; readdir(3) would cost an allocation and an fstat for each of 30 folders.
  struct Entry {
    std::uint64_t inode;
    std::int64_t offset;
    std::uint16_t length;
    std::uint8_t type;
  };
  constexpr std::size_t kNameOffset = offsetof(Entry, type) + 1;
  Listing listing;
  alignas(8) std::array<char, 8192> buffer;
  for (;;) {
    const long size = ::syscall(SYS_getdents64, folder, buffer.data(), buffer.size());
    if (size < 0) return tl::unexpected(Error::system("list a folder of /proc/sys/net", errno));
    if (size == 0) return listing;
    for (long at = 0; at < size;) {
      Entry entry;
      std::memcpy(&entry, buffer.data() + at, sizeof entry);
      const std::string name = buffer.data() + at + kNameOffset;
      at += entry.length;
      if (name == "." || name == "..") continue;
      (entry.type == DT_DIR ? listing.folders : listing.files).push_back(name);
    }
  }
}

// A dot inside a name (an interface "eth0.100") is written as '/', as sysctl(8) does.
std::string part(std::string name) {
  std::replace(name.begin(), name.end(), '.', '/');
  return name;
}

// What vanishes or cannot be read (write-only keys, secrets that are not set) is left out.
Result<void> read_tree(int folder, const std::string& prefix, Sysctls& values) {
  NETNS_LAB_ASSIGN(const Listing listing, list(folder));
  for (const std::string& name : listing.files) {
    const UniqueFd file(::openat(folder, name.c_str(), O_RDONLY | O_CLOEXEC));
    if (!file.valid()) continue;
    if (auto value = read_value(file.get())) values.emplace(prefix + part(name), std::move(*value));
  }
  for (const std::string& name : listing.folders) {
    const UniqueFd inner(::openat(folder, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!inner.valid()) continue;
    NETNS_LAB_TRY(read_tree(inner.get(), prefix + part(name) + ".", values));
  }
  return {};
}

Error refused(std::string_view key, std::string_view why) {
  return Error::invalid(fmt::format("sysctl \"{}\"", visible(key, 128)), std::string(why),
                        "give a key such as net.ipv4.ip_forward");
}

}  // namespace

Result<std::string> sysctl_path(std::string_view key) {
  if (key.substr(0, 4) != "net.") return tl::unexpected(refused(key, "only what is below net belongs to a namespace"));
  if (key.find('\0') != std::string_view::npos) return tl::unexpected(refused(key, "it holds a NUL byte"));
  const std::string path = swapped(key);
  for (std::size_t start = 0; start <= path.size();) {
    const std::size_t end = std::min(path.find('/', start), path.size());
    const std::string_view part = std::string_view(path).substr(start, end - start);
    if (part.empty()) return tl::unexpected(refused(key, "one of its parts is empty"));
    if (part == "." || part == "..") return tl::unexpected(refused(key, "one of its parts is not a name"));
    start = end + 1;
  }
  return std::string(kRoot) + path;
}

std::string sysctl_key(std::string_view path_below_proc_sys) { return swapped(path_below_proc_sys); }

Result<void> write_sysctl(const NetworkNamespace& network_namespace, std::string_view key, std::string_view value) {
  NETNS_LAB_ASSIGN(const std::string path, sysctl_path(key));
  NETNS_LAB_ASSIGN(const UniqueFd file, open_in(network_namespace, path, O_WRONLY));
  ssize_t written = 0;
  do {
    written = ::write(file.get(), value.data(), value.size());
  } while (written < 0 && errno == EINTR);
  if (written < 0)
    return tl::unexpected(Error::system(fmt::format("write \"{}\" to {}", visible(value, 64), path), errno));
  if (static_cast<std::size_t>(written) != value.size()) {
    return tl::unexpected(Error::internal(fmt::format("write \"{}\" to {}", visible(value, 64), path),
                                          fmt::format("{} of {} bytes were taken", written, value.size())));
  }
  return {};
}

Result<std::string> read_sysctl(const NetworkNamespace& network_namespace, std::string_view key) {
  NETNS_LAB_ASSIGN(const std::string path, sysctl_path(key));
  NETNS_LAB_ASSIGN(const UniqueFd file, open_in(network_namespace, path, O_RDONLY));
  auto value = read_value(file.get());
  if (!value) return tl::unexpected(Error::system("read " + path, errno));
  return *value;
}

Result<Sysctls> read_sysctls(const NetworkNamespace& network_namespace, const std::vector<std::string>& keys) {
  Sysctls values;
  NETNS_LAB_TRY(within(network_namespace, [&]() -> Result<void> {
    for (const std::string& key : keys) {
      NETNS_LAB_ASSIGN(const std::string path, sysctl_path(key));
      const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
      if (!file.valid()) continue;
      if (auto value = read_value(file.get())) values.emplace(key, std::move(*value));
    }
    return {};
  }));
  return values;
}

Result<Sysctls> read_all_sysctls(const NetworkNamespace& network_namespace) {
  Sysctls values;
  NETNS_LAB_TRY(within(network_namespace, [&]() -> Result<void> {
    constexpr auto kTop = "/proc/sys/net";
    const UniqueFd top(::open(kTop, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!top.valid()) return tl::unexpected(Error::system(fmt::format("open {}", kTop), errno));
    return read_tree(top.get(), "net.", values);
  }));
  return values;
}

}  // namespace netns_lab::node
