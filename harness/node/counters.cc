#include "harness/node/counters.h"

#include <charconv>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <vector>

#include "harness/base/text.h"

namespace netns_lab::node {
namespace {

std::vector<std::string> words_of(std::string_view line) {
  std::istringstream stream{std::string(line)};
  return {std::istream_iterator<std::string>(stream), {}};
}

std::optional<std::uint64_t> number_of(const std::string& word) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
  if (error != std::errc() || end != word.data() + word.size()) return std::nullopt;
  return number;
}

std::string read_file(const char* path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

Counters parse_paired_counters(std::string_view text) {
  Counters counters;
  std::vector<std::string> names;
  for (const std::string& line : split_lines(std::string(text))) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() < 2) continue;
    if (names.empty() || names.front() != words.front()) {
      names = words;
      continue;
    }
    std::string prefix = names.front();
    if (prefix.ends_with(':')) prefix.back() = '.';
    for (std::size_t i = 1; i < names.size() && i < words.size(); ++i) {
      if (const auto number = number_of(words[i])) counters[prefix + names[i]] = *number;
    }
    names.clear();
  }
  return counters;
}

Counters parse_named_counters(std::string_view text) {
  Counters counters;
  for (const std::string& line : split_lines(std::string(text))) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() != 2) continue;
    if (const auto number = number_of(words[1])) counters[words[0]] = *number;
  }
  return counters;
}

Counters parse_device_counters(std::string_view text) {
  // Behind the name: received bytes, packets, errs, drop, fifo, frame, compressed, multicast; sent bytes, packets,
  // errs, drop … (dev_seq_printf_stats).
  constexpr std::size_t kReceivedDrop = 3, kSentDrop = 11;
  Counters counters;
  for (const std::string& line : split_lines(std::string(text))) {
    const std::size_t colon = line.rfind(':');  // an interface's name holds none
    const std::size_t first = line.find_first_not_of(' ');
    if (colon == std::string::npos || first >= colon) continue;
    const std::vector<std::string> words = words_of(std::string_view(line).substr(colon + 1));
    if (words.size() <= kSentDrop) continue;
    const std::string name = line.substr(first, colon - first);
    if (const auto number = number_of(words[kReceivedDrop])) counters[name + ".rx_dropped"] = *number;
    if (const auto number = number_of(words[kSentDrop])) counters[name + ".tx_dropped"] = *number;
  }
  return counters;
}

std::optional<std::uint64_t> parse_backlog_drops(std::string_view text) {
  std::optional<std::uint64_t> sum;
  for (const std::string& line : split_lines(std::string(text))) {
    const std::vector<std::string> words = words_of(line);
    if (words.size() < 2) continue;
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(words[1].data(), words[1].data() + words[1].size(), number, 16);
    if (error == std::errc() && end == words[1].data() + words[1].size()) sum = sum.value_or(0) + number;
  }
  return sum;
}

Result<std::uint64_t> read_backlog_drops() {
  constexpr auto kPath = "/proc/thread-self/net/softnet_stat";
  const std::optional<std::uint64_t> drops = parse_backlog_drops(read_file(kPath));
  if (drops) return *drops;
  return tl::unexpected(Error::internal(std::string("read ") + kPath, "it tells nothing of backlogs"));
}

Result<Counters> read_counters(const NetworkNamespace& network_namespace) {
  Counters counters;
  NETNS_LAB_TRY(within(network_namespace, [&counters]() -> Result<void> {
    for (const char* path : {"/proc/thread-self/net/snmp", "/proc/thread-self/net/netstat"})
      counters.merge(parse_paired_counters(read_file(path)));
    counters.merge(parse_named_counters(read_file("/proc/thread-self/net/snmp6")));
    counters.merge(parse_device_counters(read_file("/proc/thread-self/net/dev")));
    if (const auto drops = read_backlog_drops()) counters["softnet.dropped"] = *drops;
    return {};
  }));
  return counters;
}

}  // namespace netns_lab::node
