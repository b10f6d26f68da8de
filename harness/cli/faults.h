// The faults that `qualify` judges the suites by: fixtures/broken/SCENARIO/broken.json and the targets beside it.
//
//   [{"name": "udp-dropped", "breaks": "single-namespace.udp", "how": "a filter inside drops UDP",
//     "took_hold": "new nft table in netns1", "words": ["no reply"], "also":
//     ["single-namespace.no-other-packet-filters"]}]
#pragma once

#include <string>
#include <vector>

#include "harness/base/error.h"
#include "harness/model/scenario.h"

namespace netns_lab::cli {

struct Fault {
  std::string scenario;
  std::string name;                // the folder of its target
  std::string breaks;              // the requirement that must fail
  std::string how;                 // one line: what is wrong
  std::string took_hold;           // part of an observation that a right target does not give (observation.h)
  std::vector<std::string> words;  // each must be in what the failed requirement says
  std::vector<std::string> also;   // requirements that may fail with it, from the same cause
  std::string target;              // "script:FIXTURES/broken/SCENARIO/NAME"
};

// The folder with the fixtures: `chosen`, else that of the source tree above this program, or where `make install` put
// it. kMissing when there is none, kInvalid when `chosen` holds no broken targets.
Result<std::string> find_fixtures(const std::string& chosen);

// Of the scenarios asked for, in the table's order: "bridge" all of its faults, "bridge/pairs-crossed" that one; none
// asked for: all of all. kInvalid names what does not exist, with the nearest name, or what is wrong in a table.
Result<std::vector<Fault>> read_faults(const std::string& fixtures, const std::vector<std::string>& asked,
                                       const std::vector<Scenario>& scenarios);

}  // namespace netns_lab::cli
