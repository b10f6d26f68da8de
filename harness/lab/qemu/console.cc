#include "harness/lab/qemu/console.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <span>
#include <vector>

#include "harness/base/text.h"

namespace netns_lab::qemu {
namespace {

constexpr std::size_t kLongestLine = 300;

std::vector<std::string> lines_of(std::string_view log) {
  std::vector<std::string> lines;
  for (std::string& line : split_lines(log)) {
    line.erase(std::remove(line.begin(), line.end(), '\r'), line.end());
    if (!line.empty()) lines.push_back(visible(visible_line(line), kLongestLine));
  }
  return lines;
}

// What the kernel itself says begins with the time ("[    2.345678] ", printk.time); what follows it.
std::string_view words_of_kernel(std::string_view line) {
  const std::size_t end = line.find("] ");
  return line.starts_with('[') && end != std::string_view::npos ? line.substr(end + 2) : std::string_view();
}

// The machine may be in the middle of a line: half of one is no cause.
std::vector<std::string> whole_lines_of(std::string_view log) { return lines_of(log.substr(0, log.rfind('\n') + 1)); }

}  // namespace

std::string end_of_file(int file, std::size_t most, std::size_t from) {
  struct stat status {};
  if (::fstat(file, &status) != 0) return "";
  const auto size = static_cast<std::size_t>(status.st_size);
  const std::size_t begin = std::max(size > most ? size - most : 0, from);
  if (begin >= size) return "";
  std::string text(size - begin, '\0');
  const ssize_t got = ::pread(file, text.data(), text.size(), static_cast<off_t>(begin));
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

std::string console_tail(std::string_view log, std::size_t lines) {
  const std::vector<std::string> all = lines_of(log);
  const std::size_t first = all.size() > lines ? all.size() - lines : 0;
  return join(std::span(all).subspan(first), " | ");
}

std::string out_of_memory(std::string_view log) {
  std::string found;
  for (const std::string& line : whole_lines_of(log)) {
    if (words_of_kernel(line).starts_with("Out of memory: Killed process")) found = words_of_kernel(line);
  }
  return found;
}

std::string console_cause(std::string_view log) {
  constexpr std::string_view kPanic = "Kernel panic - not syncing: ";
  for (const std::string& line : whole_lines_of(log)) {
    const std::string_view words = words_of_kernel(line);
    if (words.starts_with(kPanic)) return "its kernel panicked: " + std::string(words.substr(kPanic.size()));
  }
  const std::string killed = out_of_memory(log);
  return killed.empty() ? "" : "its memory was used up: " + killed;
}

}  // namespace netns_lab::qemu
