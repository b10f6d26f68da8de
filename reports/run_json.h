// The whole run as one JSON document, for `--json`. Keys: reports/README.md.
#pragma once

#include <string>

#include "harness/model/run_result.h"

namespace netns_lab::reports {

std::string run_json(const RunResult& run);  // indented, with a line end

}  // namespace netns_lab::reports
