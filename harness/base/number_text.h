// Numbers made fit for people's eyes.
#pragma once

#include <cstdint>
#include <string>

namespace netns_lab {

std::string grouped(std::uint64_t number);  // "999,000"

}  // namespace netns_lab
