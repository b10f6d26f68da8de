// Whatever is read as assignments stays the same assignments when it is written again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "harness/target/env_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using netns_lab::parse_env_file;
  const std::string text(reinterpret_cast<const char*>(data), size);
  const auto parameters = parse_env_file(text, "env.sh");
  if (!parameters) return 0;
  // A name that is assigned twice gets its last value in both places; otherwise nothing changes at all.
  const auto rewritten = parse_env_file(netns_lab::with_values(text, *parameters), "env.sh");
  if (text.size() * 8 < netns_lab::kMostEnvFileBytes && (!rewritten || *rewritten != *parameters)) std::abort();
  const auto written = parse_env_file(netns_lab::env_file_of(*parameters), "env.sh");
  if (text.size() * 8 < netns_lab::kMostEnvFileBytes && (!written || *written != *parameters)) std::abort();
  return 0;
}
