// Bit sets in words: "UP,BROADCAST,0x80000". Internal to this folder.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace netns_lab {

struct FlagName {
  std::uint32_t bit;
  const char* name;
};

// The names of the bits that are set, in the table's order, then the unnamed rest as one hexadecimal number; "" when
// nothing is set.
std::string flag_text(std::uint32_t flags, std::span<const FlagName> names);

}  // namespace netns_lab
