// The Internet checksum (RFC 1071).
#pragma once

#include <cstdint>

#include "harness/probe/wire.h"

namespace netns_lab::probe {

// The value to store in the checksum field (as a host number) when that field is zero in `bytes`; 0 over bytes whose
// checksum is right.
std::uint16_t internet_checksum(Bytes bytes);

}  // namespace netns_lab::probe
