// What the kernel tells of a tracepoint: the file `format` of tracefs (Documentation/trace/events.rst, 4). Offsets and
// numbers differ from kernel to kernel, so none is known beforehand.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "harness/base/error.h"

namespace netns_lab::node {

struct TracepointField {
  std::uint32_t offset = 0;  // bytes, in a raw record
  std::uint32_t size = 0;    // bytes
  bool is_placed =
      false;  // __data_loc: a number, whose low half is the offset of the bytes and whose high half their size
};

struct TracepointFormat {
  std::uint32_t id = 0;  // common_type of its records
  std::map<std::string, TracepointField> fields;
  std::map<std::uint64_t, std::string> symbols;  // of the print format's first __print_symbolic: 16, "IP_RPFILTER"

  // A number of 1, 2, 4 or 8 bytes, in this machine's order; none where there is no such field or the record ends.
  std::optional<std::uint64_t> number(std::span<const std::uint8_t> record, const std::string& field) const;
  // Text up to its zero; none likewise.
  std::optional<std::string> text(std::span<const std::uint8_t> record, const std::string& field) const;
};

// kInvalid where it has no ID or no field. What it says beside that is passed over.
Result<TracepointFormat> parse_tracepoint_format(std::string_view text);

}  // namespace netns_lab::node
