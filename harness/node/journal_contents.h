// What a journal says (harness/node/journal.h), read back.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace netns_lab::node {

// In the order in which it was written, without what was forgotten again.
struct JournalContents {
  std::string boot;
  std::uint64_t network_namespace = 0;
  pid_t guard = 0;
  std::vector<std::pair<std::string, std::string>> sysctls;  // key, value before; of several of one key the first
  std::vector<std::string> links;
  std::vector<std::string> nft_tables;
  std::vector<std::string> torn;  // lines that are no record: cut short, or damaged
};
// Of any text.
JournalContents parse_journal(std::string_view text);

}  // namespace netns_lab::node
