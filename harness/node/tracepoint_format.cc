#include "harness/node/tracepoint_format.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "harness/base/text.h"

namespace netns_lab::node {
namespace {

constexpr std::size_t kMostFields = 256;
constexpr std::size_t kMostSymbols = 4096;

std::string_view trimmed(std::string_view text) {
  const std::size_t from = text.find_first_not_of(" \t");
  if (from == std::string_view::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r") + 1 - from);
}

template <typename Number>
std::optional<Number> parsed(std::string_view text) {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "field:__data_loc char[] name;	offset:20;	size:4;	signed:0;"
void add_field(std::string_view line, TracepointFormat& format) {
  std::string_view declared;
  std::optional<std::uint32_t> offset;
  std::optional<std::uint32_t> size;
  while (!line.empty()) {
    const std::size_t end = std::min(line.find(';'), line.size());
    const std::string_view part = trimmed(line.substr(0, end));
    line = end == line.size() ? std::string_view() : line.substr(end + 1);
    const std::size_t colon = part.find(':');
    if (colon == std::string_view::npos) continue;
    const std::string_view key = part.substr(0, colon);
    const std::string_view value = part.substr(colon + 1);
    if (key == "field") declared = value;
    if (key == "offset") offset = parsed<std::uint32_t>(value);
    if (key == "size") size = parsed<std::uint32_t>(value);
  }
  if (!offset || !size || format.fields.size() == kMostFields) return;
  std::string_view name = declared.substr(std::min(declared.find_last_of(" *") + 1, declared.size()));
  name = name.substr(0, name.find('['));
  if (name.empty()) return;
  format.fields[std::string(name)] = {
      .offset = *offset, .size = *size, .is_placed = declared.starts_with("__data_loc ")};
}

// … __print_symbolic(REC->reason, { 2, "NOT_SPECIFIED" }, { 3, "NO_SOCKET" }, …)
void add_symbols(std::string_view line, TracepointFormat& format) {
  const std::size_t begin = line.find("__print_symbolic(");
  if (begin == std::string_view::npos) return;
  line = line.substr(begin);
  while (format.symbols.size() < kMostSymbols) {
    const std::size_t open = line.find('{');
    if (open == std::string_view::npos || line.find(')') < open) return;
    const std::size_t close = line.find('}', open);
    if (close == std::string_view::npos) return;
    const std::string_view pair = line.substr(open + 1, close - open - 1);
    line = line.substr(close + 1);
    const std::size_t comma = pair.find(',');
    const std::size_t from = pair.find('"');
    const std::size_t to = pair.rfind('"');
    if (comma == std::string_view::npos || from == std::string_view::npos || to <= from) continue;
    const auto value = parsed<std::uint64_t>(trimmed(pair.substr(0, comma)));
    if (value) format.symbols.emplace(*value, std::string(pair.substr(from + 1, to - from - 1)));
  }
}

}  // namespace

std::optional<std::uint64_t> TracepointFormat::number(std::span<const std::uint8_t> record,
                                                      const std::string& field) const {
  const auto found = fields.find(field);
  if (found == fields.end()) return std::nullopt;
  const auto [offset, size, is_placed] = found->second;
  if (offset > record.size() || size > record.size() - offset) return std::nullopt;
  const std::uint8_t* const at = record.data() + offset;
  const auto read = [at](auto value) -> std::uint64_t {
    std::memcpy(&value, at, sizeof value);
    return value;
  };
  switch (size) {
    case 1:
      return read(std::uint8_t{});
    case 2:
      return read(std::uint16_t{});
    case 4:
      return read(std::uint32_t{});
    case 8:
      return read(std::uint64_t{});
    default:
      return std::nullopt;
  }
}

std::optional<std::string> TracepointFormat::text(std::span<const std::uint8_t> record,
                                                  const std::string& field) const {
  const auto found = fields.find(field);
  if (found == fields.end()) return std::nullopt;
  std::uint64_t offset = found->second.offset;
  std::uint64_t size = found->second.size;
  if (found->second.is_placed) {
    const auto place = number(record, field);
    if (!place) return std::nullopt;
    offset = *place & 0xffff;
    size = (*place >> 16) & 0xffff;
  }
  if (offset > record.size() || size > record.size() - offset) return std::nullopt;
  const auto bytes = record.subspan(offset, size);
  return std::string(bytes.begin(), std::find(bytes.begin(), bytes.end(), std::uint8_t{0}));
}

Result<TracepointFormat> parse_tracepoint_format(std::string_view text) {
  TracepointFormat format;
  std::optional<std::uint32_t> id;
  for (const std::string& whole : split_lines(std::string(text))) {
    const std::string_view line = trimmed(whole);
    if (line.starts_with("ID:")) id = parsed<std::uint32_t>(trimmed(line.substr(3)));
    if (line.starts_with("field:")) add_field(line, format);
    if (line.starts_with("print fmt:")) add_symbols(line, format);
  }
  if (!id || format.fields.empty()) {
    return tl::unexpected(
        Error::invalid("format of a tracepoint", !id ? "it tells no ID" : "it tells no field", "see tracefs(5)"));
  }
  format.id = *id;
  return format;
}

}  // namespace netns_lab::node
