// Whose an echo is that a node on its way gave another identifier (RFC 3022, 2.2; EchoSpec::may_be_translated): it is
// told by its payload, which no two requests share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "harness/probe/payload.h"
#include "harness/probe/sighting_reader.h"

namespace netns_lab::probe {

class TranslatedEchoes {
 public:
  // Which may be translated: `flow` as the caller calls it. A payload of less than 8 bytes tells nothing: such a flow
  // is known by its identifier alone.
  void add(std::size_t flow, std::uint64_t payload_seed, std::uint32_t payload_size);

  // The flow whose payload a request or a reply carries; or, of an ICMP error, whose request had the identifier that it
  // quotes, as far as one was seen. None: of no such flow, or its payload is another.
  std::optional<std::size_t> owner_of(const Seen& seen);

 private:
  struct Flow {
    std::size_t number;
    PayloadPattern payload;
    std::uint32_t payload_size;
  };
  std::vector<Flow> flows_;
  std::map<std::uint16_t, std::size_t> by_identifier_;  // as they were seen
};

}  // namespace netns_lab::probe
