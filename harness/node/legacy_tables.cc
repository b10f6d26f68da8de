#include "harness/node/legacy_tables.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <linux/netfilter.h>
#include <linux/netfilter_ipv4/ip_tables.h>

#include <cstddef>
#include <cstring>
#include <fstream>
#include <functional>
#include <optional>
#include <span>
#include <string_view>

#include "harness/base/unique_fd.h"

namespace netns_lab::node {
namespace {

// The two families have the same numbers and structures but for the address part, with which an entry begins; the
// headers of both cannot stand in one file.
struct LegacyFamily {
  const char* name;
  const char* names_file;
  int domain;
  int level;
  std::size_t address_part;  // sizeof(ipt_ip), sizeof(ip6t_ip6)
};
constexpr LegacyFamily kFamilies[] = {
    {"iptables (legacy)", "/proc/thread-self/net/ip_tables_names", AF_INET, SOL_IP, 84},
    {"ip6tables (legacy)", "/proc/thread-self/net/ip6_tables_names", AF_INET6, SOL_IPV6, 136},
};
static_assert(sizeof(ipt_ip) == 84);

// struct ipt_entry, after the address part.
struct EntryTail {
  std::uint32_t cache;
  std::uint16_t target_offset;
  std::uint16_t next_offset;
  std::uint32_t hooks;
};
constexpr std::size_t kCountersSize = sizeof(xt_counters);

std::size_t counters_offset(const LegacyFamily& family) {
  const std::size_t end = family.address_part + sizeof(EntryTail);
  return (end + alignof(xt_counters) - 1) / alignof(xt_counters) * alignof(xt_counters);
}

// Does nothing but accept, or ends the table (the ERROR target)?
bool is_the_kernels_own(std::span<const char> target) {
  if (target.size() < sizeof(xt_entry_target)) return false;
  xt_entry_target head{};
  std::memcpy(&head, target.data(), sizeof head);
  if (std::string_view(head.u.user.name, ::strnlen(head.u.user.name, sizeof head.u.user.name)) == "ERROR") return true;
  xt_standard_target standard{};
  if (head.u.user.name[0] != '\0' || target.size() < sizeof standard) return false;
  std::memcpy(&standard, target.data(), sizeof standard);
  return standard.verdict == -NF_ACCEPT - 1;
}

struct Contents {
  bool only_the_kernels_own = true;
  std::string without_counters;
};

// Nothing where the entries make no sense.
std::optional<Contents> read_entries(const LegacyFamily& family, std::string entries) {
  Contents contents;
  const std::size_t counters = counters_offset(family);
  for (std::size_t at = 0; at < entries.size();) {
    EntryTail tail{};
    if (entries.size() - at < counters + kCountersSize) return std::nullopt;
    std::memcpy(&tail, entries.data() + at + family.address_part, sizeof tail);
    if (tail.next_offset < counters + kCountersSize || tail.next_offset > entries.size() - at ||
        tail.target_offset > tail.next_offset) {
      return std::nullopt;
    }
    const std::span<const char> entry(entries.data() + at, tail.next_offset);
    contents.only_the_kernels_own =
        contents.only_the_kernels_own && is_the_kernels_own(entry.subspan(tail.target_offset));
    std::memset(entries.data() + at + counters, 0, kCountersSize);
    at += tail.next_offset;
  }
  contents.without_counters = std::move(entries);
  return contents;
}

std::optional<LegacyTable> read_table(const LegacyFamily& family, const std::string& name) {
  const UniqueFd socket(::socket(family.domain, SOCK_RAW | SOCK_CLOEXEC, IPPROTO_RAW));
  ipt_getinfo info{};
  name.copy(info.name, sizeof info.name - 1);
  socklen_t length = sizeof info;
  if (!socket.valid() || ::getsockopt(socket.get(), family.level, IPT_SO_GET_INFO, &info, &length) != 0)
    return std::nullopt;
  unsigned hooks = 0;
  for (unsigned valid = info.valid_hooks; valid != 0; valid &= valid - 1) ++hooks;
  LegacyTable table;
  table.name = fmt::format("{} {}", family.name, name);
  table.rules = info.num_entries > hooks + 1 ? info.num_entries - hooks - 1 : 0;

  // struct ipt_get_entries: the name, the size, and the entries, aligned.
  constexpr std::size_t kHeader = sizeof(ipt_get_entries);
  std::string answer(kHeader + info.size, '\0');
  struct {
    char name[XT_TABLE_MAXNAMELEN] = {};
    unsigned size = 0;
  } header;
  name.copy(header.name, sizeof header.name - 1);
  header.size = info.size;
  std::memcpy(answer.data(), &header, sizeof header);
  length = static_cast<socklen_t>(answer.size());
  if (::getsockopt(socket.get(), family.level, IPT_SO_GET_ENTRIES, answer.data(), &length) != 0) return table;
  const auto contents = read_entries(family, answer.substr(kHeader));
  if (!contents) return table;
  if (contents->only_the_kernels_own && table.rules == 0) return std::nullopt;
  table.digest = fmt::format("{:016x}", std::hash<std::string>()(contents->without_counters));
  return table;
}

}  // namespace

std::vector<LegacyTable> legacy_tables() {
  std::vector<LegacyTable> tables;
  for (const LegacyFamily& family : kFamilies) {
    std::ifstream names(family.names_file);
    std::string name;
    while (std::getline(names, name)) {
      if (auto table = read_table(family, name)) tables.push_back(*std::move(table));
    }
  }
  return tables;
}

PacketFilter packet_filter(const LegacyTable& table) {
  PacketFilter filter;
  filter.name = table.name;
  filter.holds = table.rules > 0 ? fmt::format("{} rules or chains", table.rules) : "another policy";
  filter.rules = table.rules;
  filter.is_idle = false;
  filter.contents = table.digest.empty() ? "unknown" : table.digest;
  return filter;
}

}  // namespace netns_lab::node
