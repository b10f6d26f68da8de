#include "harness/model/flag_text.h"

#include <fmt/format.h>

namespace netns_lab {

std::string flag_text(std::uint32_t flags, std::span<const FlagName> names) {
  std::string text;
  const auto append = [&text](std::string_view word) {
    if (!text.empty()) text += ',';
    text += word;
  };
  for (const FlagName& flag : names) {
    if ((flags & flag.bit) == 0) continue;
    append(flag.name);
    flags &= ~flag.bit;
  }
  if (flags != 0) append(fmt::format("0x{:x}", flags));
  return text;
}

}  // namespace netns_lab
