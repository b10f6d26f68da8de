// ICMP types and codes in words (RFC 792, RFC 1122, RFC 4443). Internal to this folder.
#pragma once

#include <cstdint>
#include <string>

#include "harness/model/address.h"

namespace netns_lab {

std::string icmp_text(Family family, std::uint8_t type,
                      std::uint8_t code);  // "destination host unreachable"; "type 9 code 1" when unknown

}  // namespace netns_lab
