#include "harness/node/journal_contents.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>

#include "harness/base/text.h"

namespace netns_lab::node {
namespace {

using nlohmann::json;

std::optional<std::string> word(const json& entry, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_string()) return std::nullopt;
  return found->get<std::string>();
}

template <typename Number>
std::optional<Number> number(const json& entry, const char* key) {
  const auto found = entry.find(key);
  if (found == entry.end() || !found->is_number_integer()) return std::nullopt;
  return found->get<Number>();
}

// False where it is no record.
bool read_record(const json& entry, JournalContents& contents) {
  if (!entry.is_object()) return false;
  if (const auto boot = word(entry, "boot")) {
    const auto network_namespace = number<std::uint64_t>(entry, "netns");
    const auto guard = number<pid_t>(entry, "guard");
    if (!network_namespace || !guard) return false;
    contents.boot = *boot;
    contents.network_namespace = *network_namespace;
    contents.guard = *guard;
    return true;
  }
  if (const auto key = word(entry, "sysctl")) {
    const auto value = word(entry, "value");
    if (!value) return false;
    const auto known = [&key](const auto& item) { return item.first == *key; };
    if (std::none_of(contents.sysctls.begin(), contents.sysctls.end(), known))
      contents.sysctls.emplace_back(*key, *value);
    return true;
  }
  if (const auto link = word(entry, "link")) {
    contents.links.push_back(*link);
    return true;
  }
  if (const auto table = word(entry, "nft-table")) {
    contents.nft_tables.push_back(*table);
    return true;
  }
  if (const auto table = word(entry, "forget-nft-table")) {
    std::erase(contents.nft_tables, *table);
    return true;
  }
  if (const auto link = word(entry, "forget")) {
    std::erase(contents.links, *link);
    return true;
  }
  if (const auto key = word(entry, "restored")) {
    std::erase_if(contents.sysctls, [&key](const auto& item) { return item.first == *key; });
    return true;
  }
  return false;
}

}  // namespace

JournalContents parse_journal(std::string_view text) {
  JournalContents contents;
  for (const std::string& line : split_lines(text)) {
    if (!read_record(json::parse(line, nullptr, /*allow_exceptions=*/false), contents)) contents.torn.push_back(line);
  }
  return contents;
}

}  // namespace netns_lab::node
