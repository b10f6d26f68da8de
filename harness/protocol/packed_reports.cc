#include "harness/protocol/packed_reports.h"

#include <utility>

#include "harness/model/packed.h"

namespace netns_lab::protocol {

std::string take_reports(ProbeReply& reply) {
  std::string bytes;
  append_packed(std::exchange(reply.echoes, {}), bytes);
  append_packed(std::exchange(reply.exchanges, {}), bytes);
  return bytes;
}

Result<void> put_reports(std::string_view bytes, ProbeReply& reply) {
  NETNS_LAB_ASSIGN(reply.echoes, take_packed_echoes(bytes));
  NETNS_LAB_ASSIGN(reply.exchanges, take_packed_exchanges(bytes));
  if (bytes.empty()) return {};
  return tl::unexpected(Error::internal("read what a probe saw", "there are more bytes than its own"));
}

}  // namespace netns_lab::protocol
