#include "harness/node/sysctl_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/if_link.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

#include "harness/node/detached_mount.h"

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
constexpr std::string_view kStableSecret = "stable_secret";
constexpr std::array<std::string_view, 4> kUntold{"ra_honor_pio_life", "ra_honor_pio_pflag", "regen_min_advance",
                                                  kStableSecret};
constexpr std::size_t kIpv6Conf = 1;  // in kTrees

// Which file shows which number of those two arrays of 32-bit numbers: IPV4_DEVCONF_* (linux/ip.h, counted from 1) and
// DEVCONF_* (linux/ipv6.h). Where one is missing here, all files are read.
struct Place {
  std::size_t number;
  const char* file;
};
constexpr std::array kIpv4Places{
    Place{IPV4_DEVCONF_FORWARDING - 1, "forwarding"},
    Place{IPV4_DEVCONF_PROXY_ARP - 1, "proxy_arp"},
    Place{IPV4_DEVCONF_ACCEPT_REDIRECTS - 1, "accept_redirects"},
    Place{IPV4_DEVCONF_SECURE_REDIRECTS - 1, "secure_redirects"},
    Place{IPV4_DEVCONF_SEND_REDIRECTS - 1, "send_redirects"},
    Place{IPV4_DEVCONF_SHARED_MEDIA - 1, "shared_media"},
    Place{IPV4_DEVCONF_RP_FILTER - 1, "rp_filter"},
    Place{IPV4_DEVCONF_ACCEPT_SOURCE_ROUTE - 1, "accept_source_route"},
    Place{IPV4_DEVCONF_LOG_MARTIANS - 1, "log_martians"},
    Place{IPV4_DEVCONF_ARPFILTER - 1, "arp_filter"},
    Place{IPV4_DEVCONF_NOXFRM - 1, "disable_xfrm"},
    Place{IPV4_DEVCONF_NOPOLICY - 1, "disable_policy"},
    Place{IPV4_DEVCONF_ARP_ANNOUNCE - 1, "arp_announce"},
    Place{IPV4_DEVCONF_ARP_IGNORE - 1, "arp_ignore"},
    Place{IPV4_DEVCONF_PROMOTE_SECONDARIES - 1, "promote_secondaries"},
    Place{IPV4_DEVCONF_ARP_ACCEPT - 1, "arp_accept"},
    Place{IPV4_DEVCONF_ARP_NOTIFY - 1, "arp_notify"},
    Place{IPV4_DEVCONF_ACCEPT_LOCAL - 1, "accept_local"},
    Place{IPV4_DEVCONF_ROUTE_LOCALNET - 1, "route_localnet"},
};
constexpr std::array kIpv6Places{
    Place{DEVCONF_FORWARDING, "forwarding"},
    Place{DEVCONF_HOPLIMIT, "hop_limit"},
    Place{DEVCONF_MTU6, "mtu"},
    Place{DEVCONF_ACCEPT_RA, "accept_ra"},
    Place{DEVCONF_ACCEPT_REDIRECTS, "accept_redirects"},
    Place{DEVCONF_AUTOCONF, "autoconf"},
    Place{DEVCONF_DAD_TRANSMITS, "dad_transmits"},
    Place{DEVCONF_RTR_SOLICITS, "router_solicitations"},
    Place{DEVCONF_USE_TEMPADDR, "use_tempaddr"},
    Place{DEVCONF_PROXY_NDP, "proxy_ndp"},
    Place{DEVCONF_ACCEPT_SOURCE_ROUTE, "accept_source_route"},
    Place{DEVCONF_DISABLE_IPV6, "disable_ipv6"},
    Place{DEVCONF_ACCEPT_DAD, "accept_dad"},
    Place{DEVCONF_ADDR_GEN_MODE, "addr_gen_mode"},
};

constexpr std::size_t kNumberSize = sizeof(std::int32_t);
// Of settings as the kernel sends them, an array of 32-bit numbers: none past its end.
std::optional<std::int32_t> number_at(std::string_view settings, std::size_t place) {
  if (settings.size() < (place + 1) * kNumberSize) return std::nullopt;
  std::int32_t number = 0;
  std::memcpy(&number, settings.data() + place * kNumberSize, kNumberSize);
  return number;
}

// The files to be read anew of an interface whose settings were `known` ones if they had not these differences; none
// when they tell too little: another length, or a number whose file is not known here.
std::optional<std::vector<const char*>> files_that_differ(std::size_t tree, std::string_view known,
                                                          std::string_view settings) {
  if (tree > kIpv6Conf || known.size() != settings.size() || known.size() % kNumberSize != 0) return std::nullopt;
  const auto file_of = [&](std::size_t number) -> const char* {
    const auto find = [&](const auto& places) -> const char* {
      for (const Place& place : places) {
        if (place.number == number) return place.file;
      }
      return nullptr;
    };
    return tree == kIpv6Conf ? find(kIpv6Places) : find(kIpv4Places);
  };
  std::vector<const char*> files;
  for (std::size_t place = 0; place < known.size() / kNumberSize; ++place) {
    if (number_at(known, place) == number_at(settings, place)) continue;
    const char* const file = file_of(place);
    if (file == nullptr) return std::nullopt;
    files.push_back(file);
  }
  return files;
}

// Whether a link's stable_secret means anything: its addr_gen_mode says so, and setting the one sets the other. Reading
// it takes the kernel's one lock of all networks, by trying again and again (addrconf_sysctl_stable_secret,
// net/ipv6/addrconf.c): a tenth of the CPU time of two labs side by side went there.
bool may_use_stable_secret(std::string_view ipv6_settings) {
  const std::optional<std::int32_t> mode = number_at(ipv6_settings, DEVCONF_ADDR_GEN_MODE);
  return !mode || (*mode != IN6_ADDR_GEN_MODE_EUI64 && *mode != IN6_ADDR_GEN_MODE_NONE);
}

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

Result<UniqueFd> open_top() { return SysctlView::usual().open_top(); }

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

SysctlView SysctlView::own() {
  auto proc = mount_detached("proc");
  if (!proc) return usual();
  SysctlView view(*std::move(proc));
  return view.open_top() ? std::move(view) : usual();
}

Result<UniqueFd> SysctlView::open_top() const {
  UniqueFd top(proc_.valid()
                   ? ::openat(proc_.get(), kTop + std::string_view("/proc/").size(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)
                   : ::open(kTop, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!top.valid()) return tl::unexpected(Error::system(fmt::format("open {}", kTop), errno));
  return top;
}

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

Result<Sysctls> SysctlReader::read_common(const NetworkNamespace& network_namespace, const SysctlView& view) {
  NETNS_LAB_ASSIGN(const std::shared_ptr<const Keys> keys, keys_listed());
  Sysctls values;
  NETNS_LAB_TRY(within(network_namespace, [&]() -> Result<void> {
    NETNS_LAB_ASSIGN(const UniqueFd top, view.open_top());
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

std::shared_ptr<const SysctlReader::Values> SysctlReader::remembered(std::size_t tree,
                                                                     const std::string& settings) const {
  const std::lock_guard lock(mutex_);
  const auto found = meanings_[tree].find(settings);
  return found == meanings_[tree].end() ? nullptr : found->second;
}

std::shared_ptr<const SysctlReader::Values> SysctlReader::read_files(const Keys& keys, std::size_t tree, int folder) {
  auto values = std::make_shared<Values>();
  for (const std::string& file : keys.interface_files[tree]) {
    if (tree == kIpv6Conf && is_untold(file)) continue;
    if (auto value = read_at(folder, file)) values->emplace_back(file, std::move(*value));
  }
  return values;
}

std::shared_ptr<const SysctlReader::Values> SysctlReader::read_differing_files(std::size_t tree,
                                                                               const std::string& settings,
                                                                               const Meanings& also, int folder) const {
  std::optional<std::vector<const char*>> files;
  std::shared_ptr<const Values> nearest;
  const auto consider = [&](const Meanings& meanings) {
    for (const auto& [known, meaning] : meanings) {
      auto found = files_that_differ(tree, known, settings);
      if (!found || (files && found->size() >= files->size())) continue;
      files = std::move(found);
      nearest = meaning;
    }
  };
  {
    const std::lock_guard lock(mutex_);
    consider(meanings_[tree]);
  }
  consider(also);
  if (!files) return nullptr;
  auto values = std::make_shared<Values>(*nearest);
  for (const char* file : *files) {
    const auto place = std::find_if(values->begin(), values->end(), [&](const auto& v) { return v.first == file; });
    auto value = read_at(folder, file);
    if (place == values->end() || !value) return nullptr;
    place->second = std::move(*value);
  }
  return values;
}

Result<Sysctls> SysctlReader::read_interfaces(const NetworkNamespace& network_namespace,
                                              netlink::NetlinkSocket& socket) {
  NETNS_LAB_ASSIGN(const std::vector<LinkSettings> links, netlink::list_link_settings(socket));
  NETNS_LAB_ASSIGN(const std::shared_ptr<const Keys> keys, keys_listed());
  std::array<Meanings, 4> learned;
  const auto read = [&](bool derive) {
    Sysctls values;
    auto done = within(network_namespace, [&]() -> Result<void> {
      NETNS_LAB_ASSIGN(const UniqueFd top, open_top());
      for (const LinkSettings& link : links) {
        for (std::size_t t = 0; t < kTrees.size(); ++t) {
          const std::string& settings = link.*kTrees[t].settings;
          const std::string path = fmt::format("{}/{}", kTrees[t].path, link.link);
          std::shared_ptr<const Values> found = settings.empty() ? nullptr : remembered(t, settings);
          if (!found) {
            const UniqueFd folder = open_folder(top.get(), path);
            if (!folder.valid()) continue;  // no IPv6 on this interface, or it has gone
            if (derive && !settings.empty()) found = read_differing_files(t, settings, learned[t], folder.get());
            if (!found) found = read_files(*keys, t, folder.get());
            if (!settings.empty()) learned[t].emplace(settings, found);
          }
          const std::string prefix = key_prefix(path);
          for (const auto& [file, value] : *found) values.emplace(prefix + key_part(file), value);
          if (t != kIpv6Conf) continue;
          for (const std::string_view file : kUntold) {
            if (file == kStableSecret && !may_use_stable_secret(settings)) continue;
            if (auto value = read_at(top.get(), fmt::format("{}/{}", path, file))) {
              values.emplace(prefix + std::string(file), std::move(*value));
            }
          }
        }
      }
      return {};
    });
    return done ? Result<Sysctls>(std::move(values)) : tl::unexpected(std::move(done).error());
  };
  NETNS_LAB_ASSIGN(Sysctls values, read(true));
  if (std::all_of(learned.begin(), learned.end(), [](const Meanings& meanings) { return meanings.empty(); }))
    return values;
  // Remembered only when the settings were the same before and after the files were read.
  NETNS_LAB_ASSIGN(const std::vector<LinkSettings> after, netlink::list_link_settings(socket));
  if (after != links) return read(false);
  const std::lock_guard lock(mutex_);
  for (std::size_t t = 0; t < kTrees.size(); ++t) {
    if (meanings_[t].size() > kMostMeanings) meanings_[t].clear();
    meanings_[t].merge(learned[t]);
  }
  return values;
}

}  // namespace netns_lab::node
