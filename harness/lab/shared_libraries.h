// What a program needs to run elsewhere: its shared libraries and their loader, as this machine's loader finds them.
#pragma once

#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "harness/base/error.h"

namespace netns_lab {

inline constexpr auto kLoader = "/lib64/ld-linux-x86-64.so.2";  // x86-64 psABI

// The shared libraries and the loader in what `ld.so --list PROGRAM` printed. kMissing for one that is "not found".
Result<std::vector<std::string>> parse_libraries(const std::string& program, std::string_view printed);

// The libraries of all these programs, several loaders at once. What the loader refuses is a script or is linked
// statically, and needs none.
Result<std::set<std::string>> libraries_of(const std::vector<std::string>& programs);

}  // namespace netns_lab
