#include "harness/model/packed.h"

#include <algorithm>

#include "harness/base/text.h"
#include "harness/model/packed_support.h"

namespace netns_lab::packed_support {

void put_text(std::string& out, const std::string& text) {
  const auto put = [&out](const std::string& utf8) {
    put_count(out, utf8.size());
    out += utf8;
  };
  const bool is_ascii = std::all_of(text.begin(), text.end(), [](char byte) { return (byte & 0x80) == 0; });
  is_ascii ? put(text) : put(make_utf8(text));
}

}  // namespace netns_lab::packed_support
