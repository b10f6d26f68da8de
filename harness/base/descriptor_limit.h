// How many descriptors a process may have open at once (RLIMIT_NOFILE, getrlimit(2)).
#pragma once

#include <cstdint>

namespace netns_lab {

// Of this process, now; what it starts from now on begins with the same.
std::uint64_t descriptor_limit();

// Sees to it that `wanted` may be open, as far as the hard limit lets it; never takes any away. The limit that there is
// then.
std::uint64_t raise_descriptor_limit(std::uint64_t wanted);

}  // namespace netns_lab
