#include "harness/lab/multipass/answers.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <nlohmann/json.hpp>
#include <ostream>
#include <utility>

#include "harness/base/text.h"
#include "harness/model/json.h"

namespace netns_lab::multipass {
namespace {

using Json = nlohmann::json;

constexpr std::size_t kShown = 200;  // bytes of an answer in an error

constexpr std::array<std::pair<InstanceState, const char*>, 10> kStates = {{
    {InstanceState::kRunning, "Running"},
    {InstanceState::kStopped, "Stopped"},
    {InstanceState::kDeleted, "Deleted"},
    {InstanceState::kStarting, "Starting"},
    {InstanceState::kRestarting, "Restarting"},
    {InstanceState::kDelayedShutdown, "Delayed Shutdown"},
    {InstanceState::kSuspending, "Suspending"},
    {InstanceState::kSuspended, "Suspended"},
    {InstanceState::kUnavailable, "Unavailable"},
    {InstanceState::kUnknown, "Unknown"},
}};

tl::unexpected<Error> not_understood(const char* command, const std::string& why, std::string_view text) {
  return tl::unexpected(Error::internal(fmt::format("understand what multipass {} --format json said", command),
                                        fmt::format("{}: {}", why, visible(text, kShown))));
}

// The member of an object; null for anything else.
const Json& member(const Json& json, const std::string& key) {
  static const Json kNone;
  if (!json.is_object()) return kNone;
  const auto found = json.find(key);
  return found == json.end() ? kNone : *found;
}

std::string text_of(const Json& json) { return json.is_string() ? json.get<std::string>() : std::string(); }

std::optional<std::uint64_t> number_of(const Json& json) {
  if (json.is_number_unsigned()) return json.get<std::uint64_t>();
  if (!json.is_string()) return std::nullopt;
  const std::string& text = json.get_ref<const std::string&>();
  std::uint64_t number = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (problem != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

std::vector<std::string> texts_of(const Json& json) {
  std::vector<std::string> texts;
  if (!json.is_array()) return texts;
  for (const Json& one : json) {
    if (std::string text = text_of(one); !text.empty()) texts.push_back(std::move(text));
  }
  return texts;
}

// None without any disk whose size is told.
std::optional<std::uint64_t> total_of_disks(const Json& disks) {
  if (!disks.is_object()) return std::nullopt;
  std::optional<std::uint64_t> sum;
  for (const Json& disk : disks) {
    if (const auto total = number_of(member(disk, "total"))) sum = sum.value_or(0) + *total;
  }
  return sum;
}

// `list` and `info` tell an instance alike, as far as they do.
std::optional<Instance> instance_of(std::string name, const Json& json) {
  Instance instance;
  instance.name = std::move(name);
  instance.state_text = text_of(member(json, "state"));
  if (instance.state_text.empty()) return std::nullopt;
  instance.state = parse_state(instance.state_text);
  instance.release = text_of(member(json, "release"));
  instance.ipv4 = texts_of(member(json, "ipv4"));
  instance.memory_total = number_of(member(member(json, "memory"), "total"));
  instance.disk_total = total_of_disks(member(json, "disks"));
  return instance;
}

}  // namespace

std::string to_string(InstanceState state) {
  const auto found =
      std::find_if(kStates.begin(), kStates.end(), [state](const auto& one) { return one.first == state; });
  return found != kStates.end() ? found->second : "Unknown";
}

InstanceState parse_state(std::string_view word) {
  const auto found =
      std::find_if(kStates.begin(), kStates.end(), [word](const auto& one) { return word == one.second; });
  return found != kStates.end() ? found->first : InstanceState::kUnknown;
}

std::ostream& operator<<(std::ostream& out, const Instance& instance) {
  return out << fmt::format("instance {} ({}, {}, {}, memory {}, disk {})", instance.name, instance.state_text,
                            instance.release, join(instance.ipv4, " "), instance.memory_total.value_or(0),
                            instance.disk_total.value_or(0));
}

Result<std::optional<Instance>> parse_info(const std::string& name, std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return not_understood("info", json.error().detail, text);
  const Json& all = member(*json, "info");
  if (!all.is_object()) return not_understood("info", "it has no object \"info\"", text);
  const auto found = all.find(name);
  if (found == all.end()) return std::optional<Instance>();
  auto instance = instance_of(name, *found);
  if (!instance) return not_understood("info", fmt::format("it does not tell the state of {}", name), text);
  return instance;
}

Result<std::vector<Instance>> parse_list(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return not_understood("list", json.error().detail, text);
  const Json& all = member(*json, "list");
  if (!all.is_array()) return not_understood("list", "it has no array \"list\"", text);
  std::vector<Instance> instances;
  for (const Json& one : all) {
    auto instance = instance_of(text_of(member(one, "name")), one);
    if (!instance || instance->name.empty()) {
      return not_understood("list", "an instance has no name or no state", text);
    }
    instances.push_back(*std::move(instance));
  }
  return instances;
}

std::ostream& operator<<(std::ostream& out, const Version& version) {
  return out << fmt::format("multipass {}, daemon {}", version.client, version.daemon.value_or("(none)"));
}

Result<Version> parse_version(std::string_view text) {
  const auto json = parse_json(text);
  if (!json) return not_understood("version", json.error().detail, text);
  Version version;
  version.client = text_of(member(*json, "multipass"));
  if (version.client.empty()) return not_understood("version", "it does not tell \"multipass\"", text);
  if (std::string daemon = text_of(member(*json, "multipassd")); !daemon.empty()) version.daemon = std::move(daemon);
  return version;
}

}  // namespace netns_lab::multipass
