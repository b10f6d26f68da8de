// Whatever multipass prints: it is refused with an error, or what was read is within what it said.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "harness/lab/multipass/answers.h"
#include "harness/lab/multipass/commands.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab::multipass;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto info = parse_info("a", text);
  if (info && *info) {
    if ((*info)->name != "a" || (*info)->state_text.empty()) std::abort();
    if ((*info)->state != parse_state((*info)->state_text)) std::abort();
  }
  if (!info && info.error().message().empty()) std::abort();
  if (const auto list = parse_list(text)) {
    for (const Instance& one : *list) {
      if (one.name.empty() || one.state_text.empty()) std::abort();
    }
  }
  if (const auto version = parse_version(text); version && version->client.empty()) std::abort();
  if (const auto guest = parse_guest_output(text)) {
    if (guest->status < 0 || guest->status > 255 || guest->output.size() >= size) std::abort();
  }
  return 0;
}
