// What multipass says, as values. Its JSON changed from release to release and says less of an instance that is not
// running: only what is used is read, unknown keys and states are let be, numbers may be text.
//
//   NETNS_LAB_ASSIGN(const auto instance, parse_info("netns-lab", outcome.output));
//   if (!instance) …                                              // there is no such instance
//   if (instance->state == InstanceState::kRunning) …
//
// Source: multipass's formatter (src/client/cli/formatter/json_formatter.cpp), 1.10 to 1.16.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab::multipass {

enum class InstanceState : std::uint8_t {
  kRunning,
  kStopped,
  kDeleted,  // it keeps its name until it is purged
  kStarting,
  kRestarting,
  kDelayedShutdown,
  kSuspending,
  kSuspended,
  kUnavailable,
  kUnknown,  // what multipass calls so, and what a later release may say
};
std::string to_string(InstanceState state);  // multipass's word
InstanceState parse_state(std::string_view word);

struct Instance {
  std::string name;
  InstanceState state = InstanceState::kUnknown;
  std::string state_text;                     // as multipass said it
  std::string release;                        // "Ubuntu 22.04.3 LTS"; "" when it is not running
  std::vector<std::string> ipv4;              // none when it is not running
  std::optional<std::uint64_t> memory_total;  // bytes
  std::optional<std::uint64_t> disk_total;    // bytes, of all its disks
  bool operator==(const Instance&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Instance& instance);

// `info NAME --format json`. None when the answer does not speak of that instance. kInternal: it cannot be understood;
// the error shows how it begins.
Result<std::optional<Instance>> parse_info(const std::string& name, std::string_view text);

// `list --format json`. In the order of the answer.
Result<std::vector<Instance>> parse_list(std::string_view text);

struct Version {
  std::string client;                 // "1.13.1"
  std::optional<std::string> daemon;  // none: it does not answer
  bool operator==(const Version&) const = default;
};
std::ostream& operator<<(std::ostream& out, const Version& version);

// `version --format json`: exits 0 without a daemon, and is the cheap way to ask for one.
Result<Version> parse_version(std::string_view text);

}  // namespace netns_lab::multipass
