// Results go to standard output, everything else to standard error.
#pragma once

#include <string_view>

namespace netns_lab::cli {

void print(std::string_view text);  // standard output, as it is
void say(std::string_view text);    // standard error, one line with "netns-lab: " before it

// Whether people look at it and want colour: a terminal, NO_COLOR unset or empty (no-color.org), TERM not "dumb".
bool wants_colour(int fd);

}  // namespace netns_lab::cli
