// Any rules, sets and maps: what they translate is told, and on what it depends, never a crash, and in time that has a
// bound.
//
//   cmake --preset fuzz && cmake --build --preset fuzz --target netlink_nft_translation_fuzz &&
//   build/fuzz/netlink_nft_translation_fuzz -max_total_time=60
#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "harness/netlink/nft_conditions.h"
#include "harness/netlink/nft_steps.h"
#include "harness/netlink/nft_translation.h"

namespace {

using namespace netns_lab::netlink;

// Names of chains and sets that the attributes' bytes can say, so that jumps and look-ups lead somewhere.
constexpr std::array<const char*, 3> kNames = {"a", "b", "c"};
constexpr std::array<const char*, 20> kExpressions = {
    "meta", "payload", "cmp",       "range",   "lookup", "immediate", "match",  "target", "nat",    "redir",
    "ct",   "bitwise", "byteorder", "counter", "masq",   "limit",     "objref", "dynset", "exthdr", "fib"};

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(data, size) {}
  bool at_end() const { return rest_.empty(); }
  std::uint8_t byte() {
    if (rest_.empty()) return 0;
    const std::uint8_t value = rest_.front();
    rest_ = rest_.subspan(1);
    return value;
  }
  std::vector<std::uint8_t> bytes() {
    const std::size_t size = std::min<std::size_t>(byte(), rest_.size());
    const std::vector<std::uint8_t> taken(rest_.begin(), rest_.begin() + static_cast<std::ptrdiff_t>(size));
    rest_ = rest_.subspan(size);
    return taken;
  }

 private:
  std::span<const std::uint8_t> rest_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  NftProgram program;
  constexpr std::array<std::uint8_t, 3> kFamilies = {1, 2, 10};  // NFPROTO_INET, NFPROTO_IPV4, NFPROTO_IPV6
  program.family = kFamilies[size % kFamilies.size()];
  program.base_chains = {kNames[0]};
  if ((input.byte() & 1U) != 0) program.base_chains.emplace_back("absent");
  while (!input.at_end()) {
    const std::uint8_t what = input.byte();
    const std::string name = kNames[what % kNames.size()];
    if ((what & 0x80U) != 0) {
      program.sets[name].push_back({input.bytes()});
      continue;
    }
    auto& rules = program.rules[name];
    if ((what & 0x40U) != 0 || rules.empty()) rules.emplace_back();
    const char* const expression = kExpressions[input.byte() % kExpressions.size()];
    rules.back().push_back({expression, input.bytes()});
  }
  program.hooks[kNames[0]] = {"postrouting", 100};
  static_cast<void>(conditions_of_translations(program));
  for (const auto& chain : steps_of(program)) {
    for (std::size_t at = 0; at < chain.steps.size(); ++at) {
      if (chain.steps[at].does.empty() || at + chain.steps[at].skip >= chain.steps.size()) __builtin_trap();
    }
  }
  for (const auto& each : translations_of(program)) {
    if (to_string(each).empty()) __builtin_trap();
  }
  return 0;
}
