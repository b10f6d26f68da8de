// --known-failures FILE: what is known to fail, and why, so that a pipeline is told of everything else.
//
//   # comment
//   single-namespace.tear-down                                   # issue 12: no teardown.sh yet
//   single-namespace.host-route script:fixtures/old/setup.sh     # will not be mended
//
// One a line: a requirement's id, the target (as --target and the report name it) when it is not of every target, and
// behind a '#' the reason, which is required. Its failure is a `known-failure`, its pass a `fail`: the list is wrong
// then.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/scenario.h"

namespace netns_lab::cli {

struct KnownFailure {
  std::string requirement;
  std::string target;  // "" every one
  std::string reason;
  std::size_t line = 0;
};

// kInvalid with name and line: an id that no scenario has (with the nearest), no reason, listed twice.
Result<std::vector<KnownFailure>> parse_known_failures(std::string_view text, const std::string& name,
                                                       const std::vector<Scenario>& scenarios);
Result<std::vector<KnownFailure>> read_known_failures(const std::string& path, const std::vector<Scenario>& scenarios);

// Requirement to reason, of one target: what is said of it by name goes before what is said of every one.
std::map<std::string, std::string> of_target(const std::vector<KnownFailure>& known, const std::string& target);

}  // namespace netns_lab::cli
