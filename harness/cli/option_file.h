// A small text file that an option names.
#pragma once

#include <cstddef>
#include <string>

#include "harness/base/error.h"

namespace netns_lab::cli {

// Its bytes, one more than `most` at most (so that what reads them sees that there are too many). kInvalid, with the
// option's name, when it cannot be read or is no file.
Result<std::string> read_option_file(const std::string& option, const std::string& path, std::size_t most);

}  // namespace netns_lab::cli
