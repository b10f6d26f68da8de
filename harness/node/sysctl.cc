#include "harness/node/sysctl.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
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

Error refused(std::string_view key, std::string_view why) {
  return Error::invalid(fmt::format("sysctl \"{}\"", visible(key, 128)), std::string(why),
                        "give a key such as net.ipv4.ip_forward");
}

}  // namespace

std::optional<std::string> read_sysctl_file(int file) {
  std::array<char, 4096> page;
  const auto read_up_to = [&](std::size_t most) {
    ssize_t size = 0;
    do {
      size = ::pread(file, page.data(), most, 0);
    } while (size < 0 && errno == EINTR);
    return size;
  };
  // The kernel makes, and zeroes, a buffer of the size that is asked for (proc_sys_call_handler,
  // fs/proc/proc_sysctl.c): few values are longer than this.
  constexpr std::size_t kUsually = 200;
  ssize_t size = read_up_to(kUsually);
  if (size == kUsually) size = read_up_to(page.size());
  if (size < 0) return std::nullopt;
  while (size > 0 && page[static_cast<std::size_t>(size) - 1] == '\n') --size;
  return std::string(page.data(), static_cast<std::size_t>(size));
}

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
  auto value = read_sysctl_file(file.get());
  if (!value) return tl::unexpected(Error::system("read " + path, errno));
  return *value;
}

Result<Sysctls> read_sysctls(const NetworkNamespace& network_namespace, const std::vector<std::string>& keys) {
  Sysctls values;
  NETNS_LAB_TRY(within(network_namespace, [&]() -> Result<void> {
    // Keys of one folder mostly follow each other: it is found once, by a walk of up to seven names.
    std::string folder_path;
    UniqueFd folder;
    for (const std::string& key : keys) {
      NETNS_LAB_ASSIGN(const std::string path, sysctl_path(key));
      const std::size_t slash = path.rfind('/');
      if (path.compare(0, slash, folder_path) != 0) {
        folder_path = path.substr(0, slash);
        folder.reset(::open(folder_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      }
      if (!folder.valid()) continue;
      const UniqueFd file(::openat(folder.get(), path.c_str() + slash + 1, O_RDONLY | O_CLOEXEC));
      if (!file.valid()) continue;
      if (auto value = read_sysctl_file(file.get())) values.emplace(key, std::move(*value));
    }
    return {};
  }));
  return values;
}

}  // namespace netns_lab::node
