// Any ICMP message of either family; what is read of it must lie within it.
#include <cstdlib>

#include "harness/probe/checksum.h"
#include "harness/probe/icmp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace netns_lab;
  const probe::Bytes bytes(data, size);
  for (const Family family : {Family::kIpv4, Family::kIpv6}) {
    const auto message = probe::parse_icmp(family, bytes);
    if (message && !message->payload.empty() && message->payload.data() + message->payload.size() != data + size)
      std::abort();
  }
  static_cast<void>(probe::internet_checksum(bytes));
  return 0;
}
