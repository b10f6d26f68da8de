// The tutorial's env.sh: the parameters of a script, as assignments. It is read here, never run.
//
//   # comment                     one assignment a line: NAME=value or export NAME=value
//   export CON=netns1             the value bare, in '…' or in "…", or pieces of these side by side
//   export CON IP                 names that have a value already
//   IP="10.200.1.1";  # comment   one ; may end the line; nothing is expanded: $, `, ;, &, |, <, >, (, ), \ outside '…'
//   are refused
//
// Whatever bash would do more than assign (expand, run, redirect, continue on the next line) is refused with file, line
// and what was seen, so that what we read and what bash reads can never differ.
#pragma once

#include <string>
#include <string_view>

#include "harness/base/error.h"
#include "harness/model/scenario.h"

namespace netns_lab {

inline constexpr std::size_t kMostEnvFileBytes = 64 * 1024;

// `name` is how the file is called in messages. A name assigned twice has the last value, as in bash. kInvalid:
// "env.sh:3: …".
Result<Parameters> parse_env_file(std::string_view text, const std::string& name);

// The same file with `values` in it: an assignment whose value differs is written anew, everything else stays byte for
// byte; names that the file does not assign are not added. `text` must have been parsed (else it is returned as it is).
std::string with_values(std::string_view text, const Parameters& values);

// A file that assigns `values`, for a script that has none.
std::string env_file_of(const Parameters& values);

}  // namespace netns_lab
