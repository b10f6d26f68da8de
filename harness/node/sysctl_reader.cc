#include "harness/node/sysctl_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

namespace netns_lab::node {
namespace {

using netlink::LinkSettings;

constexpr auto kTop = "/proc/sys/net";
constexpr std::size_t kMostMeanings = 1000;

// The folders that hold one folder per interface, and the settings that stand for it.
struct Tree {
  const char* path;
  std::string LinkSettings::*settings;
};
constexpr std::array<Tree, 4> kTrees{Tree{"ipv4/conf", &LinkSettings::ipv4}, Tree{"ipv6/conf", &LinkSettings::ipv6},
                                     Tree{"ipv4/neigh", &LinkSettings::arp}, Tree{"ipv6/neigh", &LinkSettings::nd}};
// Files of an interface below ipv6/conf whose values no dump tells (ipv6_store_devconf, net/ipv6/addrconf.c). The test
// changes every key of an interface and finds those that are missing here.
constexpr std::array<std::string_view, 4> kUntold{"ra_honor_pio_life", "ra_honor_pio_pflag", "regen_min_advance",
                                                  "stable_secret"};
constexpr std::size_t kIpv6Conf = 1;  // in kTrees

bool is_untold(std::string_view file) { return std::find(kUntold.begin(), kUntold.end(), file) != kUntold.end(); }

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

UniqueFd open_folder(int at, const std::string& path) {
  return UniqueFd(::openat(at, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Result<UniqueFd> open_top() {
  UniqueFd top(::open(kTop, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top.valid()) return tl::unexpected(Error::system(fmt::format("open {}", kTop), errno));
  return top;
}

// None when the file is not there, cannot be read (write-only, a secret not set), or went meanwhile.
std::optional<std::string> read_at(int folder, const std::string& file) {
  const UniqueFd opened(::openat(folder, file.c_str(), O_RDONLY | O_CLOEXEC));
  return opened.valid() ? read_sysctl_file(opened.get()) : std::nullopt;
}

// Names alone: the use counts behind them change all the time.
std::string loaded_modules() {
  std::ifstream file("/proc/modules");
  std::string names;
  for (std::string line; std::getline(file, line);) names += line.substr(0, line.find(' ') + 1);
  return names;
}

std::string key_prefix(const std::string& path) {
  return path == "." ? std::string("net.") : sysctl_key("net/" + path) + ".";
}

std::string key_part(const std::string& file) { return sysctl_key(file); }

}  // namespace

Result<void> SysctlReader::list_folder(int top, const std::string& path, Keys& keys) {
  const UniqueFd folder = open_folder(top, path);
  if (!folder.valid()) return {};
  auto found_here = list(folder.get());
  if (!found_here) return {};  // it went meanwhile
  Listing& listing = *found_here;
  const auto tree =
      std::find_if(kTrees.begin(), kTrees.end(), [&](const Tree& candidate) { return path == candidate.path; });
  if (!listing.files.empty()) keys.folders.push_back({path, std::move(listing.files)});
  for (const std::string& name : listing.folders) {
    const std::string inner = path == "." ? name : path + "/" + name;
    if (tree == kTrees.end() || name == "all" || name == "default") {
      NETNS_LAB_TRY(list_folder(top, inner, keys));
      continue;
    }
    std::vector<std::string>& files = keys.interface_files[static_cast<std::size_t>(tree - kTrees.begin())];
    if (!files.empty()) continue;  // every interface has the same
    const UniqueFd of_interface = open_folder(top, inner);
    if (!of_interface.valid()) continue;
    if (auto found = list(of_interface.get())) files = std::move(found->files);
  }
  return {};
}

Result<SysctlReader::Keys> SysctlReader::list_keys() {
  NETNS_LAB_ASSIGN(const UniqueFd top, open_top());
  Keys keys;
  NETNS_LAB_TRY(list_folder(top.get(), ".", keys));
  return keys;
}

Result<std::shared_ptr<const SysctlReader::Keys>> SysctlReader::keys_listed() {
  const std::string modules = loaded_modules();
  {
    const std::lock_guard lock(mutex_);
    // Where IPv6 was off when they were listed, they are listed again.
    if (keys_ && keys_->modules == modules && !keys_->interface_files[kIpv6Conf].empty()) return keys_;
  }
  Keys listed;
  NETNS_LAB_TRY(within(own_, [&]() -> Result<void> {
    NETNS_LAB_ASSIGN(listed, list_keys());
    return {};
  }));
  listed.modules = modules;
  auto made = std::make_shared<const Keys>(std::move(listed));
  const std::lock_guard lock(mutex_);
  keys_ = made;
  return made;
}

Result<Sysctls> SysctlReader::read_common(const NetworkNamespace& network_namespace) {
  NETNS_LAB_ASSIGN(const std::shared_ptr<const Keys> keys, keys_listed());
  Sysctls values;
  NETNS_LAB_TRY(within(network_namespace, [&]() -> Result<void> {
    NETNS_LAB_ASSIGN(const UniqueFd top, open_top());
    for (const Folder& folder : keys->folders) {
      const UniqueFd opened = open_folder(top.get(), folder.path);
      if (!opened.valid()) continue;
      const std::string prefix = key_prefix(folder.path);
      for (const std::string& file : folder.files) {
        if (auto value = read_at(opened.get(), file)) values.emplace(prefix + key_part(file), std::move(*value));
      }
    }
    return {};
  }));
  return values;
}

std::shared_ptr<const SysctlReader::Values> SysctlReader::remembered(const std::string& settings) const {
  const std::lock_guard lock(mutex_);
  const auto found = meanings_.find(settings);
  return found == meanings_.end() ? nullptr : found->second;
}

Result<Sysctls> SysctlReader::read_interfaces(const NetworkNamespace& network_namespace,
                                              netlink::NetlinkSocket& socket) {
  NETNS_LAB_ASSIGN(const std::vector<LinkSettings> links, netlink::list_link_settings(socket));
  Sysctls values;
  struct Learned {
    std::size_t link;
    std::size_t tree;
    std::shared_ptr<const Values> values;
  };
  std::vector<Learned> learned;
  NETNS_LAB_ASSIGN(const std::shared_ptr<const Keys> keys, keys_listed());
  NETNS_LAB_TRY(within(network_namespace, [&]() -> Result<void> {
    NETNS_LAB_ASSIGN(const UniqueFd top, open_top());
    for (std::size_t l = 0; l < links.size(); ++l) {
      for (std::size_t t = 0; t < kTrees.size(); ++t) {
        const std::string& settings = links[l].*kTrees[t].settings;
        const std::string path = fmt::format("{}/{}", kTrees[t].path, links[l].link);
        std::shared_ptr<const Values> found = settings.empty() ? nullptr : remembered(std::to_string(t) + settings);
        if (!found) {
          const UniqueFd folder = open_folder(top.get(), path);
          if (!folder.valid()) continue;  // no IPv6 on this interface, or it has gone
          auto read = std::make_shared<Values>();
          for (const std::string& file : keys->interface_files[t]) {
            if (t == kIpv6Conf && is_untold(file)) continue;
            if (auto value = read_at(folder.get(), file)) read->emplace_back(file, std::move(*value));
          }
          found = read;
          if (!settings.empty()) learned.push_back({l, t, found});
        }
        const std::string prefix = key_prefix(path);
        for (const auto& [file, value] : *found) values.emplace(prefix + key_part(file), value);
        if (t != kIpv6Conf) continue;
        for (const std::string_view file : kUntold) {
          if (auto value = read_at(top.get(), fmt::format("{}/{}", path, file))) {
            values.emplace(prefix + std::string(file), std::move(*value));
          }
        }
      }
    }
    return {};
  }));
  if (learned.empty()) return values;
  // Remembered only when the settings were the same before and after the files were read.
  NETNS_LAB_ASSIGN(const std::vector<LinkSettings> after, netlink::list_link_settings(socket));
  const std::lock_guard lock(mutex_);
  if (meanings_.size() > kMostMeanings) meanings_.clear();
  for (const Learned& one : learned) {
    if (std::find(after.begin(), after.end(), links[one.link]) == after.end()) continue;
    meanings_.emplace(std::to_string(one.tree) + links[one.link].*kTrees[one.tree].settings, one.values);
  }
  return values;
}

}  // namespace netns_lab::node
